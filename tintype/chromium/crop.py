"""Which part of the page is in the picture, and how much of it fits? Arithmetic only."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from tintype.options import MAX_PIXELS

_LONGEST_SIDE = 16_383
"""Device pixels. From 16 384 on Chromium's pictures repeat or come out empty."""
_PNG_SIZE = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the page in CSS pixels, from the document's corner."""

    x: float
    y: float
    width: float
    height: float
    truncated: bool = False

    def parameters(self) -> dict[str, Any]:
        """As ``Page.captureScreenshot`` wants it; the scale is that of the emulated screen."""
        clip = {"x": self.x, "y": self.y, "width": self.width, "height": self.height, "scale": 1}
        return {"clip": clip, "captureBeyondViewport": True}


def fitting(box: Crop, scale: float, max_height: int) -> Crop:
    """The box on whole pixels, cut where the picture would be too tall, too wide or too many pixels."""
    x, y = max(0, math.floor(box.x)), max(0, math.floor(box.y))
    width = min(math.ceil(box.x + box.width) - x, int(_LONGEST_SIDE / scale))
    tall = math.ceil(box.y + box.height) - y
    bounds = (max_height, int(_LONGEST_SIDE / scale), int(MAX_PIXELS / (max(width, 1) * scale * scale)))
    height = min(tall, *bounds)
    return Crop(x, y, max(width, 1), max(height, 1), truncated=height < tall)


def png_size(picture: bytes) -> tuple[int, int]:
    """Width and height as a PNG's header says; raises ValueError when it is none."""
    if not picture.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("not a PNG")
    width, height = _PNG_SIZE.unpack_from(picture, 16)
    return int(width), int(height)
