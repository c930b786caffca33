"""Previews of the pages of a job: the top of each stored thumbnail, small enough for a list of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from flask import Request, Response

from tintype import imaging
from tintype.errors import NotFound
from tintype.jobs.model import JobPage
from tintype.model import Capture, OpenObject
from tintype.options import Rendition
from tintype.service import ThumbnailService
from tintype.web import conditions
from tintype.web.rate_limit import RateLimiter


class PreviewSize(NamedTuple):
    """Pixels of a preview; an image that is smaller keeps its size, the end of a longer one is left out."""

    width: int
    height: int


SMALL, LARGE = PreviewSize(400, 225), PreviewSize(1280, 3840)
"""For a list of many, and for one beside another."""
MAX_SOURCE = 64 << 20
"""Bytes of a stored thumbnail that is read for a preview."""
LIFETIME = 3600
"""Seconds for which a browser keeps a preview."""
_QUALITY = 75


@dataclass(frozen=True, slots=True)
class PreviewDrawer:
    """Draws previews of stored thumbnails, within the rendering limit of the process."""

    service: ThumbnailService
    rate_limiter: RateLimiter

    def respond(self, page: JobPage, request: Request) -> Response:
        """The preview of a page as WebP, or 304; raises NotFound without an image, RateLimited, and Overloaded."""
        result = page.result
        if not result or not result.key or not result.content_type.startswith("image/"):
            self.rate_limiter.check_stored(request)
            raise NotFound("no image is stored for this page, so it has no preview")
        return self.respond_stored(result.key, result.width * result.height, request)

    def respond_stored(self, key: str, pixels: int, request: Request, size: PreviewSize = SMALL) -> Response:
        """The preview of a stored image of about so many pixels, or 304."""
        self.rate_limiter.check_stored(request)
        response = Response(mimetype="image/webp")
        response.headers["Cache-Control"] = f"private, max-age={LIFETIME}"
        response.headers["ETag"] = f'"{_digest_in(key)}-{size.width}"'
        if not conditions.evaluate(response, request):
            response.set_data(self._draw(key, pixels, size))
        return response

    def _draw(self, key: str, pixels: int, size: PreviewSize) -> bytes:
        stored = self.service.open_stored(key)
        if stored is None:
            raise NotFound("the stored thumbnail of this page was deleted")
        with stored.file, self.service.drawing(pixels):
            return _shrink(stored, size)


def _shrink(stored: OpenObject, box: PreviewSize) -> bytes:
    if stored.size > MAX_SOURCE:
        raise NotFound(f"the stored thumbnail is larger than {MAX_SOURCE >> 20} MB, so it has no preview")
    stored.file.seek(0)
    body = stored.file.read(MAX_SOURCE)
    width, height, _ = imaging.size(body)
    is_wide = height * box.width < width * box.height  # nothing at the sides of a wide image is left out
    rendition = Rendition(
        format="webp",
        quality=_QUALITY,
        thumb_width=box.width,
        thumb_height=None if is_wide else box.height,
        fit="cover",
    )
    return imaging.render(Capture(body=body, width=width, height=height, taken_at=0.0), rendition).body


def _digest_in(key: str) -> str:
    """The digest of the content, which the storage key contains."""
    return key.rpartition("-")[2].partition(".")[0][:32]
