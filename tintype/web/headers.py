"""Response headers of thumbnails and placeholders (RFC 9110, RFC 9111), for Flask and the fast path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING

from tintype.model import CacheState, Thumbnail, ThumbnailResult
from tintype.web.header_catalog import FIELDS

if TYPE_CHECKING:
    from tintype.request_parser import ThumbnailRequest
    from tintype.web.auth import Credential

Fields = dict[str, str]
"""Headers by name."""

CORS_HEADERS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": ", ".join(FIELDS)}
"""Allow scripts of any origin to read a response (Fetch standard, CORS); for requests with ``Origin`` only."""
EMBEDDING_HEADERS = {"Cross-Origin-Resource-Policy": "cross-origin"}
"""Allow pages of any origin to show thumbnails (Fetch standard, 3.7): such requests have no ``Origin``."""
TIMING_HEADERS = {"Timing-Allow-Origin": "*"}
"""Allow pages of any origin to read ``Server-Timing`` (W3C Resource Timing, 4.5.1)."""
TIMING_REQUEST = "X-Server-Timing"
"""Request header with which a client asks for ``Server-Timing`` of a cache hit; other responses always have it."""
NOSNIFF = {"X-Content-Type-Options": "nosniff"}
"""Browsers must not guess another media type (Fetch standard, 3.5)."""
REFRESH_SECONDS = 2
"""Seconds after which a client requests a thumbnail again in place of its placeholder."""

_UNSAFE_IN_FILENAME = re.compile(r"[^A-Za-z0-9.-]+")
_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9_-]+")


def thumbnail_headers(result: ThumbnailResult, parsed: ThumbnailRequest, credential: Credential, now: float) -> Fields:
    """All headers of a thumbnail; ``now`` is seconds since the epoch."""
    return {
        **content_headers(result.thumbnail, parsed.host, negotiated=parsed.negotiated),
        "X-Cache": result.cache,
        "Age": str(max(0, int(now - result.thumbnail.taken_at))),
        "Cache-Control": cache_control(result, credential, has_credentials=parsed.capture_request.shot.has_credentials),
        "Server-Timing": server_timing(result),
    }


def content_headers(thumbnail: Thumbnail, host: str, *, negotiated: bool) -> Fields:
    """Headers that depend only on the content of a thumbnail."""
    fields = {
        "Content-Type": thumbnail.mime,
        "Content-Disposition": content_disposition(host, thumbnail.extension),
        "ETag": thumbnail.etag,
        "X-Verdict": thumbnail.verdict,
    }
    if thumbnail.mime == "application/pdf":  # documents that viewers read in parts; images are read whole
        fields["Accept-Ranges"] = "bytes"
        fields["Last-Modified"] = formatdate(thumbnail.taken_at, usegmt=True)
    if negotiated:
        fields["Vary"] = "Accept"
    if thumbnail.status:
        fields["X-Target-Status"] = str(thumbnail.status)
    if flags := _capture_flags(thumbnail):
        fields["X-Capture"] = ", ".join(flags)
    return fields


def placeholder_headers(thumbnail: Thumbnail, host: str) -> Fields:
    """Headers of a placeholder, which no cache may keep."""
    return {
        "Content-Type": thumbnail.mime,
        "Content-Disposition": content_disposition(host, thumbnail.extension),
        "X-Cache": CacheState.PLACEHOLDER,
        "Cache-Control": "no-store",
        "Refresh": str(REFRESH_SECONDS),
    }


def content_disposition(name: str, extension: str) -> str:
    """``Content-Disposition`` with a file name of ASCII letters, digits, ``.`` and ``-``."""
    return f'inline; filename="{_UNSAFE_IN_FILENAME.sub("-", name).strip("-.")}.{extension}"'


def cache_control(result: ThumbnailResult, credential: Credential, *, has_credentials: bool = False) -> str:
    """The whole lifetime, at most until the signed URL expires; ``Age`` is the elapsed part (RFC 9111, 4.2.3)."""
    if has_credentials:
        return "private, no-store"
    if result.freshness.forced:
        return "private, no-cache" if credential.private else "no-cache"
    left = max(0.0, credential.expires_at - result.thumbnail.taken_at)
    max_age = min(result.freshness.max_age, left)
    stale_for = min(result.freshness.stale_for, left - max_age)
    stale = f", stale-while-revalidate={int(stale_for)}" if stale_for >= 1 else ""
    return f"{'private' if credential.private else 'public'}, max-age={int(max_age)}{stale}"


def server_timing(answer: ThumbnailResult) -> str:
    """Cache state and milliseconds of each step (W3C Server Timing)."""
    return ", ".join(filter(None, (f"cache;desc={answer.cache}", step_timing(answer.timings))))


def step_timing(steps: Mapping[str, float]) -> str:
    """Milliseconds of each step in the syntax of Server-Timing."""
    return ", ".join(f"{_NOT_IN_TOKEN.sub('-', name)};dur={spent:.1f}" for name, spent in steps.items())


def _capture_flags(thumbnail: Thumbnail) -> list[str]:
    flags = {
        "partial": thumbnail.partial,
        f"truncated;limit={thumbnail.truncated}": thumbnail.truncated,
        "features-unavailable": thumbnail.features_unavailable,
    }
    return [name for name, is_set in flags.items() if is_set]
