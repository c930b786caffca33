"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], within: float = 20.0) -> bool:
    """Poll a condition until it is true; returns False after ``within`` seconds.

    In a coroutine: ``await asyncio.to_thread(eventually, condition)``, so that the event loop runs meanwhile.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
