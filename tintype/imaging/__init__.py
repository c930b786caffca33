"""How does a master become the picture that is delivered? The only home of libvips."""

from tintype.imaging.card import card, placeholder
from tintype.imaging.join import join
from tintype.imaging.look import Look, is_one_colour, look
from tintype.imaging.render import pixel, render, size, verify

__all__ = ["Look", "card", "is_one_colour", "join", "look", "pixel", "placeholder", "render", "size", "verify"]
