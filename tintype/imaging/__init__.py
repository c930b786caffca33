"""Image processing with libvips: renders thumbnails from masters, draws fallback images, measures content."""

from tintype.imaging.content import ContentStats, is_one_colour, measure_content
from tintype.imaging.difference import ImageDifference, draw_difference, find_difference
from tintype.imaging.error_card import draw_error_card, draw_placeholder
from tintype.imaging.leftover import Box, Leftover, is_pale, is_ring, measure_leftover
from tintype.imaging.render import render, rendering_pixels, size, verify
from tintype.imaging.stitch import Patch, apply_patches, stitch_vertically

__all__ = [
    "Box",
    "ContentStats",
    "ImageDifference",
    "Leftover",
    "Patch",
    "apply_patches",
    "draw_difference",
    "draw_error_card",
    "draw_placeholder",
    "find_difference",
    "is_one_colour",
    "is_pale",
    "is_ring",
    "measure_content",
    "measure_leftover",
    "render",
    "rendering_pixels",
    "size",
    "stitch_vertically",
    "verify",
]
