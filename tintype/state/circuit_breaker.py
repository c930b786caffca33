"""Does a technology work right now? Failures are told once a minute, and retried by one caller at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from tintype import telemetry
from tintype.logs import LogThrottle

log = structlog.get_logger("tintype.state")


class CircuitBreaker:
    """The state of one technology as this process sees it; safe to share between threads.

    ``name`` is the technology in the log, ``where`` its address or path.
    ``pause`` is how long, in seconds, it is left alone after a failure.
    """

    def __init__(
        self, name: str, location: str, open_seconds: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._location = location
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._open = False
        self._next_probe = float("-inf")
        self._log_throttle = LogThrottle(clock=clock)

    def allows(self) -> bool:
        """True while all is well; during an outage for one caller per pause, so that few wait in vain."""
        if not self._open:
            return True
        with self._lock:
            if self._clock() < self._next_probe:
                return False
            self._next_probe = self._clock() + self._open_seconds
            return True

    def record_failure(self, reason: object) -> None:
        """Note that it does not work at all."""
        with self._lock:
            self._open = True
            self._next_probe = self._clock() + self._open_seconds
        self.report(reason)

    def report(self, reason: object) -> None:
        """Count that something went wrong, and log it unless that was said within the last minute."""
        telemetry.count("tintype_backend_failures_total", self._name)
        if self._log_throttle.allows():
            log.warning("state_failed", of=self._name, where=self._location, reason=str(reason))

    def record_success(self) -> None:
        """Note that it works."""
        if not self._open:
            return
        with self._lock:
            was_down, self._open = self._open, False
        if was_down:
            self._log_throttle.reset()
            log.info("state_recovered", of=self._name, where=self._location)
