"""Protocols Engine, TargetChecker, Cache, Locks, RequestLimit and Storage; implementations do not inherit them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

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


class Engine(Protocol):
    """Captures pages. Thread-safe."""

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        """Capture a page; raises TintypeError if that fails.

        With ``fresh`` the capture begins after the call: one that is already running is not shared.
        """
        ...

    def check(self) -> None:
        """Raise BackendUnavailable unless captures are possible now."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """Warnings for the operator while captures still work, such as a missing sandbox layer."""
        ...

    def close(self) -> None:
        """Close connections and stop processes. Idempotent."""
        ...


class CaptureMonitor(Protocol):
    """Follows captures by the progress id that their client made. Thread-safe, never raises."""

    def progress(self, progress_id: str) -> tuple[str, int]:
        """The step of a capture, and the captures before it in the queue; an empty step for an unknown id."""
        ...

    def cancel(self, progress_id: str) -> bool:
        """Cancel a capture for its client; returns whether it was in progress."""
        ...


class TargetChecker(Protocol):
    """Resolves the host of a target before a capture; the binding check happens when the proxy connects."""

    def check(self, url: str) -> None:
        """Raise TargetDenied or TargetUnreachable unless the host of a canonical URL has permitted addresses only."""
        ...


class Cache(Protocol):
    """Expiring values shared by all workers, under a byte budget with least-recently-used eviction.

    A cache that is unavailable behaves as an empty one and logs an error; only purges raise.
    """

    def get(self, key: str) -> bytes | None:
        """The value; None if it is absent, expired or unreadable."""
        ...

    def put(self, key: str, value: bytes, ttl: float, tags: Sequence[str] = (), begun_at: float | None = None) -> None:
        """Store a value for ``ttl`` seconds. ``tags`` group values for :meth:`purge`.

        A value is not stored if it was begun, by :meth:`now`, before a purge of one of its tags or :meth:`clear`.
        """
        ...

    def purge(self, *tags: str) -> int:
        """Delete all values with one of the tags; returns their number. Raises BackendUnavailable."""
        ...

    def related_tags(self, tag: str) -> set[str]:
        """The tags of all values with a tag. Raises BackendUnavailable."""
        ...

    def now(self) -> float:
        """Seconds since the epoch by the one clock of all workers that share this cache."""
        ...

    def clear(self) -> int:
        """Delete all values; returns their number. Raises BackendUnavailable."""
        ...

    def size(self) -> int:
        """Bytes of all values."""
        ...

    def is_available(self) -> bool:
        """False while the backend fails: ``get`` then returns None for values that exist. Costs no round trip."""
        ...

    def entries(self) -> int:
        """Number of values; expired ones count until they are deleted."""
        ...


class Locks(Protocol):
    """Named locks between all workers, also of several machines if the backend is shared by them."""

    def hold(self, name: str, wait: float) -> AbstractContextManager[bool]:
        """Hold the lock inside the block, waiting up to ``wait`` seconds for it.

        Yields whether it is held. The lock of a process that exits is released. If the backend is unavailable, the
        block runs unlocked (True): duplicate work is better than an error.
        """
        ...


class RequestLimit(Protocol):
    """Bounds the requests of a process that wait for a capture or whose body is still arriving."""

    def acquire(self, target: str = "") -> AbstractContextManager[None]:
        """Count a request while the block runs; raises Overloaded if the limit is reached. Empty: target unknown."""
        ...


class Storage(Protocol):
    """Permanently stored thumbnails. Every failure is BackendUnavailable."""

    def put(self, stored: StoredObject) -> None:
        """Store an object; it is durable on return, and no partial object remains after an error."""
        ...

    def get(self, key: str) -> StoredObject | None:
        """The object, body included."""
        ...

    def open(self, key: str) -> OpenObject | None:
        """The object as an open file, so that it can be sent in parts."""
        ...

    def latest(self, prefix: str) -> StoredObject | None:
        """The latest object whose key starts with ``prefix``, with an empty body."""
        ...

    def scan(self, after: str = "", prefix: str = STORED_PREFIX) -> Iterator[StoredFile]:
        """Objects in the order of their keys: those whose key starts with ``prefix`` and is greater than ``after``."""
        ...

    def describe(self, files: Sequence[StoredFile]) -> list[StoredEntry]:
        """Scanned objects with their metadata, in the same order; deleted ones are left out.

        Never fails because of missing or damaged metadata.
        """
        ...

    def delete(self, keys: Sequence[str]) -> Deletion:
        """Delete objects with their metadata; keys that do not exist or are invalid are ignored."""
        ...

    def usage(self) -> StorageUsage:
        """Measure the number and the bytes of all objects."""
        ...

    @property
    def usage_interval(self) -> float:
        """Seconds for which a measurement of the usage is reused, by what it costs."""
        ...

    @property
    def identity(self) -> str:
        """A text that is equal for two instances if and only if they store into the same place."""
        ...

    @property
    def name(self) -> str:
        """The storage, for messages to the operator: its folder or bucket."""
        ...

    def url(self, key: str) -> str:
        """The permanent public URL; starts with ``/`` if this service serves it."""
        ...

    def check(self) -> None:
        """Raise BackendUnavailable unless objects can be stored now."""
        ...
