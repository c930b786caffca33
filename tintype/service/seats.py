"""How many callers may wait for pictures at once, and for how many different ones; who finds no seat is told at once.

Each of them holds a thread of a web worker: with all of them waiting, nobody would be left to answer hits. And where
the line for the browser is full, it is here that a caller learns of it soonest.
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


class Seats:
    """So many seats in this process, for at most so many pages; without a number there is always one more."""

    def __init__(self, number: int | None = None, pages: int | None = None) -> None:
        self._number = float("inf") if number is None else number
        self._pages = float("inf") if pages is None else pages
        self._taken: Counter[str] = Counter()
        self._turn = threading.Lock()

    @contextmanager
    def taken(self, page: str) -> Iterator[None]:
        """A seat among those who wait for a page, while the block lasts; raises Overloaded when there is none."""
        with self._turn:
            if self._taken.total() >= self._number or (page not in self._taken and len(self._taken) >= self._pages):
                raise Overloaded("many callers are waiting for pictures; try again shortly", retry_after=RETRY_AFTER)
            self._taken[page] += 1
        telemetry.move("tintype_seats_taken", by=1)
        try:
            yield
        finally:
            telemetry.move("tintype_seats_taken", by=-1)
            with self._turn:
                self._taken -= Counter((page,))
