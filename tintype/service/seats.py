"""How many callers may wait for pictures at once, and for how many different ones; who finds no seat is told at once.

Each of them holds a thread of a web worker: with all of them waiting, nobody would be left to answer hits. So does
whoever takes long to send what he asks for. And where the line for the browser is full, it is here that a caller learns
of it soonest.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tintype import telemetry
from tintype.errors import Overloaded

RETRY_AFTER = 5.0
"""Seconds."""
UNKNOWN_TARGET = ""
"""Whoever has not said yet which page he waits for."""


class WaitingLimit:
    """So many seats in this process, for at most so many pages; without a number there is always one more."""

    def __init__(self, max_requests: int | None = None, max_targets: int | None = None) -> None:
        self._max_requests = float("inf") if max_requests is None else max_requests
        self._max_targets = float("inf") if max_targets is None else max_targets
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def acquire(self, target: str = UNKNOWN_TARGET) -> Iterator[None]:
        """A seat among those who wait for a page, while the block lasts; raises Overloaded when there is none."""
        with self._lock:
            if self._waiting.total() >= self._max_requests or self._is_one_too_many(target):
                raise Overloaded("many callers are waiting for pictures; try again shortly", retry_after=RETRY_AFTER)
            self._waiting[target] += 1
        telemetry.add_gauge("tintype_waiting_requests", by=1)
        try:
            yield
        finally:
            telemetry.add_gauge("tintype_waiting_requests", by=-1)
            with self._lock:
                self._waiting -= Counter((target,))

    def _is_one_too_many(self, page: str) -> bool:
        pages = self._waiting.keys() - {UNKNOWN_TARGET}
        return page not in {UNKNOWN_TARGET, *pages} and len(pages) >= self._max_targets
