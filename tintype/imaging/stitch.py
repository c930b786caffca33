"""Joins screenshots of parts of a page: tiles below each other, patches over an image."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tintype.imaging.vips import decoding_errors, detect_mime, load


def stitch_vertically(tiles: Sequence[bytes]) -> bytes:
    """PNGs of one width, from the top down, as one PNG; raises EngineError if one cannot be decoded."""
    with decoding_errors():
        parts = [load(tile, detect_mime(tile)) for tile in tiles]
        if any(part.hasalpha() for part in parts):  # Chromium omits the alpha channel of a tile without transparency
            parts = [part if part.hasalpha() else part.addalpha() for part in parts]
        whole = functools.reduce(lambda above, below: above.join(below, "vertical"), parts)
        # Fast compression: the master is decoded again, and clients never receive it.
        return bytes(whole.pngsave_buffer(compression=1, filter="none", keep="none"))


@dataclass(frozen=True, slots=True)
class Patch:
    """A part of a screenshot that replaces a part of a page. Lengths are CSS pixels."""

    body: bytes
    """The screenshot of the viewport, a PNG."""
    left: float
    """The part of the viewport."""
    top: float
    width: float
    height: float
    x: float
    """Its place on the page."""
    y: float


def apply_patches(png: bytes, patches: Sequence[Patch], origin: tuple[float, float], factor: float) -> bytes:
    """The image with its patches, as PNG; raises EngineError if one cannot be decoded.

    ``origin`` is the upper left corner of the image on the page, ``factor`` its pixels per CSS pixel.
    """
    with decoding_errors():
        whole = load(png, detect_mime(png)).copy_memory()
        for patch in patches:
            part = _crop(patch, factor)
            if part is None:
                continue
            if whole.hasalpha() != part.hasalpha():
                whole, part = (image if image.hasalpha() else image.addalpha() for image in (whole, part))
            x, y = (round((place - start) * factor) for place, start in zip((patch.x, patch.y), origin, strict=True))
            whole = whole.insert(part, x, y).copy_memory()
        return bytes(whole.pngsave_buffer(compression=1, filter="none", keep="none"))


def _crop(patch: Patch, factor: float) -> Any:
    """The part of the screenshot, as far as there is one; None otherwise."""
    image = load(patch.body, detect_mime(patch.body))
    left, top = (max(0, round(length * factor)) for length in (patch.left, patch.top))
    right = min(image.width, round((patch.left + patch.width) * factor))
    bottom = min(image.height, round((patch.top + patch.height) * factor))
    return image.crop(left, top, right - left, bottom - top) if right > left and bottom > top else None
