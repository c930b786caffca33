"""How does a master become the picture that is delivered? The only home of libvips."""

from tintype.imaging.content import ContentStats, is_one_colour, look
from tintype.imaging.error_card import card, placeholder
from tintype.imaging.render import pixel, render, size, verify
from tintype.imaging.stitch import join

__all__ = ["ContentStats", "card", "is_one_colour", "join", "look", "pixel", "placeholder", "render", "size", "verify"]
