"""Limits of a worker process: requests that wait for captures (bulkhead, 503), requests that run concurrently.

A request that waits for a capture, or whose body is still arriving, holds a thread of a web worker. If all threads
wait, none is left for cache hits: ``WaitingLimit`` rejects the excess with 503. Rejecting it here is also cheaper
than sending it to a daemon whose queue is full.

A burst of requests gets one thread each. If all of them run, they compete for the GIL and each opens its own cache
connections: the total CPU time doubles and every request finishes late. ``ConcurrencyLimit`` lets two run at a time.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tintype.errors import Overloaded
from tintype.low_priority import is_low_priority

RETRY_AFTER = 5.0
"""Seconds after which a rejected client should retry."""
UNKNOWN_TARGET = ""
"""The target of a request whose body has not arrived yet."""
MAX_CONCURRENT = 2
"""One request may wait for the disk or Redis while the other runs. With four, each takes 1.5 times the CPU time."""
ACQUIRE_TIMEOUT = 1.0
"""Seconds after which a request runs without a permit: those that hold the permits may be blocked."""


class WaitingLimit:
    """At most ``max_requests`` requests wait at a time, for at most ``max_targets`` targets; None is unlimited."""

    def __init__(self, max_requests: int | None = None, max_targets: int | None = None) -> None:
        self._max_requests = float("inf") if max_requests is None else max_requests
        self._max_targets = float("inf") if max_targets is None else max_targets
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def acquire(self, target: str = UNKNOWN_TARGET) -> Iterator[None]:
        """Count a request as waiting for a target while the block runs; raises Overloaded if the limit is reached.

        Pages of jobs count nothing: no client waits for them, and they occupy no thread of the web server.
        """
        if is_low_priority():
            yield
            return
        with self._lock:
            if self._waiting.total() >= self._max_requests or self._exceeds_targets(target):
                raise Overloaded("too many requests are waiting for captures; retry later", retry_after=RETRY_AFTER)
            self._waiting[target] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= Counter((target,))

    def _exceeds_targets(self, target: str) -> bool:
        targets = self._waiting.keys() - {UNKNOWN_TARGET}
        return target not in {UNKNOWN_TARGET, *targets} and len(targets) >= self._max_targets


class Permit:
    """The right of one request to run; used by its thread only."""

    def __init__(self, limit: ConcurrencyLimit | None = None) -> None:
        self._limit = limit
        self._is_held = limit is not None and limit.try_acquire()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the permit to another request while the block waits, and acquire it again afterwards.

        Does nothing if the permit is not held, for instance inside another ``released``.
        """
        if not self._is_held:
            yield
            return
        self.release()
        try:
            yield
        finally:
            self._is_held = self._limit is not None and self._limit.try_acquire()

    def release(self) -> None:
        """Give the permit back. Idempotent."""
        if self._is_held and self._limit:
            self._is_held = False
            self._limit.release()


UNLIMITED = Permit()
"""For callers without a concurrency limit: the command line, background captures, requests with a body."""


class ConcurrencyLimit:
    """At most ``max_concurrent`` permits at a time; after ``timeout`` seconds a request runs without one."""

    def __init__(self, max_concurrent: int = MAX_CONCURRENT, timeout: float = ACQUIRE_TIMEOUT) -> None:
        self._free = threading.Semaphore(max_concurrent)
        self._timeout = timeout

    @contextmanager
    def acquire(self) -> Iterator[Permit]:
        """A permit while the block runs."""
        permit = Permit(self)
        try:
            yield permit
        finally:
            permit.release()

    def try_acquire(self) -> bool:
        """Wait for a permit; whether there was one within the timeout."""
        return self._free.acquire(timeout=self._timeout)

    def release(self) -> None:
        """Give one permit back."""
        self._free.release()
