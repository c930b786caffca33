"""How many callers may wait for pictures at once: who finds no seat is told so at once.

Each of them holds a thread of a web worker; with all of them waiting, nobody would be left to answer hits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tintype.errors import Overloaded

RETRY_AFTER = 5.0
"""Seconds."""


class Seats:
    """So many seats in this process; without a number there is always one more."""

    def __init__(self, number: int | None) -> None:
        self._free = None if number is None else threading.Semaphore(number)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A seat for as long as the block lasts; raises Overloaded when there is none."""
        if self._free and not self._free.acquire(blocking=False):
            raise Overloaded("many callers are waiting for pictures; try again shortly", retry_after=RETRY_AFTER)
        try:
            yield
        finally:
            if self._free:
                self._free.release()
