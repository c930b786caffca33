"""How many requests a process works on at once.

A crowd that arrives at one moment gets a thread each. All of them running means that Python hands its lock around
among them and each opens connections of its own to the caches: together they take twice the work, and everyone is done
last. Two at a time, in the order in which they came, are done sooner, all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_CONCURRENT = 2
"""One may wait for the disk or Redis while the other runs. Four take 1.5 times as much CPU each as one alone."""
ACQUIRE_TIMEOUT = 1.0
"""Seconds after which a request goes ahead without a turn: what holds the others up may be out of order."""


class ConcurrencyLimit:
    """So many turns; a thread has at most one."""

    def __init__(self, max_concurrent: int = MAX_CONCURRENT, timeout: float = ACQUIRE_TIMEOUT) -> None:
        self._free = threading.Semaphore(max_concurrent)
        self._patience = timeout
        self._mine = threading.local()

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """A turn while the block lasts, or none after some patience."""
        self._begin()
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let others go ahead while the block lasts, which waits more than it works."""
        if not self._end():
            yield
            return
        try:
            yield
        finally:
            self._begin()

    def _begin(self) -> None:
        self._mine.held = self._free.acquire(timeout=self._patience)

    def _end(self) -> bool:
        """Give the turn back; whether there was one."""
        if not getattr(self._mine, "held", False):
            return False
        self._mine.held = False
        self._free.release()
        return True
