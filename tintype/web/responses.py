"""Builders of HTTP responses: thumbnails, placeholders, stored images, texts with an ETag; 304 and CORS."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request, Response

from tintype.model import StoredObject, ThumbnailResult
from tintype.request_parser import ThumbnailRequest
from tintype.service.limits import Permit
from tintype.web import fallback_images, headers
from tintype.web.auth import Credential
from tintype.web.fallback_images import FallbackImages

YEAR = 31_536_000
"""Seconds."""


def thumbnail(
    result: ThumbnailResult, parsed: ThumbnailRequest, credential: Credential, request: Request, now: float
) -> Response:
    """A thumbnail, or 304 if the client has the same one; ``now`` is seconds since the epoch."""
    fields = headers.thumbnail_headers(result, parsed, credential, now)
    if request.method == "POST":
        fields["Cache-Control"] = "private, no-store"  # the URL does not identify the thumbnail, the body does
    return _conditional(Response(result.thumbnail.body, headers=fields), request)


def placeholder(parsed: ThumbnailRequest, images: FallbackImages, permit: Permit) -> Response:
    """A neutral image in the size and format of the thumbnail that is being captured; raises Overloaded."""
    chosen = fallback_images.image_format(parsed.capture_request.rendition.format)
    size = fallback_images.expected_size(parsed.capture_request)
    drawn = images.placeholder(chosen, size, permit)
    response = Response(drawn.body, headers=headers.placeholder_headers(drawn, parsed.host))
    if parsed.negotiated:
        response.headers["Vary"] = "Accept"
    return response


def stored(found: StoredObject, request: Request) -> Response:
    """A stored thumbnail: its key contains the digest of its content, so it never changes."""
    content_digest, _, extension = found.key.rpartition("-")[2].partition(".")
    response = Response(found.body, mimetype=found.mime)
    response.headers["Content-Disposition"] = headers.content_disposition(content_digest[:16], extension)
    response.headers["ETag"] = f'"{content_digest[:32]}"'
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return _conditional(response, request)


def with_etag(text: str, media: str, request: Request) -> Response:
    """A text with an ETag that clients revalidate on each use, or 304."""
    response = Response(text, content_type=media, headers={"Cache-Control": "no-cache"})
    response.add_etag()
    return _conditional(response, request)


def _conditional(response: Response, request: Request) -> Response:
    """Replace the response by 304 without a body if the client has the same entity (RFC 9110, 13.1)."""
    response.make_conditional(request)
    del response.headers["Date"]  # the WSGI server sends its own
    return response


def add_cors(response: Response) -> Response:
    """Allow pages of any origin to show and read images (Fetch standard, CORS)."""
    response.headers.update(headers.CORS_HEADERS)
    if "Allow" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
        response.headers["Access-Control-Allow-Headers"] = "*, Authorization"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def absolute_url(url: str, base: str) -> str:
    """A path of this service with its base; a URL of another service unchanged."""
    return url if urlsplit(url).scheme else base + url
