"""Which part of a master is delivered, and at which size? Pure arithmetic.

Sizes are upper bounds: nothing is ever enlarged. When the box asked for is larger than the picture

* ``inside``, and a box of which one side is given, leave the picture at its own size;
* ``cover`` and ``fill`` shrink the box, its shape kept, until it lies within the picture;
* ``contain`` keeps the very box and pads around the picture at its own size.
"""

from __future__ import annotations

from dataclasses import dataclass

from tintype.options import Rendition

LONGEST_SIDE = {"png": 1_000_000, "jpeg": 65_500, "webp": 16_383, "avif": 16_384}
"""Pixels a format holds on a side; a longer picture is shrunk, as sizes are upper bounds."""

Box = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class ResizePlan:
    """What becomes of a master."""

    crop: Box
    """The part of the master that is used: its top, horizontally centred."""
    scaled: Box
    """The size that part is brought to; never larger than ``crop``."""
    canvas: Box
    """The delivered size; what ``scaled`` leaves of it is padding."""


def plan_resize(width: int, height: int, rendition: Rendition) -> ResizePlan:
    """How a master of this size meets a rendition, by the rules at the head of this module."""
    source, limit = (width, height), LONGEST_SIDE[rendition.format]
    asked = (min(rendition.thumb_width or width, limit), min(rendition.thumb_height or height, limit))
    fit = rendition.fit if rendition.thumb_width and rendition.thumb_height else "inside"
    if fit in {"inside", "contain"}:
        scaled = scale(source, min(1, *ratios(asked, source)))
        return ResizePlan(source, scaled, asked if fit == "contain" else scaled)
    box = scale(asked, min(1, *ratios(source, asked)))
    crop = source if fit == "fill" else scale(box, min(ratios(source, box)))
    return ResizePlan(crop, box, box)


def ratios(one: Box, other: Box) -> tuple[float, float]:
    """How many times the other's width and height go into one's."""
    return one[0] / other[0], one[1] / other[1]


def scale(box: Box, factor: float) -> Box:
    """A box larger or smaller by a factor, never without pixels."""
    return max(1, round(box[0] * factor)), max(1, round(box[1] * factor))
