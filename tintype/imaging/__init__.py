"""How does a master become the picture that is delivered? The only home of libvips."""

from tintype.imaging.content import ContentStats, is_one_colour, measure_content
from tintype.imaging.error_card import draw_error_card, draw_placeholder
from tintype.imaging.render import render, size, verify
from tintype.imaging.stitch import stitch_vertically

__all__ = [
    "ContentStats",
    "draw_error_card",
    "draw_placeholder",
    "is_one_colour",
    "measure_content",
    "render",
    "size",
    "stitch_vertically",
    "verify",
]
