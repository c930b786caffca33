"""Similarity of two images: PSNR, and SSIM after Wang et al. 2004.

Benchmarks compare each image with one of the settled page, so that a fast wrong image does not count.
"""

from __future__ import annotations

import math
from typing import Any

import pyvips

SAME = 99.0
"""PSNR of equal images, in decibels."""

_PEAK = 255
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_SIGMA = 1.5
"""Sigma of the Gaussian window, in pixels."""


def psnr(one: bytes, other: bytes) -> float:
    """PSNR in decibels over all bands, at most 99; raises ValueError if the sizes differ."""
    first, second = _pair(one, other)
    error = ((first - second) ** 2).avg()
    return min(SAME, 10 * math.log10(_PEAK**2 / error)) if error else SAME


def ssim(one: bytes, other: bytes) -> float:
    """Mean SSIM of the brightness, -1 to 1; raises ValueError if the sizes differ."""
    first, second = (image.colourspace("b-w").cast("float") for image in _pair(one, other))
    mean, mean2 = _blur(first), _blur(second)
    spread, spread2 = _blur(first * first) - mean * mean, _blur(second * second) - mean2 * mean2
    common = _blur(first * second) - mean * mean2
    likeness = (mean * mean2 * 2 + _C1) * (common * 2 + _C2)
    scale = (mean * mean + mean2 * mean2 + _C1) * (spread + spread2 + _C2)
    return float((likeness / scale).avg())


def _pair(one: bytes, other: bytes) -> tuple[Any, Any]:
    first, second = _decoded(one), _decoded(other)
    if (first.width, first.height) != (second.width, second.height):
        raise ValueError(f"{first.width}x{first.height} and {second.width}x{second.height} cannot be compared")
    return first, second


def _decoded(body: bytes) -> Any:
    """Three float bands, transparency on white; raises ValueError for an invalid image."""
    try:
        image = pyvips.Image.new_from_buffer(body, "").colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=_PEAK)
        return image.cast("float").copy(interpretation="srgb").copy_memory()
    except pyvips.Error as error:
        raise ValueError(f"not an image: {error.message.strip()}") from error


def _blur(image: Any) -> Any:
    return image.gaussblur(_SIGMA, min_ampl=0.005, precision="float")
