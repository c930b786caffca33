"""Cache of parsed query strings: repeated queries are not parsed again."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar
from wsgiref.types import WSGIEnvironment

from tintype.request_parser import ThumbnailRequest

if TYPE_CHECKING:
    from tintype.web.auth import Credential

Part = TypeVar("Part")

MAX_ENTRIES, MAX_BYTES = 8192, 32 << 20
MAX_KEY_LENGTH = 2048
"""Characters of query string and Accept header; longer ones are not cached."""

_ENTRY_BYTES, _BYTES_PER_CHARACTER = 2048, 3
"""Bytes of a parsed query: fixed, and for each character of its key, which the URL and other options repeat."""
_SHARED_PARTS = ("credentials", "emulation", "wait", "page_changes", "region")


@dataclass(frozen=True, slots=True, eq=False)
class ParsedQuery:
    """A parsed query string, with the validity of the URL it came in; compared by identity, which is fast."""

    request: ThumbnailRequest
    expires_at: float
    """Seconds since the epoch, when the signature of the URL expires."""
    private: bool
    """Shared caches must not keep the response."""


class QueryCache:
    """Parsed queries by query string, and by the Accept header where that chose the format.

    Only queries that the Flask application has answered are added, so there is one parser; and only cache hits, so
    queries that are sent once do not evict frequent ones.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: dict[str | tuple[str, str], ParsedQuery] = {}
        self._lock = threading.Lock()

    def get(self, environ: WSGIEnvironment) -> ParsedQuery | None:
        """The parsed query of a WSGI request, if it is cached."""
        query = environ["QUERY_STRING"]
        return self._entries.get(query) or self._entries.get((query, environ.get("HTTP_ACCEPT", "")))

    def add(self, environ: WSGIEnvironment, request: ThumbnailRequest, credential: Credential) -> None:
        """Add a query unless it forces a new capture; the oldest entries are evicted beyond the bounds."""
        query, accept = environ["QUERY_STRING"], environ.get("HTTP_ACCEPT", "")
        key = (query, accept) if request.negotiated else query
        if request.freshness.forced or len(query) + len(accept) > MAX_KEY_LENGTH or key in self._entries:
            return
        with self._lock:
            self._entries[key] = ParsedQuery(_intern_parts(request), credential.expires_at, credential.private)
            self._bytes += _size(key)
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                oldest = next(iter(self._entries))
                del self._entries[oldest]
                self._bytes -= _size(oldest)

    @property
    def bytes(self) -> int:
        """Estimated bytes of all entries."""
        return self._bytes

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._entries)


def _size(key: str | tuple[str, str]) -> int:
    length = len(key) if isinstance(key, str) else len(key[0]) + len(key[1])
    return _ENTRY_BYTES + _BYTES_PER_CHARACTER * length


def _intern_parts(parsed: ThumbnailRequest) -> ThumbnailRequest:
    """The same request with parts that all queries share: most parts are equal, so 2 KB instead of 7."""
    request, shot = parsed.capture_request, parsed.capture_request.shot
    shot = shot.model_copy(update={name: _interned(getattr(shot, name)) for name in _SHARED_PARTS})
    interned = request.model_copy(update={"shot": shot, "rendition": _interned(request.rendition)})
    return replace(parsed, capture_request=interned)


@functools.lru_cache(1024)
def _interned(part: Part) -> Part:
    return part
