"""Whether the parts of the service work: each asked by one caller at a time, the answer remembered a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from tintype.errors import TintypeError

log = structlog.get_logger("tintype.checkup")

CACHE_SECONDS = 10.0
"""Seconds an answer is trusted, good or bad: probes of many load balancers cost one check."""

_NEVER = float("-inf")


class HealthChecks:
    """Named checks; a check raises when its part does not work."""

    def __init__(self, checks: Mapping[str, Callable[[], None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = {name: _CachedCheck(name, check) for name, check in checks.items()}
        self._clock = clock

    def report(self) -> dict[str, str | None]:
        """For each part None, or what is wrong with it in words that may be shown to anybody."""
        return {name: check.result(self._clock) for name, check in self._checks.items()}


@dataclass(slots=True)
class _CachedCheck:
    name: str
    run: Callable[[], None]
    error: str | None = None
    valid_until: float = _NEVER
    lock: threading.Lock = field(default_factory=threading.Lock)

    def result(self, clock: Callable[[], float]) -> str | None:
        """The answer; while somebody else is asking, the last one, for which nobody has to wait."""
        asked_before = self.valid_until > _NEVER
        if not self.lock.acquire(blocking=not asked_before):
            return self.error
        try:
            if clock() >= self.valid_until:
                self.error = self._run()
                self.valid_until = clock() + CACHE_SECONDS
            return self.error
        finally:
            self.lock.release()

    def _run(self) -> str | None:
        try:
            self.run()
        except TintypeError as error:
            log.warning("check_failed", part=self.name, error=error.code, reason=error.detail)
            return error.detail
        except Exception:
            log.exception("check_failed", part=self.name)
            return "failed in an unforeseen way; the log says more"
        return None
