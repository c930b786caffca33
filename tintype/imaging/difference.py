"""Finds what differs visibly between two images of a page, and draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tintype.imaging.encode import encode
from tintype.imaging.leftover import Box
from tintype.imaging.render import size, to_srgb
from tintype.imaging.vips import decoding_errors, load, pyvips_module

SURROUNDING = 14
"""Pixels around a differing one that count as differing too: a changed digit counts as much as its place."""
_MIN_LEVELS = 8
"""Levels (of 255) by which a pixel must lie outside of its neighbourhood in the other image."""
_MEAN_SIDE = 5
"""Side of the square over which levels are averaged: a pixel must differ with and without that."""
_MIN_PIXELS = 3
"""Differing pixels of a 3x3 square; fewer are noise of rasterisation."""
_ROUNDING = 2
"""Pixels by which two images may differ in width or height without a difference: boxes are rounded to pixels."""
_MAX_WEBP_SIDE = 16_383
_RED = (220.0, 38.0, 38.0)
_TINT, _PALE, _OUTLINE = 0.35, 0.3, 2
"""Share of red over differing pixels, share of contrast that the rest keeps, and width of the outline in pixels."""


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """Differing pixels of two images; ``mask`` is 255 where they differ, as large as both images together."""

    share: float
    """Differing pixels as a part of all that are not ignored, 0 to 1."""
    mask: Any = field(repr=False, default=None)
    """None if nothing differs."""


def find_difference(before: bytes, after: bytes, ignored: Sequence[Box] = ()) -> ImageDifference:
    """Compare two images that are aligned at their upper left corners; raises EngineError.

    Edges that moved by a pixel, as antialiasing and subpixel positions do, do not differ. What only one of the images
    has does, if they differ by more than a rounding. Ignored boxes are in pixels.
    """
    if before == after:
        return ImageDifference(0.0)
    sizes = [size(body)[:2] for body in (before, after)]
    width, height = (max(side) for side in zip(*sizes, strict=True))
    common = tuple(min(side) for side in zip(*sizes, strict=True))
    with decoding_errors():
        mask = _common_mask(before, after, common, ignored)
        if (width, height) != common:
            mask = _with_grown(mask, common, (width, height), ignored)
        differing = float(mask.avg()) / 255 * width * height
        if not differing:
            return ImageDifference(0.0)
        counted = width * height - _area(ignored, width, height)
        return ImageDifference(min(1.0, differing / max(1.0, counted)), mask)


def draw_difference(after: bytes, difference: ImageDifference) -> tuple[bytes, int, int, str]:
    """The later image in pale grey, with the differing parts in colour, tinted and outlined.

    Returns the image, its width and height, and its media type. Raises EngineError.
    """
    mask = difference.mask
    with decoding_errors():
        page = _flat(after)
        if (page.width, page.height) != (mask.width, mask.height):
            page = page.gravity("north-west", mask.width, mask.height, extend="white")
        grey = page.colourspace("b-w")[0] * _PALE + 255 * (1 - _PALE)
        pale = grey.bandjoin([grey, grey])
        tinted = page * (1 - _TINT) + [level * _TINT for level in _RED]
        outer = 255 - _spread(255 - mask, _OUTLINE)
        drawn = (mask > outer).ifthenelse([*_RED], (mask > 0).ifthenelse(tinted, pale))
        drawn = drawn.cast("uchar").copy(interpretation="srgb")
        form = "webp" if max(mask.width, mask.height) <= _MAX_WEBP_SIDE else "png"
        return encode(drawn, form, 80), mask.width, mask.height, f"image/{form}"


def _common_mask(before: bytes, after: bytes, common: tuple[int, ...], ignored: Sequence[Box]) -> Any:
    """Differing pixels of the part that both images have, with their surrounding."""
    one, other = (_flat(body).crop(0, 0, *common) for body in (before, after))
    rough = ((one - other).abs() > _MIN_LEVELS).bandor().copy_memory()
    left, top, width, height = _bounds(rough)
    if not width:
        return rough
    reach = SURROUNDING + 2
    right, bottom = min(common[0], left + width + reach), min(common[1], top + height + reach)
    left, top = max(0, left - reach), max(0, top - reach)
    box = (left, top, right - left, bottom - top)
    pages = [_flat(body).crop(*box) for body in (before, after)]  # read row by row: a whole page is not in memory
    exact = (_differing(*pages) & _differing(*(_mean(page) for page in pages))).copy_memory()
    exact = _rank(exact, 3, 9 - _MIN_PIXELS, extend="black") & exact
    inside = [(x - left, y - top, w, h) for x, y, w, h in ignored]
    surrounded = _spread(_without(exact.copy_memory(), inside), SURROUNDING)
    surrounded = _without(surrounded.copy_memory(), inside)
    return surrounded.embed(left, top, *common).copy_memory()


def _differing(one: Any, other: Any) -> Any:
    return _outside(one, other) | _outside(other, one)


def _mean(image: Any) -> Any:
    """The image with each pixel averaged with its neighbourhood, in which text at subpixel positions is the same."""
    square = pyvips_module().Image.new_from_array([[1] * _MEAN_SIDE] * _MEAN_SIDE, scale=_MEAN_SIDE**2)
    return image.conv(square, precision="integer")


def _outside(one: Any, other: Any) -> Any:
    """A mask of the pixels of one image whose level no neighbour of the same place in the other image has."""
    low, high = _rank(other, 3, 0), _rank(other, 3, 8)
    return ((one - high > _MIN_LEVELS) | (low - one > _MIN_LEVELS)).bandor()


def _with_grown(mask: Any, common: tuple[int, ...], whole: tuple[int, int], ignored: Sequence[Box]) -> Any:
    """The mask of both images, in which the parts differ that only one of them has."""
    grown = mask.embed(0, 0, *whole).copy_memory()
    (width, height), (shared_width, shared_height) = whole, common
    if width - shared_width > _ROUNDING:
        grown = grown.draw_rect(255, shared_width, 0, width - shared_width, height, fill=True)
    if height - shared_height > _ROUNDING:
        grown = grown.draw_rect(255, 0, shared_height, width, height - shared_height, fill=True)
    return _without(grown, ignored)


def _without(mask: Any, boxes: Sequence[Box]) -> Any:
    for left, top, width, height in boxes:
        mask = mask.draw_rect(0, left, top, width, height, fill=True)
    return mask


def _rank(image: Any, side: int, index: int, extend: str = "copy") -> Any:
    """The value at an index of the sorted ones of a square around each pixel; libvips needs room for the square."""
    margin = side // 2
    wide = image.embed(margin, margin, image.width + 2 * margin, image.height + 2 * margin, extend=extend)
    return wide.rank(side, side, index).crop(margin, margin, image.width, image.height)


def _spread(mask: Any, margin: int) -> Any:
    """The mask and everything around it, up to so many pixels in both directions."""
    width, height, side = mask.width + 2 * margin, mask.height + 2 * margin, 2 * margin + 1
    wide = mask.embed(margin, margin, width, height)
    return wide.rank(side, 1, side - 1).rank(1, side, side - 1).crop(margin, margin, mask.width, mask.height)


def _bounds(mask: Any) -> Box:
    if not mask.max():
        return 0, 0, 0, 0
    left, top, width, height = mask.find_trim(threshold=1, background=[0], line_art=True)
    return int(left), int(top), int(width), int(height)


def _area(boxes: Sequence[Box], width: int, height: int) -> int:
    """Pixels of an image that lie in at least one of the boxes."""
    if not boxes:
        return 0
    inside = pyvips_module().Image.black(width, height).copy_memory()
    for left, top, box_width, box_height in boxes:
        inside = inside.draw_rect(255, left, top, box_width, box_height, fill=True)
    return round(float(inside.avg()) / 255 * width * height)


def _flat(body: bytes) -> Any:
    """The image in sRGB with three bands; what is transparent becomes white."""
    image = to_srgb(load(body, size(body)[2]))
    return image.flatten(background=255) if image.hasalpha() else image
