"""Does a technology work right now? Failures are told once a minute, and retried by one caller at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from tintype import telemetry

log = structlog.get_logger("tintype.state")

QUIET_FOR = 60.0
"""Seconds between two log lines about the same outage."""


class CircuitBreaker:
    """The state of one technology as this process sees it; safe to share between threads.

    ``name`` is the technology in the log, ``where`` its address or path.
    ``pause`` is how long, in seconds, it is left alone after a failure.
    """

    def __init__(self, name: str, where: str, pause: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._where = where
        self._pause = pause
        self._clock = clock
        self._turn = threading.Lock()
        self._down = False
        self._next_try = float("-inf")
        self._quiet_until = float("-inf")

    def may_try(self) -> bool:
        """True while all is well; during an outage for one caller per pause, so that few wait in vain."""
        if not self._down:
            return True
        with self._turn:
            if self._clock() < self._next_try:
                return False
            self._next_try = self._clock() + self._pause
            return True

    def failed(self, reason: object) -> None:
        """Note that it does not work at all."""
        with self._turn:
            self._down = True
            self._next_try = self._clock() + self._pause
        self.complain(reason)

    def complain(self, reason: object) -> None:
        """Count that something went wrong, and log it unless that was said within the last minute."""
        telemetry.count("tintype_backend_failures_total", self._name)
        with self._turn:
            if self._clock() < self._quiet_until:
                return
            self._quiet_until = self._clock() + QUIET_FOR
        log.warning("state_failed", of=self._name, where=self._where, reason=str(reason))

    def passed(self) -> None:
        """Note that it works."""
        if not self._down:
            return
        with self._turn:
            was_down, self._down = self._down, False
            self._quiet_until = float("-inf")
        if was_down:
            log.info("state_recovered", of=self._name, where=self._where)
