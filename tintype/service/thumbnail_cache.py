"""Typed cache of thumbnails, lossless masters and failures; one lookup object per request reads it.

A value that cannot be decoded counts as absent, is counted in ``tintype_cache_decode_errors_total`` and is logged at
most once per minute.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import structlog

from tintype import cache_tags, telemetry
from tintype.computed_once import computed_once
from tintype.errors import TintypeError
from tintype.logs import LogThrottle
from tintype.model import Capture, Thumbnail
from tintype.options import CaptureRequest, Shot
from tintype.problems import from_problem
from tintype.protocols import Cache
from tintype.rpc import codec
from tintype.service.policy import is_unusable

log = structlog.get_logger("tintype.cache")

MIN_TTL = 60.0
"""Seconds a value is kept at least, so that requests waiting for the same capture still find it."""
BACKGROUND_FAILURE_TTL = 10.0
"""Seconds in which requests receive the failure of a background capture that is not cached otherwise."""
MAX_MASTER_READS = 2
"""Masters that a process reads at the same time to see how old they are; one may have 100 MB."""

_Value = TypeVar("_Value")


_decode_log = LogThrottle()
_master_reads = threading.BoundedSemaphore(MAX_MASTER_READS)


class PurgeCount(NamedTuple):
    """Numbers of deleted values: ``records`` are thumbnails, failures and back-offs."""

    records: int = 0
    masters: int = 0

    @property
    def total(self) -> int:
        """Deleted values of both caches."""
        return self.records + self.masters


class ThumbnailCache:
    """Thumbnails by request, masters and failures by shot; all values have the tags of their page.

    A capture that does not show the page (*rejected*) gets a separate key if there is a good one, which it must not
    replace. ``failure_ttl`` is in seconds; 0 disables caching of failures and back-off.
    """

    def __init__(self, records: Cache, masters: Cache, failure_ttl: float) -> None:
        self._records = records
        self._masters = masters
        self._failure_ttl = failure_ttl

    def lookup(self, request: CaptureRequest) -> CacheLookup:
        """The lookup of a request; each value is read at most once, when it is first used."""
        return CacheLookup(self._records, self._masters, request)

    def put_thumbnail(
        self,
        request: CaptureRequest,
        thumbnail: Thumbnail,
        seconds: float,
        names: Sequence[str] = (),
        *,
        rejected: bool = False,
    ) -> None:
        """Store a finished thumbnail for ``seconds``, at least MIN_TTL, unless it was begun before a purge of it.

        ``names`` are the tags that the client has named.
        """
        key, value = _cache_key(request.key, rejected), codec.pack_thumbnail(thumbnail)
        found = (*cache_tags.tags_of(request.shot, names), cache_tags.etag_tag(thumbnail.etag))
        self._records.put(key, value, max(seconds, MIN_TTL), found, thumbnail.begun_at)

    def put_master(
        self, shot: Shot, capture: Capture, seconds: float, names: Sequence[str] = (), *, rejected: bool = False
    ) -> None:
        """Store a master for ``seconds``, at least MIN_TTL, unless it was begun before a purge of it."""
        key, value = _cache_key(shot.key, rejected), codec.pack_capture(capture)
        self._masters.put(key, value, max(seconds, MIN_TTL), cache_tags.tags_of(shot, names), capture.begun_at)

    def put_failure(self, shot: Shot, error: TintypeError, begun_at: float) -> None:
        """Store a failure for the failure TTL, which becomes its ``retry_after``.

        ``begun_at``: when the capture began, by the clock of the cache.
        """
        if self._failure_ttl > 0:
            error.keep_for(self._failure_ttl)
            times = {"begun_at": begun_at, "kept_until": self._records.now() + self._failure_ttl}
            self._put_short(_failure_key(shot), codec.pack({**times, **error.problem()}), shot, begun_at)

    def clear_failure(self, shot: Shot) -> None:
        """Replace a stored failure after a success."""
        self._put_short(_failure_key(shot), b"", shot)

    def put_background_failure(self, shot: Shot, error: TintypeError) -> None:
        """Store the failure of a background capture for the requests of the next seconds."""
        value, held = codec.pack_problem(error), cache_tags.tags_of(shot)
        self._records.put(_background_key(shot), value, BACKGROUND_FAILURE_TTL, held)

    def start_backoff(self, shot: Shot) -> None:
        """Suspend refreshes of a shot for the failure TTL."""
        self._put_short(_backoff_key(shot), b"1", shot)

    def is_available(self) -> bool:
        """Whether finished thumbnails can be read and written now."""
        return self._records.is_available()

    def purge(self, *names: str) -> PurgeCount:
        """Delete all values with one of the tags; raises BackendUnavailable."""
        return PurgeCount(self._records.purge(*names), self._masters.purge(*names))

    def pages_with(self, tag: str) -> set[str]:
        """The tags of the pages whose thumbnails have a tag; raises BackendUnavailable."""
        return set(filter(cache_tags.is_page_tag, self._records.related_tags(tag)))

    def clear(self) -> PurgeCount:
        """Delete all values; raises BackendUnavailable."""
        return PurgeCount(self._records.clear(), self._masters.clear())

    def _put_short(self, key: str, value: bytes, shot: Shot, begun_at: float | None = None) -> None:
        if self._failure_ttl > 0:
            self._records.put(key, value, self._failure_ttl, cache_tags.tags_of(shot), begun_at)


class CacheLookup:
    """The cached values of one request at one moment: each property costs one read, on its first use.

    A request makes one before the lock of its shot and one under it. The rejected values are read only if a good one
    exists, because they are written only then. Masters come without their bodies, which would fill the memory while
    requests wait: :meth:`read_masters` reads them again.
    """

    def __init__(self, records: Cache, masters: Cache, request: CaptureRequest) -> None:
        self._records = records
        self._masters = masters
        self._request = request

    @computed_once
    def thumbnail(self) -> Thumbnail | None:
        """The last finished thumbnail of the request, of any age."""
        return _read(self._records, self._request.key, codec.unpack_thumbnail)

    @computed_once
    def master(self) -> Capture | None:
        """The last master of the shot, of any age, without its body."""
        return self._peek(self._request.shot.key)

    @computed_once
    def failure(self) -> tuple[float, TintypeError] | None:
        """When the last capture of the shot began, by the clock of the cache, and its error, if it failed."""
        kept = _read(self._records, _failure_key(self._request.shot), _unpack_failure)
        if kept is None:
            return None
        begun_at, kept_until, error = kept
        error.keep_for(max(0.0, kept_until - self._records.now()))
        return begun_at, error

    @computed_once
    def background_failure(self) -> TintypeError | None:
        """Error of a background capture of the shot that failed in the last seconds."""
        return _read(self._records, _background_key(self._request.shot), codec.unpack_problem)

    @computed_once
    def in_backoff(self) -> bool:
        """Whether refreshes of the shot are suspended."""
        return self._records.get(_backoff_key(self._request.shot)) is not None

    @computed_once
    def good(self) -> Thumbnail | Capture | None:
        """The last good value, of any age: the thumbnail, or a master to render it from."""
        if self.thumbnail and not is_unusable(self.thumbnail):
            return self.thumbnail
        return self.master if self.master and not is_unusable(self.master) else None

    def thumbnails(self, *, rejected: bool = True) -> Iterator[Thumbnail]:
        """The thumbnail, and the rejected one if ``rejected`` is set."""
        if self.thumbnail:
            yield self.thumbnail
        if rejected and self.good and self._rejected_thumbnail:
            yield self._rejected_thumbnail

    def masters(self) -> Iterator[Capture]:
        """The master, then the rejected one."""
        if self.master:
            yield self.master
        if self.good and self._rejected_master:
            yield self._rejected_master

    def read_masters(self) -> Iterator[Capture]:
        """The masters as they are now, with their bodies; the caller holds a rendering slot while it has one."""
        if master := _read(self._masters, self._request.shot.key, codec.unpack_capture):
            yield master
        rejected = _cache_key(self._request.shot.key, rejected=True)
        if self.good and (master := _read(self._masters, rejected, codec.unpack_capture)):
            yield master

    @computed_once
    def _rejected_thumbnail(self) -> Thumbnail | None:
        return _read(self._records, _cache_key(self._request.key, rejected=True), codec.unpack_thumbnail)

    @computed_once
    def _rejected_master(self) -> Capture | None:
        return self._peek(_cache_key(self._request.shot.key, rejected=True))

    def _peek(self, key: str) -> Capture | None:
        with _master_reads:
            master = _read(self._masters, key, codec.unpack_capture)
            return replace(master, body=b"") if master else None


def _cache_key(key: str, rejected: bool) -> str:
    return f"rejected:{key}" if rejected else key


def _failure_key(shot: Shot) -> str:
    return f"failure:{shot.key}"


def _background_key(shot: Shot) -> str:
    return f"background-failure:{shot.key}"


def _backoff_key(shot: Shot) -> str:
    return f"backoff:{shot.key}"


def _unpack_failure(data: bytes) -> tuple[float, float, TintypeError]:
    header, _ = codec.unpack(data)
    return float(header["begun_at"]), float(header["kept_until"]), from_problem(header)


def _read(cache: Cache, key: str, unpack: Callable[[bytes], _Value]) -> _Value | None:
    data = cache.get(key)
    if not data:  # absent, or cleared by an empty value
        return None
    try:
        return unpack(data)
    except (ValueError, TypeError, KeyError) as error:
        # Truncated or of another version: codec.CorruptValue is a ValueError, missing fields are a TypeError.
        telemetry.count("tintype_cache_decode_errors_total")
        if _decode_log.allows():
            log.warning("cache_decode_failed", error=type(error).__name__, reason=str(error))
        return None
