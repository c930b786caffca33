"""Compares two images by the mean colours of neighbourhoods, which tolerates small shifts and shades of letters.

Other versions of Chromium and of fonts smooth and place letters differently, which changes many pixels a little. A
missing image, a half-drawn chart, a box for a letter change whole neighbourhoods. Measurements: docs/gallery.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyvips

from bench import similarity

CELL = 8
"""Side of a neighbourhood in pixels: a letter counts, its edge does not."""
SLACK = 2
"""Pixels by which something may have moved."""
NOTICEABLE = 24
"""Levels of 255 by which a mean must differ to count."""
ALLOWED, ALLOWED_WITH_OTHER_FONTS = 0.0005, 0.01
"""Parts of an image that may differ."""
_LONGER = 0.01
"""Part by which heights may differ: one line of text broken elsewhere on a long page."""
_STEP = 4
"""Pixels between two neighbourhoods."""
_BACKDROP = (200, 60, 200)
"""Colour behind transparent pixels, so that they differ from white."""
_WRONG = (255, 0, 80)


class Finding(StrEnum):
    """Result of a comparison with the golden image."""

    DIFFERENT = "different"
    NEW = "new"
    CLOSE = "close"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finding, and both images cut to the same size."""

    finding: Finding
    remark: str = ""
    share: float = 1.0
    before: Any = None
    after: Any = None
    differing: Any = None

    def figures(self) -> tuple[float, float]:
        """PSNR in decibels and SSIM; 0 without a golden image."""
        if self.before is None:
            return 0.0, 0.0
        pair = _png(self.before), _png(self.after)
        return similarity.psnr(*pair), similarity.ssim(*pair)

    def difference(self) -> bytes:
        """The new image, pale, with differences in red; empty without a golden image."""
        if self.before is None:
            return b""
        image = self.after
        mask = self.differing.zoom(_STEP, _STEP).embed(0, 0, image.width, image.height)
        grey = (image.colourspace("b-w") * 0.35 + 165).cast("uchar")
        pale = grey.bandjoin([grey, grey]).copy(interpretation="srgb")
        return _png(mask.ifthenelse(_WRONG, pale))


def compare(golden: bytes | None, now: bytes, allowed: float = ALLOWED) -> Comparison:
    """Compare a new image with the golden one, which may be missing."""
    if golden is None:
        return Comparison(Finding.NEW, "no golden image")
    first, second = _decoded(golden), _decoded(now)
    if first.width != second.width or abs(first.height - second.height) > _LONGER * first.height:
        sizes = f"{first.width} x {first.height} before, {second.width} x {second.height} after"
        return Comparison(Finding.DIFFERENT, sizes)
    height = min(first.height, second.height)
    first, second = (image.crop(0, 0, image.width, height) for image in (first, second))
    differing = _differing(first, second)
    share = differing.avg() / 255
    finding = Finding.DIFFERENT if share > allowed else Finding.CLOSE if share else Finding.SAME
    return Comparison(finding, "", share, first, second, differing)


def _decoded(body: bytes) -> Any:
    """Three bands of bytes."""
    image = pyvips.Image.new_from_buffer(body, "").colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=_BACKDROP)
    return image.cast("uchar").copy_memory()


def _differing(first: Any, second: Any) -> Any:
    """255 where a neighbourhood of one image matches none nearby in the other."""
    mean = pyvips.Image.new_from_array([[1] * CELL] * CELL, scale=CELL * CELL)
    one, other = (
        image.conv(mean, precision="integer").subsample(SLACK, SLACK).copy_memory() for image in (first, second)
    )
    return (_beyond(one, other) | _beyond(other, one)).subsample(_STEP // SLACK, _STEP // SLACK).copy_memory()


def _beyond(one: Any, other: Any) -> Any:
    """Where ``other`` is darker or lighter than every neighbourhood of ``one`` within the slack."""
    darkest, lightest = (one.rank(3, 3, index).cast("short") for index in (0, 8))
    return (_largest(other - lightest) > NOTICEABLE) | (_largest(darkest - other) > NOTICEABLE)


def _largest(image: Any) -> Any:
    """The largest of the bands, pixel by pixel."""
    first, *others = image.bandsplit()
    return first.bandrank(others, index=len(others))


def _png(image: Any) -> bytes:
    return bytes(image.pngsave_buffer(compression=1))
