"""Pictures of our own in the place of a page's: one that says why there is none, one that says wait."""

from __future__ import annotations

import functools
from typing import cast

from tintype import imaging
from tintype.imaging import geometry
from tintype.model import Thumbnail
from tintype.options import CaptureRequest, FormatName

QUALITY = 80
MAX_REASON_LENGTH = 200
"""Letters of a reason that are drawn."""


def image_format(wanted: str) -> FormatName:
    """The format of a picture in the place of something that may be no picture."""
    return cast("FormatName", wanted) if wanted in geometry.LONGEST_SIDE else "png"


def expected_size(asked: CaptureRequest) -> geometry.Box:
    """The size the picture would have had, as far as one can know without it."""
    seen = asked.shot.emulation
    width, height = round(seen.width * seen.scale), round(seen.height * seen.scale)
    return geometry.plan_resize(width, height, asked.rendition).canvas


@functools.lru_cache(maxsize=64)
def error_image(title: str, reason: str, chosen: FormatName, width: int, height: int) -> Thumbnail:
    """A card is drawn once for a page full of the same failures."""
    return imaging.draw_error_card(title, reason, format=chosen, quality=QUALITY, width=width, height=height)


@functools.lru_cache(maxsize=64)
def placeholder_image(chosen: FormatName, width: int, height: int) -> Thumbnail:
    """A placeholder is drawn once for a page full of pictures of one size."""
    return imaging.draw_placeholder(format=chosen, quality=QUALITY, width=width, height=height)
