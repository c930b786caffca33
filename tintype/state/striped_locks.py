"""Striped locks between the threads of one process, so that one thread per process polls an external lock."""

from __future__ import annotations

import hashlib
import threading

from tintype.shared_memory import ForkAware, register_fork_hooks


class StripedLocks(ForkAware):
    """A fixed number of locks; each name is assigned one of them."""

    def __init__(self, stripes: int) -> None:
        self._stripes = stripes
        self.after_fork()
        register_fork_hooks(self)

    def index(self, name: str) -> int:
        """The number of a name's stripe, the same in every process."""
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self._stripes

    def lock(self, index: int) -> threading.Lock:
        """The lock of a stripe."""
        return self._locks[index]

    def after_fork(self) -> None:
        """Replace locks that threads of the parent hold, because those threads do not exist in the child."""
        self._locks = [threading.Lock() for _ in range(self._stripes)]


def acquire(lock: threading.Lock, wait: float) -> bool:
    """Acquire within ``wait`` seconds; 0 tries once."""
    return lock.acquire(timeout=wait) if wait > 0 else lock.acquire(blocking=False)
