"""Pictures as HTTP answers: headers from what is known, 304 where the client has it already (RFC 9110, 9111)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Request, Response

from tintype.model import Answer, Freshness, Stored
from tintype.urls import host_of
from tintype.web.params import Wanted

YEAR = 31_536_000
_EXPOSED = (
    "Age, Content-Disposition, ETag, RateLimit, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining,"
    " RateLimit-Reset, Retry-After, Server-Timing, X-Cache, X-Capture, X-Request-Id, X-Target-Status"
)
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9_-]+")


def picture(answer: Answer, wanted: Wanted, request: Request, now: float) -> Response:
    """A thumbnail, or 304 when the client's copy is the same; ``now`` is seconds since the epoch."""
    thumbnail = answer.thumbnail
    response = _image(thumbnail.body, thumbnail.mime, host_of(wanted.request.shot.url), thumbnail.extension)
    response.headers["X-Cache"] = answer.cache
    response.headers["Age"] = str(max(0, int(now - thumbnail.taken_at)))
    response.headers["ETag"] = thumbnail.etag
    response.headers["Cache-Control"] = _cache_control(answer.freshness)
    response.headers["Server-Timing"] = _server_timing(answer)
    if wanted.negotiated:
        response.headers["Vary"] = "Accept"
    if thumbnail.status:
        response.headers["X-Target-Status"] = str(thumbnail.status)
    if thumbnail.partial:
        response.headers["X-Capture"] = "partial"
    response.make_conditional(request)
    return response


def stored(found: Stored, request: Request) -> Response:
    """A persisted picture: its key names its content, so it never changes."""
    content_digest, _, extension = found.key.rpartition("-")[2].partition(".")
    response = _image(found.body, found.mime, content_digest[:16], extension)
    response.headers["ETag"] = f'"{content_digest[:32]}"'
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response.make_conditional(request)
    return response


def open_to_all(response: Response) -> Response:
    """Let pages of any origin show and read pictures (Fetch standard, CORS)."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Timing-Allow-Origin"] = "*"
    if "Allow" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers["Allow"]
        response.headers["Access-Control-Allow-Headers"] = "*"
        response.headers["Access-Control-Max-Age"] = "86400"
    return response


def _image(body: bytes, mime: str, name: str, extension: str) -> Response:
    response = Response(body, mimetype=mime)
    safe = _UNSAFE.sub("-", name).strip("-.")
    response.headers["Content-Disposition"] = f'inline; filename="{safe}.{extension}"'
    return response


def _cache_control(freshness: Freshness) -> str:
    """The whole lifetime; Age says how much of it is spent (RFC 9111, 4.2.3)."""
    if freshness.forced:
        return "no-cache"
    stale = f", stale-while-revalidate={int(freshness.stale_for)}" if freshness.stale_for >= 1 else ""
    return f"public, max-age={int(freshness.max_age)}{stale}"


def _server_timing(answer: Answer) -> str:
    steps = (f"{_NOT_IN_TOKEN.sub('-', name)};dur={spent:.1f}" for name, spent in answer.timings.items())
    return ", ".join((f"cache;desc={answer.cache}", *steps))


def absolute(url: str, base: str) -> str:
    """An address of this service in full, or one elsewhere as it is."""
    return url if urlsplit(url).scheme else base + url
