"""Fallback images: an error card and a placeholder, in the size of the requested thumbnail."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, cast

from tintype import imaging
from tintype.bounded_cache import BoundedCache
from tintype.imaging import geometry
from tintype.model import Thumbnail
from tintype.options import CaptureRequest, FormatName
from tintype.service.limits import UNLIMITED, Permit

QUALITY = 80
MAX_REASON_LENGTH = 200
"""Characters of an error detail that are drawn."""
SMALL_SIZES = ((640, 360), (320, 180), (160, 90), (80, 45))
"""Sizes of the error images of requests that no rate limit counts: they must not cause a drawing for each size."""
MAX_IMAGES, MAX_BYTES = 256, 8 << 20
"""Entries and bytes of fallback images that a process caches."""


class Drawing(Protocol):
    """The limit within which an image is drawn, see :meth:`tintype.service.ThumbnailService.drawing`."""

    def __call__(self, pixels: int, permit: Permit = UNLIMITED) -> AbstractContextManager[None]:
        """Draw so many pixels while the block runs; raises Overloaded."""
        ...


class FallbackImages:
    """Draws fallback images within the rendering limit, and caches them.

    A page with many failed thumbnails requests the same card many times. Methods raise Overloaded.
    """

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._cache: BoundedCache[tuple[str | int, ...], Thumbnail] = BoundedCache(
            MAX_IMAGES, MAX_BYTES, lambda image: len(image.body)
        )

    def error_image(
        self, title: str, detail: str, format_name: FormatName, size: geometry.Box, permit: Permit = UNLIMITED
    ) -> Thumbnail:
        """Error card of this size in pixels, with as much of the detail as MAX_REASON_LENGTH allows."""
        detail = detail[:MAX_REASON_LENGTH] if detail != title else ""

        def draw() -> Thumbnail:
            width, height = size
            return imaging.draw_error_card(
                title, detail, format=format_name, quality=QUALITY, width=width, height=height
            )

        return self._cached((title, detail, format_name, *size), draw, size, permit)

    def placeholder(self, format_name: FormatName, size: geometry.Box, permit: Permit = UNLIMITED) -> Thumbnail:
        """Placeholder of this size in pixels."""

        def draw() -> Thumbnail:
            return imaging.draw_placeholder(format=format_name, quality=QUALITY, width=size[0], height=size[1])

        return self._cached((format_name, *size), draw, size, permit)

    def _cached(
        self, key: tuple[str | int, ...], draw: Callable[[], Thumbnail], size: geometry.Box, permit: Permit
    ) -> Thumbnail:
        if found := self._cache.get(key):
            return found
        with self._drawing(size[0] * size[1], permit):
            drawn = self._cache.get(key) or draw()  # another request may have drawn it meanwhile
            self._cache.put(key, drawn)
            return drawn


def image_format(requested: str) -> FormatName:
    """Image format of a fallback: the requested one, or PNG in place of a PDF or JSON document."""
    return cast("FormatName", requested) if requested in geometry.LONGEST_SIDE else "png"


def expected_size(request: CaptureRequest) -> geometry.Box:
    """Width and height in pixels that the thumbnail would have, as far as the options determine them."""
    viewport = request.shot.emulation
    width, height = round(viewport.width * viewport.scale), round(viewport.height * viewport.scale)
    return geometry.plan_resize(width, height, request.rendition).canvas


def small_size(size: geometry.Box) -> geometry.Box:
    """The largest of SMALL_SIZES within a size, else the smallest."""
    return next((small for small in SMALL_SIZES if small[0] <= size[0] and small[1] <= size[1]), SMALL_SIZES[-1])
