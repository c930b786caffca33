"""What is said beside a picture: header fields from plain values (RFC 9110, 9111), whoever sends them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tintype.model import CacheState, Thumbnail, ThumbnailResult
from tintype.web.header_catalog import FIELDS

if TYPE_CHECKING:
    from tintype.request_parser import ThumbnailRequest
    from tintype.web.auth import Credential

Fields = dict[str, str]
"""Header fields by name, each once."""

CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": ", ".join(FIELDS),
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}
"""Pages of any origin may show and read pictures (Fetch standard, CORS)."""
NOSNIFF = {"X-Content-Type-Options": "nosniff"}
"""What a Content-Type says is so (Fetch standard, 3.5)."""
REFRESH_SECONDS = 2
"""Seconds after which a client that was given a placeholder asks again."""

_UNSAFE_IN_FILENAME = re.compile(r"[^A-Za-z0-9.-]+")
_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9_-]+")


def thumbnail_headers(answer: ThumbnailResult, wanted: ThumbnailRequest, credential: Credential, now: float) -> Fields:
    """Everything about a picture that is answered; ``now`` is seconds since the epoch."""
    return {
        **content_headers(answer.thumbnail, wanted.host, negotiated=wanted.negotiated),
        "X-Cache": answer.cache,
        "Age": str(max(0, int(now - answer.thumbnail.taken_at))),
        "Cache-Control": cache_control(answer, credential, has_credentials=wanted.capture_request.shot.has_credentials),
        "Server-Timing": server_timing(answer),
    }


def content_headers(thumbnail: Thumbnail, host: str, *, negotiated: bool) -> Fields:
    """What stays the same as long as the picture does."""
    fields = {
        "Content-Type": thumbnail.mime,
        "Content-Disposition": content_disposition(host, thumbnail.extension),
        "ETag": thumbnail.etag,
        "X-Verdict": thumbnail.verdict,
    }
    if negotiated:
        fields["Vary"] = "Accept"
    if thumbnail.status:
        fields["X-Target-Status"] = str(thumbnail.status)
    if shortcomings := _capture_flags(thumbnail):
        fields["X-Capture"] = ", ".join(shortcomings)
    return fields


def placeholder_headers(thumbnail: Thumbnail, host: str) -> Fields:
    """What is said beside a picture that only holds the place of one: nobody may keep it."""
    return {
        "Content-Type": thumbnail.mime,
        "Content-Disposition": content_disposition(host, thumbnail.extension),
        "X-Cache": CacheState.PLACEHOLDER,
        "Cache-Control": "no-store",
        "Refresh": str(REFRESH_SECONDS),
    }


def content_disposition(name: str, extension: str) -> str:
    """``Content-Disposition``: shown in place, and saved under a name made of harmless letters."""
    return f'inline; filename="{_UNSAFE_IN_FILENAME.sub("-", name).strip("-.")}.{extension}"'


def cache_control(answer: ThumbnailResult, credential: Credential, *, has_credentials: bool = False) -> str:
    """The whole lifetime, which ends with that of the address; Age says how much is spent (RFC 9111, 4.2.3)."""
    if has_credentials:
        return "private, no-store"
    if answer.freshness.forced:
        return "private, no-cache" if credential.private else "no-cache"
    left = max(0.0, credential.expires_at - answer.thumbnail.taken_at)
    max_age = min(answer.freshness.max_age, left)
    stale_for = min(answer.freshness.stale_for, left - max_age)
    stale = f", stale-while-revalidate={int(stale_for)}" if stale_for >= 1 else ""
    return f"{'private' if credential.private else 'public'}, max-age={int(max_age)}{stale}"


def server_timing(answer: ThumbnailResult) -> str:
    """Where it came from and how long each step took, in milliseconds (W3C Server Timing)."""
    return ", ".join(filter(None, (f"cache;desc={answer.cache}", step_timing(answer.timings))))


def step_timing(steps: Mapping[str, float]) -> str:
    """Milliseconds of each step, as Server-Timing has them."""
    return ", ".join(f"{_NOT_IN_TOKEN.sub('-', name)};dur={spent:.1f}" for name, spent in steps.items())


def _capture_flags(thumbnail: Thumbnail) -> list[str]:
    noted = {"partial": thumbnail.partial, "truncated": thumbnail.truncated}
    return [name for name, holds in noted.items() if holds]
