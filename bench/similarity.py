"""How alike are two pictures? Peak signal to noise, and structural similarity after Wang et al. 2004.

A fast wrong picture does not count: benchmarks compare what they got with what a settled page looks like.
"""

from __future__ import annotations

import math
from typing import Any

import pyvips

SAME = 99.0
"""Decibels of two equal pictures, which have no noise at all."""

_PEAK = 255
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_SIGMA = 1.5
"""Of the Gaussian window over which brightness and contrast are compared, in pixels."""


def psnr(one: bytes, other: bytes) -> float:
    """Peak signal to noise in decibels over all bands, 99 at most; raises ValueError for pictures of two sizes."""
    first, second = _pair(one, other)
    error = ((first - second) ** 2).avg()
    return min(SAME, 10 * math.log10(_PEAK**2 / error)) if error else SAME


def ssim(one: bytes, other: bytes) -> float:
    """Mean structural similarity of the brightness, -1 to 1; raises ValueError for pictures of two sizes."""
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
    """Three float bands, what is transparent on white; raises ValueError for what is no picture."""
    try:
        image = pyvips.Image.new_from_buffer(body, "").colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=_PEAK)
        return image.cast("float").copy(interpretation="srgb").copy_memory()
    except pyvips.Error as error:
        raise ValueError(f"not a picture: {error.message.strip()}") from error


def _blur(image: Any) -> Any:
    return image.gaussblur(_SIGMA, min_ampl=0.005, precision="float")
