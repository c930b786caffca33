"""Circuit breaker of a backend (Redis, SQLite, lock files): counts failures, logs them, rejects calls meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from tintype import telemetry
from tintype.logs import LogThrottle

log = structlog.get_logger("tintype.state")


class CircuitBreaker:
    """The health of one backend as seen by this process. Thread-safe.

    ``backend`` is its name in logs and metrics, ``location`` its address or path. ``open_seconds`` is how long calls
    are rejected after a failure. It counts failures in the telemetry itself, because a wrapper could not: caches and
    locks hide failures from their callers.
    """

    def __init__(
        self, backend: str, location: str, open_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backend = backend
        self._location = location
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._open = False
        self._next_probe = float("-inf")
        self._log_throttle = LogThrottle(clock=clock)

    @property
    def is_open(self) -> bool:
        """Whether the last call failed."""
        return self._open

    def allows(self) -> bool:
        """True if the circuit is closed; while it is open, True for one caller per interval (half-open probe)."""
        if not self._open:
            return True
        with self._lock:
            if self._clock() < self._next_probe:
                return False
            self._next_probe = self._clock() + self._open_seconds
            return True

    def record_failure(self, reason: object) -> None:
        """Open the circuit, and report."""
        with self._lock:
            self._open = True
            self._next_probe = self._clock() + self._open_seconds
        self.report(reason)

    def report(self, reason: object) -> None:
        """Count a failure without opening the circuit, and log it at most once per minute."""
        telemetry.count("tintype_backend_failures_total", self._backend)
        if self._log_throttle.allows():
            log.warning("state_failed", backend=self._backend, location=self._location, reason=str(reason))

    def record_success(self) -> None:
        """Close the circuit."""
        if not self._open:
            return
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            self._log_throttle.reset()
            log.info("state_recovered", backend=self._backend, location=self._location)
