"""Rate limit storage that reserves requests in Redis ahead, so that most requests of a busy client need no round trip.

Redis counts a reservation when a worker makes it, so all workers together never admit more than the limit. A client may
get fewer requests than that: what other workers have reserved for it and not used. A reservation is bounded by all of:

- twice the last one, and a tenth of a second of the client's requests to this worker: one request for a client that
  sends fewer than ten per second;
- a sixteenth of what is left of the limit (``sliding_window.lua``): the last 31 requests are counted one by one, and
  are exact;
- one second, and the end of the window. What is unused then stays counted.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from tintype.state.redis import RedisRateLimitStorage

RESERVATION_SECONDS = 1.0
"""Seconds after which a reservation is void."""
AHEAD_SECONDS = 0.1
"""Seconds of a client's requests that a reservation holds at most."""
MAX_RESERVATIONS = 8192
"""Clients for whom a process has reserved requests; with more it drops all."""

Window = tuple[bool, int, float, int, float]
"""Result of ``count``."""


@dataclass(slots=True)
class Reservation:
    """Requests of one client that are counted already."""

    limit: int
    period: int
    size: int
    """Requests that it held at first."""
    unused: int
    taken_at: float
    """Time of the monotonic clock."""
    previous: int
    previous_life: float
    current: int
    """Requests counted in the current window, this reservation included."""
    current_life: float

    def is_valid(self, limit: int, period: int, now: float) -> bool:
        """Whether requests can still be taken from it under this limit."""
        age = now - self.taken_at
        window_left = self.current_life - self.period
        return (limit, period) == (self.limit, self.period) and age < RESERVATION_SECONDS and age < window_left

    def window(self, now: float) -> Window:
        """The window as the client sees it: what this worker has not used is still left."""
        age = now - self.taken_at
        previous_life = max(0.0, self.previous_life - age)
        return True, self.previous, previous_life, self.current - self.unused, self.current_life - age

    def next_size(self, now: float) -> int:
        """Size of the next one: at most twice as large, and at most what the client sends in AHEAD_SECONDS."""
        rate = (self.size - self.unused) / max(now - self.taken_at, 1e-6)
        return max(1, min(2 * self.size, math.floor(rate * AHEAD_SECONDS)))


class ReservingRateLimitStorage:
    """Sliding window counters in Redis, reserved ahead. Thread-safe; a forked process begins without reservations."""

    def __init__(self, shared: RedisRateLimitStorage, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._lock = threading.Lock()
        self._reservations: dict[str, Reservation] = {}
        storage = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(storage()))

    def count(self, key: str, limit: int, period: int) -> Window:
        """Count one request if the limit allows it, as RedisRateLimitStorage does. Raises StorageError."""
        now = self._clock()
        with self._lock:
            reservation = self._reservations.get(key)
            if reservation and reservation.unused and reservation.is_valid(limit, period, now):
                reservation.unused -= 1
                return reservation.window(now)
            size = reservation.next_size(now) if reservation else 1
        size, previous, previous_life, current, current_life = self._shared.reserve(key, limit, period, size)
        if not size:
            return False, previous, previous_life, current, current_life
        taken = Reservation(limit, period, size, size - 1, now, previous, previous_life, current, current_life)
        with self._lock:
            if len(self._reservations) >= MAX_RESERVATIONS:
                self._reservations.clear()
            other = self._reservations.get(key)
            if other and other is not reservation and _can_add(other, taken):  # of another thread, meanwhile
                taken.unused += other.unused
            self._reservations[key] = taken
            return taken.window(now)

    def forget(self) -> None:
        """Drop all reservations; for a process that was forked from the one that made them."""
        self._lock = threading.Lock()
        self._reservations.clear()


def _can_add(earlier: Reservation, later: Reservation) -> bool:
    """Whether what is unused of an earlier reservation belongs to the same window as a later one."""
    return earlier.is_valid(later.limit, later.period, later.taken_at) and earlier.current < later.current


def _forget(storage: ReservingRateLimitStorage | None) -> None:
    if storage:
        storage.forget()
