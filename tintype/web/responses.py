"""Pictures as HTTP answers: bytes, header fields, and 304 for a client whose copy is the same."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request, Response

from tintype.model import StoredObject, ThumbnailResult
from tintype.request_parser import ThumbnailRequest
from tintype.urls import host_of
from tintype.web import fallback_images, headers

YEAR = 31_536_000


def thumbnail(answer: ThumbnailResult, wanted: ThumbnailRequest, request: Request, now: float) -> Response:
    """A thumbnail, or 304 when the client's copy is the same; ``now`` is seconds since the epoch."""
    return _conditional(
        Response(answer.thumbnail.body, headers=headers.thumbnail_headers(answer, wanted, now)), request
    )


def placeholder(wanted: ThumbnailRequest) -> Response:
    """A neutral picture in the size and format of the one that is being taken."""
    host = host_of(wanted.capture_request.shot.url)
    rendition = wanted.capture_request.rendition
    drawn = fallback_images.placeholder_image(
        fallback_images.image_format(rendition.format), *fallback_images.expected_size(wanted.capture_request)
    )
    response = Response(drawn.body, headers=headers.placeholder_headers(drawn, host))
    if wanted.negotiated:
        response.headers["Vary"] = "Accept"
    return response


def stored(found: StoredObject, request: Request) -> Response:
    """A persisted picture: its key names its content, so it never changes."""
    content_digest, _, extension = found.key.rpartition("-")[2].partition(".")
    response = Response(found.body, mimetype=found.mime)
    response.headers["Content-Disposition"] = headers.content_disposition(content_digest[:16], extension)
    response.headers["ETag"] = f'"{content_digest[:32]}"'
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return _conditional(response, request)


def with_etag(text: str, media: str, request: Request) -> Response:
    """What changes with the version and the settings only: 304 for those who have it."""
    response = Response(text, content_type=media, headers={"Cache-Control": "no-cache"})
    response.add_etag()
    return _conditional(response, request)


def _conditional(response: Response, request: Request) -> Response:
    """A 304 without a body when the client's copy is the same (RFC 9110, 13.1)."""
    response.make_conditional(request)
    del response.headers["Date"]  # the server's own business, and most would now say it twice
    return response


def add_cors(response: Response) -> Response:
    """Let pages of any origin show and read pictures (Fetch standard, CORS)."""
    response.headers.update(headers.CORS_HEADERS)
    if "Allow" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
        response.headers["Access-Control-Allow-Headers"] = "*, Authorization"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def absolute_url(url: str, base: str) -> str:
    """An address of this service in full, or one elsewhere as it is."""
    return url if urlsplit(url).scheme else base + url
