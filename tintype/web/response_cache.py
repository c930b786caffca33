"""In-process cache of complete HTTP responses to cache hits, for at most 2 seconds each."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tintype.model import ThumbnailResult
from tintype.request_parser import ThumbnailRequest
from tintype.web import headers
from tintype.web.auth import Credential

LIFETIME = 2.0
"""Seconds a response is used without reading the shared cache: the delay of a newer thumbnail, and of a purge by
another node. A purge by a process of the same node takes effect immediately, see :mod:`tintype.purge_signal`."""
OUTAGE_LIFETIME = 300.0
"""Seconds a response is used while the shared cache is unavailable, as long as its thumbnail is fresh."""
SLOW_READ = 0.05
"""Seconds after which a read of the shared cache is slow: other requests then use the response that it replaces."""
BUDGET = 64 << 20
"""Bytes of responses kept by one process."""

_OVERHEAD = 4096
_CONTENT_HEADERS = {"Content-Type", "Content-Length"}
"""Headers that a 304 omits (RFC 9110, 15.4.5)."""

HeaderList = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResponse:
    """The part of a response that is the same for each hit. Times are seconds since the epoch."""

    body: bytes
    headers_200: HeaderList
    """Headers of a 200."""
    headers_304: HeaderList
    """Headers of a 304."""
    etag: str
    timing: str
    """``Server-Timing`` up to the total."""
    host: str
    taken_at: float
    valid_from: float
    valid_until: float
    fresh_until: float
    """The thumbnail is fresh until then."""

    @classmethod
    def build(
        cls, result: ThumbnailResult, parsed: ThumbnailRequest, credential: Credential, now: float
    ) -> CachedResponse:
        """The response to a fresh result, valid as long as that is fresh, but at most LIFETIME."""
        thumbnail = result.thumbnail
        fields = headers.thumbnail_headers(result, parsed, credential, now)
        fields |= {**headers.EMBEDDING_HEADERS, **headers.NOSNIFF}
        fields["Vary"] = f"{fields['Vary']}, Origin" if "Vary" in fields else "Origin"
        del fields["Age"]
        timing = fields.pop("Server-Timing")
        fields["Content-Length"] = str(len(thumbnail.body))
        pairs = [(name, str(value)) for name, value in fields.items()]  # plain str: servers send it faster
        return cls(
            body=thumbnail.body,
            headers_200=pairs,
            headers_304=[(name, value) for name, value in pairs if name not in _CONTENT_HEADERS],
            etag=thumbnail.etag,
            timing=timing,
            host=parsed.host,
            taken_at=thumbnail.taken_at,
            valid_from=now,
            valid_until=min(now + LIFETIME, thumbnail.taken_at + result.freshness.max_age),
            fresh_until=thumbnail.taken_at + result.freshness.max_age,
        )


class ResponseCache:
    """Responses within a budget of bytes; the oldest are evicted first, most of them expired."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._bytes = 0
        self._purges = 0
        self._responses: dict[Hashable, CachedResponse] = {}
        self._reads: dict[Hashable, float] = {}
        """When the read of the shared cache began that is in progress, by key."""
        self._lock = threading.Lock()

    def get(self, key: Hashable, now: float, purges: int) -> CachedResponse | None:
        """The response, if it is still valid and nothing was purged since ``purges``, the state of the signal."""
        response = self._responses.get(key)
        is_valid = response and response.valid_from <= now < response.valid_until and purges == self._purges
        return response if is_valid else None

    def get_in_outage(self, key: Hashable, now: float, purges: int) -> CachedResponse | None:
        """The response of the last minutes, if its thumbnail is still fresh: better than another capture."""
        response = self._responses.get(key)
        if response is None or purges != self._purges or not response.valid_from <= now < response.fresh_until:
            return None
        return response if now < response.valid_from + OUTAGE_LIFETIME else None

    def get_during_slow_read(self, key: Hashable, now: float, purges: int) -> CachedResponse | None:
        """The response while another request has read the shared cache for ``SLOW_READ``; one waits, not all."""
        begun = self._reads.get(key)
        is_slow = begun is not None and now >= begun + SLOW_READ
        return self.get_in_outage(key, now, purges) if is_slow else None

    @contextmanager
    def reading(self, key: Hashable, now: float) -> Iterator[None]:
        """Record a read of the shared cache; of several at the same time, the first."""
        is_first = self._reads.setdefault(key, now) == now
        try:
            yield
        finally:
            if is_first:
                self._reads.pop(key, None)

    def add(self, key: Hashable, response: CachedResponse, purges: int) -> None:
        """Add a response; it replaces an older one of the same key.

        ``purges`` is the state of the signal before the thumbnail was read. A change of it drops all responses.
        """
        with self._lock:
            if purges != self._purges:
                self._responses.clear()
                self._bytes, self._purges = 0, purges
            self._drop(key)
            self._responses[key] = response
            self._bytes += _size(response)
            while self._bytes > self._budget:
                self._drop(next(iter(self._responses)))

    def _drop(self, key: Hashable) -> None:
        if response := self._responses.pop(key, None):
            self._bytes -= _size(response)


def _size(response: CachedResponse) -> int:
    return len(response.body) + _OVERHEAD
