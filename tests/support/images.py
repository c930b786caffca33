"""Reads pixels of images in tests."""

from __future__ import annotations

import pyvips

from tintype.imaging.render import to_srgb
from tintype.model import Capture


def pixel(body: bytes, x: int, y: int) -> tuple[int, ...]:
    """The sRGB values (0 to 255, alpha last if there is one) at a position from the upper left corner."""
    return tuple(round(value) for value in to_srgb(pyvips.Image.new_from_buffer(body, "")).getpoint(x, y))


def count_pixels(capture: Capture, colour: tuple[int, int, int]) -> int:
    """The number of pixels of exactly this colour."""
    image = to_srgb(pyvips.Image.new_from_buffer(capture.body, "")).extract_band(0, n=3)
    equal = (image == list(colour)).bandand()
    return round(equal.avg() / 255 * image.width * image.height)
