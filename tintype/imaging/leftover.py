"""Measures what an image shows outside of boxes, and whether a part of it is a ring or everything is pale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tintype.imaging.content import drawn_pixels, even_image, ground_levels, load_top
from tintype.imaging.render import size
from tintype.imaging.vips import decoding_errors

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

_STEP = 2
"""Pixels over which levels are compared: gradients and soft shadows change by little over so few."""
_MAX_CONTRAST, _MAX_COLOUR = 72, 28
"""Levels (of 255) from the ground, and between colours, up to which a drawn pixel is pale."""
_MIN_PALE_SHARE, _MAX_STRONG_SHARE = 0.002, 0.00005
_MIN_RING, _MAX_RING_SHARE, _RING_ASPECT = 10, 0.55, 1.35


@dataclass(frozen=True, slots=True)
class Leftover:
    """Edges outside of all boxes, and the smallest box around them; sizes in pixels."""

    edge_pixels: int
    width: int
    height: int


def measure_leftover(body: bytes, boxes: Iterable[Box], contrast: int) -> Leftover:
    """Edges of at least ``contrast`` levels (of 255) outside of boxes; raises EngineError."""
    with decoding_errors():
        edges = _edges(even_image(load_top(body, size(body)[2])), contrast)
        for left, top, width, height in boxes:
            edges = edges.draw_rect(0, left, top, width, height, fill=True)
        count = round(float(edges.avg()) / 255 * int(edges.width * edges.height))
        if not count:
            return Leftover(0, 0, 0)
        _, _, width, height = edges.find_trim(threshold=1, background=[0], line_art=True)
    return Leftover(count, int(width), int(height))


def is_pale(body: bytes) -> bool:
    """Whether the image shows something, and all of it in greys close to the ground, as skeletons do."""
    with decoding_errors():
        image = even_image(load_top(body, size(body)[2]))
        ground = ground_levels(image)
        drawn = drawn_pixels(image, ground)
        red, green, blue = (image[min(band, image.bands - 1)] for band in range(3))
        strong = (image - ground).abs() > _MAX_CONTRAST
        coloured = ((red - green).abs() > _MAX_COLOUR) | ((green - blue).abs() > _MAX_COLOUR)
        share = float(((strong.bandor() | coloured) & drawn).avg()) / 255
        return float(drawn.avg()) / 255 >= _MIN_PALE_SHARE and share <= _MAX_STRONG_SHARE


def is_ring(body: bytes, box: Box) -> bool:
    """Whether a part of the image shows a ring, an arc or a circle of dots: as wide as high, and hollow."""
    with decoding_errors():
        image = even_image(load_top(body, size(body)[2]))
        drawn = _crop(drawn_pixels(image, ground_levels(image)), box)
        if drawn is None:
            return False
        left, top, width, height = drawn.find_trim(threshold=1, background=[0], line_art=True)
        if min(width, height) < _MIN_RING or not 1 / _RING_ASPECT <= width / height <= _RING_ASPECT:
            return False
        ring = drawn.crop(left, top, width, height)
        middle = ring.crop(width * 3 // 8, height * 3 // 8, max(width // 4, 1), max(height // 4, 1))
        return float(middle.max()) == 0 and float(ring.avg()) / 255 <= _MAX_RING_SHARE


def _edges(image: Any, contrast: int) -> Any:
    width, height = image.width - _STEP, image.height - _STEP
    here = image.crop(0, 0, width, height)
    right, below = image.crop(_STEP, 0, width, height), image.crop(0, _STEP, width, height)
    return (((right - here).abs() > contrast) | ((below - here).abs() > contrast)).bandor().copy_memory()


def _crop(image: Any, box: Box) -> Any:
    """The part of an image in a box; None if there is none."""
    left, top = max(box[0], 0), max(box[1], 0)
    width, height = min(box[0] + box[2], image.width) - left, min(box[1] + box[3], image.height) - top
    return image.crop(left, top, width, height) if width > 0 and height > 0 else None
