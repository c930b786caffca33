"""Fallback images: an error card and a placeholder, in the size of the requested thumbnail."""

from __future__ import annotations

import functools
from typing import cast

from tintype import imaging
from tintype.imaging import geometry
from tintype.model import Thumbnail
from tintype.options import CaptureRequest, FormatName

QUALITY = 80
MAX_REASON_LENGTH = 200
"""Characters of an error detail that are drawn."""


def image_format(requested: str) -> FormatName:
    """Image format of a fallback: the requested one, or PNG in place of a PDF or JSON document."""
    return cast("FormatName", requested) if requested in geometry.LONGEST_SIDE else "png"


def expected_size(request: CaptureRequest) -> geometry.Box:
    """Width and height in pixels that the thumbnail would have, as far as the options determine them."""
    viewport = request.shot.emulation
    width, height = round(viewport.width * viewport.scale), round(viewport.height * viewport.scale)
    return geometry.plan_resize(width, height, request.rendition).canvas


@functools.lru_cache(maxsize=64)
def error_image(title: str, detail: str, format_name: FormatName, width: int, height: int) -> Thumbnail:
    """Error card; cached, because a page with many failed thumbnails requests the same card many times."""
    return imaging.draw_error_card(title, detail, format=format_name, quality=QUALITY, width=width, height=height)


@functools.lru_cache(maxsize=64)
def placeholder_image(format_name: FormatName, width: int, height: int) -> Thumbnail:
    """Placeholder; cached, because a page usually shows many thumbnails of one size."""
    return imaging.draw_placeholder(format=format_name, quality=QUALITY, width=width, height=height)
