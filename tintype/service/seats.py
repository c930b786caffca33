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
NO_PAGE = ""
"""Whoever has not said yet which page he waits for."""


class WaitingLimit:
    """So many seats in this process, for at most so many pages; without a number there is always one more."""

    def __init__(self, number: int | None = None, pages: int | None = None) -> None:
        self._number = float("inf") if number is None else number
        self._pages = float("inf") if pages is None else pages
        self._taken: Counter[str] = Counter()
        self._turn = threading.Lock()

    @contextmanager
    def taken(self, page: str = NO_PAGE) -> Iterator[None]:
        """A seat among those who wait for a page, while the block lasts; raises Overloaded when there is none."""
        with self._turn:
            if self._taken.total() >= self._number or self._is_one_too_many(page):
                raise Overloaded("many callers are waiting for pictures; try again shortly", retry_after=RETRY_AFTER)
            self._taken[page] += 1
        telemetry.move("tintype_waiting_requests", by=1)
        try:
            yield
        finally:
            telemetry.move("tintype_waiting_requests", by=-1)
            with self._turn:
                self._taken -= Counter((page,))

    def _is_one_too_many(self, page: str) -> bool:
        pages = self._taken.keys() - {NO_PAGE}
        return page not in {NO_PAGE, *pages} and len(pages) >= self._pages
