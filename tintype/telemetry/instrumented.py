"""Wrappers that measure engines, caches, storages and request limits behind the same protocols."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tintype.errors import BackendUnavailable, TintypeError
from tintype.low_priority import is_low_priority
from tintype.model import (
    STORED_PREFIX,
    Capture,
    Deletion,
    OpenObject,
    StorageUsage,
    StoredEntry,
    StoredFile,
    StoredObject,
)
from tintype.options import Shot
from tintype.protocols import Cache, Engine, RequestLimit, Storage
from tintype.telemetry import timing
from tintype.telemetry.definitions import PHASES
from tintype.telemetry.recorder import add_gauge, count, observe


@dataclass(frozen=True, slots=True)
class InstrumentedEngine:
    """Measures captures, their results and phases; ``name`` is the value of the label ``engine``."""

    engine: Engine
    name: str

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        """Capture a page; raises TintypeError."""
        begin, result = time.perf_counter(), "internal-error"
        try:
            capture = self.engine.capture(shot, fresh=fresh)
            result = "partial" if capture.partial else "ok"
        except TintypeError as error:
            result = error.code
            raise
        finally:
            count("tintype_captures_total", self.name, result)
            observe("tintype_capture_duration_seconds", self.name, seconds=time.perf_counter() - begin)
        self._record_phases(capture)
        return capture

    def check(self) -> None:
        """Raise BackendUnavailable unless the engine is ready to capture."""
        self.engine.check()

    def warnings(self) -> tuple[str, ...]:
        """Warnings for the operator that do not prevent captures."""
        return self.engine.warnings()

    def close(self) -> None:
        """Release connections and processes. Idempotent."""
        self.engine.close()

    def _record_phases(self, capture: Capture) -> None:
        known = {name: ms / 1000 for name, ms in capture.timings.items() if name in PHASES}
        for name, seconds in known.items():
            observe("tintype_capture_phase_seconds", name, seconds=seconds)
        timing.record_phases(known)


@dataclass(frozen=True, slots=True)
class InstrumentedCache:
    """Measures reads and writes; ``name`` is the value of the label ``cache``."""

    cache: Cache
    name: str

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        with _timed("tintype_cache_operation_seconds", self.name, "get"):
            return self.cache.get(key)

    def put(self, key: str, value: bytes, ttl: float, tags: Sequence[str] = (), begun_at: float | None = None) -> None:
        """Store a value for ``ttl`` seconds."""
        with _timed("tintype_cache_operation_seconds", self.name, "put"):
            self.cache.put(key, value, ttl, tags, begun_at)

    def purge(self, *tags: str) -> int:
        """Delete every value with one of the tags; returns how many there were. Raises BackendUnavailable."""
        return self.cache.purge(*tags)

    def related_tags(self, tag: str) -> set[str]:
        """The tags of all values with a tag. Raises BackendUnavailable."""
        return self.cache.related_tags(tag)

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the cache."""
        return self.cache.now()

    def clear(self) -> int:
        """Delete all values; returns how many there were. Raises BackendUnavailable."""
        return self.cache.clear()

    def size(self) -> int:
        """Bytes of all values."""
        return self.cache.size()

    def is_available(self) -> bool:
        """Whether the backend works."""
        return self.cache.is_available()

    def entries(self) -> int:
        """Number of values."""
        return self.cache.entries()


@dataclass(frozen=True, slots=True)
class InstrumentedStorage:
    """Measures operations and counts failures."""

    storage: Storage

    def put(self, stored: StoredObject) -> None:
        """Durably store."""
        with _storage_operation("put"):
            self.storage.put(stored)

    def get(self, key: str) -> StoredObject | None:
        """The object, body included."""
        with _storage_operation("get"):
            return self.storage.get(key)

    def open(self, key: str) -> OpenObject | None:
        """The object as an open file."""
        with _storage_operation("get"):
            return self.storage.open(key)

    def latest(self, prefix: str) -> StoredObject | None:
        """The latest object whose key starts with ``prefix``, with an empty body."""
        with _storage_operation("latest"):
            return self.storage.latest(prefix)

    def scan(self, after: str = "", prefix: str = STORED_PREFIX) -> Iterator[StoredFile]:
        """Objects in the order of their keys."""
        return self.storage.scan(after, prefix)

    def describe(self, files: Sequence[StoredFile]) -> list[StoredEntry]:
        """Scanned objects with their metadata."""
        with _storage_operation("describe"):
            return self.storage.describe(files)

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete objects with their metadata."""
        with _storage_operation("delete"):
            return self.storage.delete(keys)

    def usage(self) -> StorageUsage:
        """Measure the number and the bytes of all objects."""
        with _storage_operation("usage"):
            return self.storage.usage()

    @property
    def usage_interval(self) -> float:
        """Seconds for which a measurement is reused."""
        return self.storage.usage_interval

    @property
    def identity(self) -> str:
        """A text that is equal for two instances if and only if they store into the same place."""
        return self.storage.identity

    @property
    def name(self) -> str:
        """The storage, for messages to the operator."""
        return self.storage.name

    def url(self, key: str) -> str:
        """The permanent public URL."""
        return self.storage.url(key)

    def check(self) -> None:
        """Raise BackendUnavailable unless the storage works."""
        with _storage_operation("check"):
            self.storage.check()


@dataclass(frozen=True, slots=True)
class InstrumentedLimit:
    """Measures how many requests a limit has admitted and not yet released."""

    limit: RequestLimit

    @contextmanager
    def acquire(self, target: str = "") -> Iterator[None]:
        """Count a request while the block runs; raises Overloaded. Pages of jobs are no requests."""
        if is_low_priority():
            yield
            return
        with self.limit.acquire(target):
            add_gauge("tintype_waiting_requests", by=1)
            try:
                yield
            finally:
                add_gauge("tintype_waiting_requests", by=-1)


@contextmanager
def _storage_operation(operation: str) -> Iterator[None]:
    with timing.timed_step(f"storage {operation}"), _timed("tintype_storage_operation_seconds", operation):
        try:
            yield
        except BackendUnavailable:
            count("tintype_backend_failures_total", "storage")
            raise


@contextmanager
def _timed(name: str, *labels: str) -> Iterator[None]:
    begin = time.perf_counter()
    try:
        yield
    finally:
        observe(name, *labels, seconds=time.perf_counter() - begin)
