"""Health checks of the backends; each result is cached for 10 s."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from tintype.errors import TintypeError

log = structlog.get_logger("tintype.health")

OK = "ok"
"""Result of a check that passed; every other result is the reason why it failed."""
CACHE_SECONDS = 10.0
"""Seconds a result is reused, good or bad: the probes of many load balancers cause one check."""

_NEVER = float("-inf")


class HealthChecks:
    """Named checks; a check raises an exception if its backend does not work."""

    def __init__(self, checks: Mapping[str, Callable[[], None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = {name: _CachedCheck(name, check) for name, check in checks.items()}
        self._clock = clock

    def report(self) -> dict[str, str]:
        """For each backend ``ok`` or the reason of its failure, as ``GET /ready`` sends it to any client."""
        return {name: check.result(self._clock) for name, check in self._checks.items()}


@dataclass(slots=True)
class _CachedCheck:
    name: str
    run: Callable[[], None]
    last: str = OK
    valid_until: float = _NEVER
    lock: threading.Lock = field(default_factory=threading.Lock)

    def result(self, clock: Callable[[], float]) -> str:
        """The cached result if it is valid, or if another thread is running the check; else a new one."""
        has_result = self.valid_until > _NEVER
        if not self.lock.acquire(blocking=not has_result):
            return self.last
        try:
            if clock() >= self.valid_until:
                self.last = self._run()
                self.valid_until = clock() + CACHE_SECONDS
            return self.last
        finally:
            self.lock.release()

    def _run(self) -> str:
        try:
            self.run()
        except TintypeError as error:
            log.warning("check_failed", part=self.name, error=error.code, reason=error.detail)
            return error.detail
        except Exception:
            log.exception("check_failed", part=self.name)
            return "check failed unexpectedly; see the log"
        return OK
