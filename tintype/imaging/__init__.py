"""How does a master become the picture that is delivered? The only home of libvips."""

from tintype.imaging.card import card
from tintype.imaging.render import pixel, render, size, verify

__all__ = ["card", "pixel", "render", "size", "verify"]
