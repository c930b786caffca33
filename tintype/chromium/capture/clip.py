"""Which part of the page is in the picture, and how much of it fits? Arithmetic only."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tintype.options import MAX_PIXELS

_LONGEST_SIDE = 16_383
"""Device pixels. From 16 384 on Chromium's pictures repeat or come out empty: longer ones are taken in tiles."""
_TILE_MULTIPLE = 100
"""CSS pixels of which a tile is a multiple: scales have two decimals, so it ends between two device pixels."""
_PNG_SIZE = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of the page in CSS pixels, from the document's corner."""

    x: float
    y: float
    width: float
    height: float
    truncated: bool = False

    def parameters(self, *, beyond_viewport: bool = True) -> dict[str, Any]:
        """As ``Page.captureScreenshot`` wants it; the scale is that of the emulated screen."""
        clip = {"x": self.x, "y": self.y, "width": self.width, "height": self.height, "scale": 1}
        return {"clip": clip, "captureBeyondViewport": beyond_viewport}

    def fits_in(self, width: float, height: float) -> bool:
        """Whether it lies in a window of this size at the top of the page."""
        return self.x + self.width <= width and self.y + self.height <= height

    def tiles(self, scale: float) -> Iterator[Clip]:
        """The parts, from the top, that the browser can draw at once."""
        step = int(_LONGEST_SIDE / scale) // _TILE_MULTIPLE * _TILE_MULTIPLE
        for top in range(0, int(self.height), step):
            yield replace(self, y=self.y + top, height=min(step, self.height - top))


def fit_clip(box: Clip, scale: float, max_height: int) -> Clip:
    """The box on whole pixels, cut where the picture would be too tall, too wide or too many pixels."""
    x, y = max(0, math.floor(box.x)), max(0, math.floor(box.y))
    width = min(math.ceil(box.x + box.width) - x, int(_LONGEST_SIDE / scale))
    tall = box.y + box.height - y
    height = min(math.ceil(min(tall, max_height)), int(MAX_PIXELS / (max(width, 1) * scale * scale)))
    return Clip(x, y, max(width, 1), max(height, 1), truncated=height < tall)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height as a PNG's header says; raises ValueError when it is none."""
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("not a PNG")
    width, height = _PNG_SIZE.unpack_from(png, 16)
    return int(width), int(height)
