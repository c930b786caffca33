"""Which thread of this process goes next? Only that one asks the outside, the others wait without polling."""

from __future__ import annotations

import hashlib
import os
import threading


class StripedLocks:
    """A lock per stripe of names within one process; two names rarely share one."""

    def __init__(self, stripes: int) -> None:
        self._stripes = stripes
        self._create_locks()

    def index(self, name: str) -> int:
        """The number of a name's stripe, the same in every process."""
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self._stripes

    def lock(self, index: int) -> threading.Lock:
        """The lock of a stripe."""
        if self._pid != os.getpid():
            # A fork copies locks that threads of the parent held, and not the threads that would release them.
            self._create_locks()
        return self._locks[index]

    def _create_locks(self) -> None:
        self._pid = os.getpid()
        self._locks = [threading.Lock() for _ in range(self._stripes)]


def acquire(lock: threading.Lock, wait: float) -> bool:
    """Acquire within ``wait`` seconds; 0 tries once."""
    return lock.acquire(timeout=wait) if wait > 0 else lock.acquire(blocking=False)
