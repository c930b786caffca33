"""The clip of a screenshot: a box on the page, limited to what Chromium can draw, and its tiles."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tintype.model import Truncation
from tintype.options import MAX_PIXELS

_LONGEST_SIDE = 16_383
"""Device pixels. From 16 384 on, Chromium repeats the image or returns an empty one: larger clips are tiled."""
_TILE_MULTIPLE = 100
"""CSS pixels: tile heights are multiples of it. Scales have two decimals, so tiles end between two device pixels."""
_PNG_SIZE = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of the page in CSS pixels from the document's upper left corner."""

    x: float
    y: float
    width: float
    height: float
    truncated: Truncation = Truncation.NONE
    """The limit at which it was cut."""
    zoom: float = 1
    """Size of the image relative to these lengths, before the scale of the emulated device."""

    def parameters(self, *, beyond_viewport: bool = True) -> dict[str, Any]:
        """Parameters of ``Page.captureScreenshot``; Chromium multiplies the scale by that of the device."""
        clip = {"x": self.x, "y": self.y, "width": self.width, "height": self.height, "scale": self.zoom}
        return {"clip": clip, "captureBeyondViewport": beyond_viewport}

    def fits_in(self, width: float, height: float) -> bool:
        """Whether a viewport of this size at the top of the page contains it."""
        return self.x + self.width <= width and self.y + self.height <= height

    def tiles(self, scale: float) -> Iterator[Clip]:
        """The parts, from the top, each small enough for one screenshot."""
        step = int(_LONGEST_SIDE / scale) // _TILE_MULTIPLE * _TILE_MULTIPLE
        for top in range(0, int(self.height), step):
            yield replace(self, y=self.y + top, height=min(step, self.height - top))


def fit_clip(box: Clip, scale: float, max_height: int) -> Clip:
    """The box on whole pixels, cut to the maximum height (CSS pixels), width and number of pixels."""
    x, y = max(0, math.floor(box.x)), max(0, math.floor(box.y))
    full_width, full_height = math.ceil(box.x + box.width) - x, box.y + box.height - y
    width = min(full_width, int(_LONGEST_SIDE / scale))
    by_pixels = int(MAX_PIXELS / (max(width, 1) * scale * scale))
    height = min(math.ceil(min(full_height, max_height)), by_pixels)
    truncated = box.truncated
    if height < full_height:
        truncated = Truncation.PIXELS if by_pixels < max_height else Truncation.HEIGHT
    elif width < full_width:
        truncated = Truncation.WIDTH
    return Clip(x, y, max(width, 1), max(height, 1), truncated=truncated, zoom=box.zoom)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height from a PNG's header; raises ValueError if it is not a PNG."""
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("not a PNG")
    width, height = _PNG_SIZE.unpack_from(png, 16)
    return int(width), int(height)
