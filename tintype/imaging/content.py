"""Measures an image for the classifier: whether it is one colour, and how many pixels are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tintype.imaging.render import size, to_srgb
from tintype.imaging.vips import decoding_errors, load, pyvips_module

_MAX_FLAT_SPREAD = 12
"""Levels (of 255) between the darkest and the lightest pixel of an image that counts as one colour."""
_MIN_DIFFERENCE = 8
"""Levels by which a pixel must differ to count as drawn. It is averaged with its neighbours first, against noise."""
_MAX_ASPECT = 3
"""Height that is examined, in widths of the image: an image that is empty so far counts as empty."""
_PNG_OVERHEAD, _MAX_FLAT_DENSITY = 1024, 0.06
"""Bytes, and bytes per pixel, that a PNG of one colour never reaches; Chromium's fast PNGs have a third of it."""


@dataclass(frozen=True, slots=True)
class ContentStats:
    """Pixels that differ from the most common colour or opacity of an image."""

    drawn_pixels: int
    drawn_share: float
    """``drawn_pixels`` as a part of all pixels, 0 to 1."""


def is_one_colour(body: bytes) -> bool:
    """Whether the image shows one colour; faint gradients and noise count as one. Raises EngineError."""
    width, height, mime = size(body)
    if mime == "image/png" and len(body) > _PNG_OVERHEAD + _MAX_FLAT_DENSITY * width * height:
        return False
    with decoding_errors():
        return _spread(load_top(body, mime)) <= _MAX_FLAT_SPREAD


def measure_content(body: bytes) -> ContentStats:
    """Measure an image from its top down to three times its width; raises EngineError if it cannot be decoded."""
    with decoding_errors():
        image = load_top(body, size(body)[2])
        ink = _count_drawn(image) if _spread(image) > _MAX_FLAT_SPREAD else 0
    return ContentStats(ink, ink / (image.width * image.height))


def load_top(body: bytes, mime: str) -> Any:
    """The image in sRGB from its top down to three times its width."""
    image = to_srgb(load(body, mime))
    return image.crop(0, 0, image.width, min(image.height, _MAX_ASPECT * image.width)).copy_memory()


def _spread(image: Any) -> float:
    """Levels between the darkest and the lightest pixel, in the band with the largest range."""
    stats = image.stats()
    return max(float(stats(1, band)[0] - stats(0, band)[0]) for band in range(1, image.bands + 1))


def _count_drawn(image: Any) -> int:
    even = even_image(image)
    return round(float(drawn_pixels(even, ground_levels(image)).avg()) / 255 * int(image.width * image.height))


def even_image(image: Any) -> Any:
    """The image with each pixel averaged with its neighbours."""
    return image.conv(pyvips_module().Image.new_from_array([[1] * 3] * 3, scale=9), precision="integer")


def ground_levels(image: Any) -> list[float]:
    """The level that most pixels of each band have."""
    return [float(image[band].hist_find().maxpos()[1]) for band in range(image.bands)]


def drawn_pixels(even: Any, ground: list[float]) -> Any:
    """A mask of the pixels of an even image that differ from the ground."""
    return ((even - ground).abs() > _MIN_DIFFERENCE).bandor()
