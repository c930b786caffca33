"""What the service needs from the world, on one page. Implementations do not inherit from these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from tintype.model import Capture, StoredObject
from tintype.options import Shot


class Engine(Protocol):
    """Takes photographs. Safe to call from many threads."""

    def capture(self, shot: Shot) -> Capture:
        """Photograph a page; raises a TintypeError when there is no picture to be had."""
        ...

    def check(self) -> None:
        """Raise BackendUnavailable unless a capture could work right now."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know although captures work, such as a missing layer of the guard."""
        ...

    def close(self) -> None:
        """Give back connections and processes. Idempotent."""
        ...


class TargetChecker(Protocol):
    """Looks the host of a target up, early and cheaply; the decision to trust is made at connect time."""

    def check(self, url: str) -> None:
        """Raise TargetDenied or TargetUnreachable unless a canonical URL leads to permitted addresses only."""
        ...


class Cache(Protocol):
    """Expiring values shared by every worker, under a byte budget with least-recently-used eviction.

    A cache that is down behaves as an empty one and says so in the log: it never raises.
    """

    def get(self, key: str) -> bytes | None:
        """The value, or None when absent, expired or unreadable."""
        ...

    def put(self, key: str, value: bytes, ttl: float, tag: str = "") -> None:
        """Remember a value for ``ttl`` seconds. ``tag`` groups values for :meth:`purge`."""
        ...

    def purge(self, tag: str) -> int:
        """Forget every value put under a tag; how many there were."""
        ...

    def clear(self) -> int:
        """Forget everything; how many values there were."""
        ...

    def size(self) -> int:
        """Bytes of all values held now."""
        ...

    def entries(self) -> int:
        """How many values are held now; expired ones may count until they are swept."""
        ...


class Locks(Protocol):
    """Mutual exclusion by name over all workers, machines included where the technology spans them."""

    def hold(self, name: str, wait: float) -> AbstractContextManager[bool]:
        """Hold the lock inside the block, waiting up to ``wait`` seconds for it.

        Yields whether it is held. A holder that dies frees it. When the technology is down the
        block runs unlocked (True): work done twice is better than no answer.
        """
        ...


class RequestLimit(Protocol):
    """Bounds the requests of a process that wait for a capture or whose body is still arriving."""

    def acquire(self, target: str = "") -> AbstractContextManager[None]:
        """Count a request while the block runs; raises Overloaded if the limit is reached. Empty: target unknown."""
        ...


class Storage(Protocol):
    """What was persisted, kept until deleted. Failures are BackendUnavailable."""

    def put(self, stored: StoredObject) -> None:
        """Durably store; on return it is safe, on an error nothing half-written is left."""
        ...

    def get(self, key: str) -> StoredObject | None:
        """The object, body included."""
        ...

    def latest(self, prefix: str) -> StoredObject | None:
        """The latest object whose key starts with ``prefix``, with an empty body."""
        ...

    def keys(self) -> Iterator[str]:
        """Every key, in no order."""
        ...

    def delete(self, key: str) -> bool:
        """Whether there was something to delete."""
        ...

    def url(self, key: str) -> str:
        """The lasting public URL; starts with ``/`` when this service itself serves it."""
        ...

    def check(self) -> None:
        """Raise BackendUnavailable unless objects can be stored right now."""
        ...
