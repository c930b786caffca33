"""Locks for one machine: a file per stripe of names, which the kernel frees when a process dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tintype.state.circuit_breaker import CircuitBreaker
from tintype.state.striped_locks import StripedLocks, acquire

POLL_INTERVAL = 0.02
"""Seconds between two looks at a file that another process holds; one thread per process looks."""


class FileLocks:
    """Mutual exclusion over the threads and processes of one machine.

    Names share ``stripes`` files, so that the folder does not grow; two names in one stripe wait for each other.
    """

    def __init__(self, folder: Path, stripes: int = 4096) -> None:
        self._folder = folder
        self._thread_locks = StripedLocks(stripes)
        self._breaker = CircuitBreaker("locks", str(folder))

    @contextmanager
    def hold(self, name: str, wait: float) -> Iterator[bool]:
        """Hold the lock inside the block, waiting up to ``wait`` seconds; yields whether it is held."""
        until = time.monotonic() + wait
        stripe = self._thread_locks.index(name)
        turn = self._thread_locks.lock(stripe)
        if not acquire(turn, wait):
            yield False
            return
        try:
            with self._hold_file(stripe, max(0.0, until - time.monotonic())) as held:
                yield held
        finally:
            turn.release()

    @contextmanager
    def _hold_file(self, stripe: int, wait: float) -> Iterator[bool]:
        lock = filelock.FileLock(self._folder / f"{stripe:04x}.lock", poll_interval=POLL_INTERVAL)
        held = True
        try:
            lock.acquire(timeout=wait)
        except filelock.Timeout:
            held = False
        except OSError as error:
            self._breaker.report(error)
        try:
            yield held
        finally:
            lock.release()
