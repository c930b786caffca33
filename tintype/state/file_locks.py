"""Locks between the processes of one machine: lock files, which the kernel releases when a process exits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from tintype.circuit_breaker import CircuitBreaker
from tintype.quarantine import clear_path
from tintype.state.striped_locks import StripedLocks, acquire

POLL_INTERVAL = 0.02
"""Seconds between two attempts to lock a file; one thread per process polls."""


class FileLocks:
    """Mutual exclusion between the threads and processes of one machine.

    Names share ``stripes`` files, so that the folder does not grow; two names with the same file exclude each other.
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
        thread_lock = self._thread_locks.lock(stripe)
        if not acquire(thread_lock, wait):
            yield False
            return
        try:
            with self._hold_file(stripe, max(0.0, until - time.monotonic())) as held:
                yield held
        finally:
            thread_lock.release()

    @contextmanager
    def _hold_file(self, stripe: int, wait: float) -> Iterator[bool]:
        path = self._folder / f"{stripe:04x}.lock"
        lock = filelock.FileLock(path, poll_interval=POLL_INTERVAL)
        held = True
        try:
            clear_path(path)
            lock.acquire(timeout=wait)
        except filelock.Timeout:
            held = False
        except OSError as error:  # the block runs without the lock: duplicate work is better than an error
            self._breaker.report(error)
        try:
            yield held
        finally:
            lock.release()
