"""Builders of HTTP responses: thumbnails, placeholders, stored images, texts with an ETag; 304 and CORS."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request, Response, request

from tintype.model import OpenObject, ThumbnailResult
from tintype.request_parser import ThumbnailRequest
from tintype.service.limits import Permit
from tintype.web import conditions, fallback_images, headers
from tintype.web.auth import Credential
from tintype.web.fallback_images import FallbackImages
from tintype.web.sending import ResponseSender

YEAR = 31_536_000
"""Seconds."""


def thumbnail(
    result: ThumbnailResult, parsed: ThumbnailRequest, credential: Credential, request: Request, now: float
) -> Response:
    """A thumbnail, or 304 if the client has the same one; ``now`` is seconds since the epoch."""
    fields = headers.thumbnail_headers(result, parsed, credential, now)
    if request.method == "POST":
        fields["Cache-Control"] = "private, no-store"  # the URL does not identify the thumbnail, the body does
    response = Response(result.thumbnail.body, headers=fields)
    if not conditions.evaluate(response, request) and "Accept-Ranges" in fields:
        _limit_to_range(response, request)
    return response


def placeholder(parsed: ThumbnailRequest, images: FallbackImages, permit: Permit) -> Response:
    """A neutral image in the size and format of the thumbnail that is being captured; raises Overloaded."""
    chosen = fallback_images.image_format(parsed.capture_request.rendition.format)
    size = fallback_images.expected_size(parsed.capture_request)
    drawn = images.placeholder(chosen, size, permit)
    response = Response(drawn.body, headers=headers.placeholder_headers(drawn, parsed.host))
    if parsed.negotiated:
        response.headers["Vary"] = "Accept"
    return response


def stored(found: OpenObject, request: Request, sender: ResponseSender) -> Response:
    """A stored thumbnail, or the requested range of it: its key contains its digest, so it never changes."""
    content_digest, _, extension = found.key.rpartition("-")[2].partition(".")
    response = Response(mimetype=found.mime)
    response.headers["Content-Disposition"] = headers.content_disposition(content_digest[:16], extension)
    response.headers["ETag"] = f'"{content_digest[:32]}"'
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response.headers["Accept-Ranges"] = "bytes"
    response.last_modified = conditions.http_date(found.stored_at)
    try:
        if conditions.evaluate(response, request):
            found.file.close()
            return response
        part = conditions.requested_range(response, request, found.size)
    except BaseException:
        found.file.close()
        raise
    if part:
        _mark_partial(response, part, found.size)
    return sender.send_file(response, request, found.file, *(part or (0, found.size)))


def with_etag(text: str, media: str, request: Request) -> Response:
    """A text with an ETag that clients revalidate on each use, or 304."""
    response = Response(text, content_type=media, headers={"Cache-Control": "no-cache"})
    response.add_etag()
    conditions.evaluate(response, request)
    return response


def _limit_to_range(response: Response, request: Request) -> None:
    """Reduce a response to the range that the client requests, if any; raises RangeNotSatisfiable."""
    body = response.get_data()
    part = conditions.requested_range(response, request, len(body))
    if part:
        response.set_data(body[part.start : part.start + part.length])
        _mark_partial(response, part, len(body))


def _mark_partial(response: Response, part: conditions.ByteRange, complete_length: int) -> None:
    response.status_code = conditions.PARTIAL_CONTENT
    response.headers["Content-Range"] = part.content_range(complete_length)


def add_cors(response: Response) -> Response:
    """Allow pages of any origin to show images, and their scripts to read them (Fetch standard, CORS)."""
    response.headers.update({**headers.EMBEDDING_HEADERS, **headers.TIMING_HEADERS})
    response.vary.add("Origin")
    if "Origin" not in request.headers:
        return response
    response.headers.update(headers.CORS_HEADERS)
    if "Allow" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
        response.headers["Access-Control-Allow-Headers"] = "*, Authorization"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def absolute_url(url: str, base: str) -> str:
    """A path of this service with its base; a URL of another service unchanged."""
    return url if urlsplit(url).scheme else base + url
