"""Resize geometry: which part of a master is delivered, and at which size.

Sizes are upper bounds: nothing is enlarged. If the requested box is larger than the image

* ``inside``, and a box of which one side is given, leave the image at its size;
* ``cover`` and ``fill`` shrink the box, its shape kept, until it lies within the image;
* ``contain`` keeps the box and pads around the image at its size.
"""

from __future__ import annotations

from dataclasses import dataclass

from tintype.options import Rendition

LONGEST_SIDE = {"png": 1_000_000, "jpeg": 65_500, "webp": 16_383, "avif": 16_384}
"""Largest side in pixels by format. A taller image is cut and keeps its width; a wider one is reduced."""

Box = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class ResizePlan:
    """The crop, the resize and the canvas that make a thumbnail of a master. All sizes in pixels."""

    crop: Box
    """The part of the master that is used: its top, horizontally centred."""
    scaled: Box
    """The size to which that part is resized; never larger than ``crop``."""
    canvas: Box
    """The delivered size; the part of it that ``scaled`` does not cover is padding."""
    is_cut: bool = False
    """Whether the format allows no image as tall as this one."""


def plan_resize(width: int, height: int, rendition: Rendition) -> ResizePlan:
    """The plan for a master of this size, by the rules at the top of this module."""
    source, limit = (width, height), LONGEST_SIDE[rendition.format]
    requested = (min(rendition.thumb_width or width, limit), rendition.thumb_height or height)
    fit = rendition.fit if rendition.thumb_width and rendition.thumb_height else "inside"
    if fit in {"inside", "contain"}:
        factor = min(1, *ratios(requested, source))
        scaled = scale(source, factor)
        if scaled[1] > limit:
            cut = (scaled[0], limit)
            return ResizePlan((width, min(height, round(limit / factor))), cut, cut, is_cut=True)
        return ResizePlan(source, scaled, requested if fit == "contain" else scaled)
    box = scale(requested, min(1, *ratios(source, requested)))
    crop = source if fit == "fill" else scale(box, min(ratios(source, box)))
    return ResizePlan(crop, box, box)


def ratios(one: Box, other: Box) -> tuple[float, float]:
    """The quotients of the widths and of the heights."""
    return one[0] / other[0], one[1] / other[1]


def scale(box: Box, factor: float) -> Box:
    """A box multiplied by a factor, with at least one pixel on each side."""
    return max(1, round(box[0] * factor)), max(1, round(box[1] * factor))
