"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], within: float = 20.0) -> bool:
    """Poll a condition until it is true; returns False after ``within`` seconds.

    The intervals grow with the time waited, from 5 to 100 ms: a condition can cost as much as what it waits for.
    In a coroutine: ``await asyncio.to_thread(eventually, condition)``, so that the event loop runs meanwhile.
    """
    begin = time.monotonic()
    while True:
        waited = time.monotonic() - begin  # one look begins after the deadline, however slow the machine is
        if condition():
            return True
        if waited > within:
            return False
        time.sleep(min(max(waited / 10, 0.005), 0.1))
