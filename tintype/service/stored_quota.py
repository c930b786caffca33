"""Quota of stored thumbnails: bytes and objects of the whole storage, counted together by all workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from tintype.errors import StorageFull, TintypeError
from tintype.logs import LogThrottle
from tintype.model import StorageUsage, StoredObject, digest_of
from tintype.protocols import Cache, Locks, Storage
from tintype.rpc import codec

log = structlog.get_logger("tintype.stored")

RECORD_TTL = 7 * 86_400.0
"""Seconds that a measurement is cached; it is repeated long before."""
RECHECK_SHARE = 60
"""A full storage is measured again after the usage interval of the storage divided by this: 1 s on disk, 60 s in S3."""
LOCK_WAIT = 5.0
"""Seconds to wait for the lock of the usage; after that a request counts without it."""

_throttle = LogThrottle()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLimits:
    """Bounds of stored thumbnails; 0: no bound. ``retention`` is in seconds."""

    max_bytes: int = 0
    max_objects: int = 0
    retention: float = 0.0


NO_LIMITS = StoredLimits()
"""Everything is stored, and kept until it is deleted."""


@dataclass(frozen=True, slots=True)
class _Measurement:
    usage: StorageUsage
    measured_at: float

    def add(self, objects: int, size: int) -> _Measurement:
        changed = StorageUsage(objects=max(0, self.usage.objects + objects), size=max(0, self.usage.size + size))
        return replace(self, usage=changed)


class StoredQuota:
    """Rejects what would exceed the quota. Every worker adds to one shared count, which is measured now and then.

    If the storage cannot be measured, for example because a bucket denies its list, everything is stored, and a warning
    is logged.
    """

    def __init__(
        self, storage: Storage, records: Cache, locks: Locks, limits: StoredLimits, clock: Callable[[], float]
    ) -> None:
        self._storage = storage
        self._records = records
        self._locks = locks
        self._limits = limits
        self._clock = clock
        self._key = f"stored-usage:{digest_of(storage.identity.encode())[:16]}"
        self._last: _Measurement | None = None
        """The last count that this process has seen, for while the shared one is unavailable."""

    def check(self) -> None:
        """Raise StorageFull before a capture that could not be stored."""
        if not self._is_limited:
            return
        with self._locked():
            measured = self._current()
            if measured and self._is_exceeded(measured.add(1, 1)):
                self._reject_unless_freed(measured, 1, 1)

    def put(self, stored: StoredObject) -> None:
        """Store an object within the quota; raises StorageFull or BackendUnavailable."""
        if not self._is_limited:
            self._storage.put(stored)
            return
        size = len(stored.body)
        is_new = not self._holds(stored.key)
        if is_new:
            self._reserve(size)
        try:
            self._storage.put(stored)
        except TintypeError:
            if is_new:
                self.release(1, size)
            raise

    def release(self, objects: int, size: int) -> None:
        """Subtract what was deleted or not stored after all."""
        with self._locked():
            measured = self._read()
            if measured:
                self._write(measured.add(-objects, -size))

    def refresh(self) -> None:
        """Measure the storage if the last measurement is too old; raises BackendUnavailable."""
        measured = self._read()
        if measured is None or self._age(measured) >= self._storage.usage_interval:
            with self._locked():
                self._write(_Measurement(self._storage.usage(), self._clock()))

    def last_usage(self) -> StorageUsage | None:
        """The last count, for metrics: never measures. None before the first measurement."""
        measured = self._read()
        return measured.usage if measured else None

    @property
    def _is_limited(self) -> bool:
        return bool(self._limits.max_bytes or self._limits.max_objects)

    def _reserve(self, size: int) -> None:
        with self._locked():
            measured = self._current()
            if measured is None:
                return
            if self._is_exceeded(measured.add(1, size)):
                measured = self._reject_unless_freed(measured, 1, size)
            self._write(measured.add(1, size))

    def _reject_unless_freed(self, measured: _Measurement, objects: int, size: int) -> _Measurement:
        """Measure again, because an operator may have deleted files; raises StorageFull."""
        if self._age(measured) >= self._storage.usage_interval / RECHECK_SHARE:
            measured = self._measure() or measured
        if self._is_exceeded(added := measured.add(objects, size)):
            setting = "TINTYPE_STORED_OBJECTS" if self._has_too_many(added.usage) else "TINTYPE_STORED_QUOTA"
            if _throttle.allows():
                usage = measured.usage
                log.warning("stored_quota_exceeded", objects=usage.objects, bytes=usage.size, setting=setting)
            raise StorageFull(
                f"the quota of stored thumbnails is used up; the operator can delete some or raise {setting}"
            )
        return measured

    def _is_exceeded(self, measured: _Measurement) -> bool:
        limit = self._limits.max_bytes
        return self._has_too_many(measured.usage) or bool(limit and measured.usage.size > limit)

    def _has_too_many(self, usage: StorageUsage) -> bool:
        return bool(self._limits.max_objects and usage.objects > self._limits.max_objects)

    def _current(self) -> _Measurement | None:
        """The shared count, measured if it is too old; None if the storage cannot be measured."""
        measured = self._read()
        if measured and self._age(measured) < self._storage.usage_interval:
            return measured
        return self._measure() or measured

    def _measure(self) -> _Measurement | None:
        try:
            measured = _Measurement(self._storage.usage(), self._clock())
        except TintypeError as error:
            if _throttle.allows():
                log.warning("stored_quota_unknown", reason=error.detail, effect="everything is stored")
            return None
        self._write(measured)
        return measured

    def _age(self, measured: _Measurement) -> float:
        """Seconds since a measurement; one from the future is too old, because a clock was wrong."""
        age = self._clock() - measured.measured_at
        return age if age >= 0 else float("inf")

    def _holds(self, key: str) -> bool:
        try:
            return next(iter(self._storage.scan(prefix=key)), None) is not None
        except TintypeError:
            return False

    def _read(self) -> _Measurement | None:
        data = self._records.get(self._key)
        try:
            header, _ = codec.unpack(data or b"")
            usage = StorageUsage(objects=int(header["objects"]), size=int(header["size"]))
            self._last = _Measurement(usage, float(header["measured_at"]))
        except (ValueError, TypeError, KeyError):
            pass  # absent or damaged: the count of this process is the best there is
        return self._last

    def _write(self, measured: _Measurement) -> None:
        self._last = measured
        usage = measured.usage
        header = {"objects": usage.objects, "size": usage.size, "measured_at": measured.measured_at}
        self._records.put(self._key, codec.pack(header), RECORD_TTL)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._locks.hold(self._key, LOCK_WAIT):
            yield
