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

REPORT_SECONDS = 1.5
"""Seconds that a report waits for checks under way; then it reports them as failed. Load balancers wait 2 s or more."""
MAX_WAITING = 8
"""Reports that wait at a time; another one reports what is known without waiting, so that probes hold few threads."""
NOT_FINISHED = f"the check has not finished within {REPORT_SECONDS:g} s"

_NEVER = float("-inf")


class HealthChecks:
    """Named checks, which run in a thread each; a check raises an exception if its backend does not work.

    A check that hangs is not started again, and the reports fail until it ends.
    """

    def __init__(self, checks: Mapping[str, Callable[[], None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = {name: _CachedCheck(name, check, clock) for name, check in checks.items()}
        self.waiting_places = MAX_WAITING
        self._lock = threading.Lock()

    def report(self) -> dict[str, str]:
        """For each backend ``ok`` or the reason of its failure, as ``GET /ready`` sends it to any client."""
        for check in self._checks.values():
            check.start_if_due()
        if self._take_place():
            deadline = time.monotonic() + REPORT_SECONDS
            for check in self._checks.values():
                check.finished.wait(max(0.0, deadline - time.monotonic()))
            with self._lock:
                self.waiting_places += 1
        return {name: check.result() for name, check in self._checks.items()}

    def _take_place(self) -> bool:
        with self._lock:
            has_place = self.waiting_places > 0
            self.waiting_places -= has_place
        return has_place


@dataclass(slots=True)
class _CachedCheck:
    name: str
    run: Callable[[], None]
    clock: Callable[[], float]
    last: str = NOT_FINISHED
    valid_until: float = _NEVER
    started_at: float = _NEVER
    finished: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.finished.set()

    def start_if_due(self) -> None:
        """Start the check in a thread unless its result is valid or it is running."""
        with self.lock:
            if not self.finished.is_set() or self.clock() < self.valid_until:
                return
            self.finished.clear()
            self.started_at = time.monotonic()
            threading.Thread(target=self._check, name=f"tintype-check-{self.name}", daemon=True).start()

    def result(self) -> str:
        """The last result; of a check that has been running for longer than a report waits, a failure."""
        is_late = not self.finished.is_set() and time.monotonic() - self.started_at >= REPORT_SECONDS
        return NOT_FINISHED if is_late else self.last

    def _check(self) -> None:
        try:
            self.last = self._run()
        finally:
            self.valid_until = self.clock() + CACHE_SECONDS
            self.finished.set()

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
