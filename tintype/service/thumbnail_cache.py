"""What is remembered between requests: finished pictures, lossless masters, failures.

A typed view over two caches. A value that cannot be read, for whatever reason, is a miss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from tintype import errors
from tintype.errors import TintypeError
from tintype.model import Capture, Thumbnail, digest_of
from tintype.options import CaptureRequest, Shot
from tintype.protocols import Cache
from tintype.rpc import codec

MIN_TTL = 60.0
"""Seconds a picture is kept at least, so that those who wait for it in line still find it."""
BACKGROUND_FAILURE_TTL = 10.0
"""Seconds in which those who ask again learn of a failure that is otherwise not remembered."""

_Value = TypeVar("_Value")


class ThumbnailCache:
    """Pictures by request, masters and failures by shot; everything about a URL under one tag."""

    def __init__(self, records: Cache, masters: Cache, failure_ttl: float) -> None:
        self._records = records
        self._masters = masters
        self._failure_ttl = failure_ttl

    def get_thumbnail(self, request: CaptureRequest, *, rejected: bool = False) -> Thumbnail | None:
        """The picture last made for a request, however old; or the bad one that lies beside a good one."""
        return _read(self._records, _cache_key(request.key, rejected), codec.unpack_thumbnail)

    def put_thumbnail(
        self, request: CaptureRequest, thumbnail: Thumbnail, seconds: float, *, rejected: bool = False
    ) -> None:
        """Remember a finished picture, in the place of the last one or beside it."""
        value = codec.pack_thumbnail(thumbnail)
        self._records.put(_cache_key(request.key, rejected), value, max(seconds, MIN_TTL), tag_of(request.shot.url))

    def get_master(self, shot: Shot, *, rejected: bool = False) -> Capture | None:
        """The master last taken of a shot, however old; or the bad one that lies beside a good one."""
        return _read(self._masters, _cache_key(shot.key, rejected), codec.unpack_capture)

    def put_master(self, shot: Shot, capture: Capture, seconds: float, *, rejected: bool = False) -> None:
        """Remember a master, in the place of the last one or beside it."""
        value = codec.pack_capture(capture)
        self._masters.put(_cache_key(shot.key, rejected), value, max(seconds, MIN_TTL), tag_of(shot.url))

    def get_failure(self, shot: Shot, since: float = -math.inf) -> TintypeError | None:
        """How taking a shot failed at or after a moment (seconds since the epoch), if that is remembered."""
        found = _read(self._records, _failure_key(shot), _unpack_failure)
        return found[1] if found and found[0] >= since else None

    def put_failure(self, shot: Shot, error: TintypeError, now: float) -> None:
        """Remember a failure for the failure time; zero seconds switch this off."""
        value = codec.pack({"failed_at": now, **error.problem()})
        self._put_short(_failure_key(shot), value, shot)

    def clear_failure(self, shot: Shot) -> None:
        """Let a success take the place of a remembered failure."""
        self._put_short(_failure_key(shot), b"", shot)

    def start_backoff(self, shot: Shot) -> None:
        """Let refreshes of a shot pause for the failure time."""
        self._put_short(f"rest:{shot.key}", b"1", shot)

    def in_backoff(self, shot: Shot) -> bool:
        """Whether a refresh failed just now."""
        return self._records.get(f"rest:{shot.key}") is not None

    def put_background_failure(self, shot: Shot, error: TintypeError) -> None:
        """Remember for a moment how a capture failed that nobody waited for."""
        self._records.put(f"setback:{shot.key}", codec.pack_problem(error), BACKGROUND_FAILURE_TTL, tag_of(shot.url))

    def get_background_failure(self, shot: Shot) -> TintypeError | None:
        """How a capture that nobody waited for failed just now."""
        return _read(self._records, f"setback:{shot.key}", codec.unpack_problem)

    def purge(self, url: str) -> int:
        """Forget everything about a canonical URL; how many values there were."""
        return self._records.purge(tag_of(url)) + self._masters.purge(tag_of(url))

    def clear(self) -> int:
        """Forget everything; how many values there were."""
        return self._records.clear() + self._masters.clear()

    def _put_short(self, key: str, value: bytes, shot: Shot) -> None:
        if self._failure_ttl > 0:
            self._records.put(key, value, self._failure_ttl, tag_of(shot.url))


def tag_of(url: str) -> str:
    """What groups the values of one page; a digest, because URLs may hold secrets."""
    return digest_of(url.encode())


def _cache_key(key: str, rejected: bool) -> str:
    return f"aside:{key}" if rejected else key


def _failure_key(shot: Shot) -> str:
    return f"failure:{shot.key}"


def _unpack_failure(data: bytes) -> tuple[float, TintypeError]:
    header, _ = codec.unpack(data)
    return float(header["failed_at"]), errors.from_problem(header)


def _read(cache: Cache, key: str, unpack: Callable[[bytes], _Value]) -> _Value | None:
    data = cache.get(key)
    if data is None:
        return None
    try:
        return unpack(data)
    except (ValueError, TypeError, KeyError):
        # Torn, foreign or of another version: wire.Corrupt is a ValueError, missing fields are a TypeError.
        return None
