"""A hit made ready: picture and header fields, kept by each process for a moment."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass

from tintype.model import ThumbnailResult
from tintype.request_parser import ThumbnailRequest
from tintype.urls import host_of
from tintype.web import headers

LIFETIME = 2.0
"""Seconds a page is answered without another look: how late a purge or a newer picture may be noticed."""
BUDGET = 64 << 20
"""Bytes of pages kept by one process."""

_OVERHEAD = 4096
_CONTENT_HEADERS = {"Content-Type", "Content-Length"}
"""What a 304 does not repeat (RFC 9110, 15.4.5)."""

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResponse:
    """All of an answer but what differs from hit to hit. Times are seconds since the epoch."""

    body: bytes
    headers_200: Fields
    """Header fields of a 200."""
    headers_304: Fields
    """Header fields of a 304."""
    etag: str
    timing: str
    """``Server-Timing`` up to the total."""
    host: str
    taken_at: float
    valid_from: float
    valid_until: float

    @classmethod
    def build(cls, answer: ThumbnailResult, wanted: ThumbnailRequest, now: float) -> CachedResponse:
        """What a fresh answer says as long as it is fresh."""
        thumbnail = answer.thumbnail
        said = {**headers.thumbnail_headers(answer, wanted, now), **headers.CORS_HEADERS, **headers.NOSNIFF}
        del said["Age"]
        timing = said.pop("Server-Timing")
        said["Content-Length"] = str(len(thumbnail.body))
        fields = [(name, str(value)) for name, value in said.items()]  # plain strings, which servers pass on quicker
        return cls(
            body=thumbnail.body,
            headers_200=fields,
            headers_304=[(name, value) for name, value in fields if name not in _CONTENT_HEADERS],
            etag=thumbnail.etag,
            timing=timing,
            host=host_of(wanted.capture_request.shot.url),
            taken_at=thumbnail.taken_at,
            valid_from=now,
            valid_until=min(now + LIFETIME, thumbnail.taken_at + answer.freshness.max_age),
        )


class ResponseCache:
    """Pages within a budget of bytes; those made longest ago go first, which after their lifetime costs nothing."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._bytes = 0
        self._responses: dict[Hashable, CachedResponse] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, now: float) -> CachedResponse | None:
        """The page, unless it is time to look again."""
        page = self._responses.get(key)
        return page if page and page.valid_from <= now < page.valid_until else None

    def add(self, key: Hashable, page: CachedResponse) -> None:
        """Keep a page, in the place of an older one."""
        with self._lock:
            self._drop(key)
            self._responses[key] = page
            self._bytes += _size(page)
            while self._bytes > self._budget:
                self._drop(next(iter(self._responses)))

    def _drop(self, key: Hashable) -> None:
        if page := self._responses.pop(key, None):
            self._bytes -= _size(page)


def _size(page: CachedResponse) -> int:
    return len(page.body) + _OVERHEAD
