"""The deadline of the request that a thread works on, which every wait on its way respects.

A request may wait for a lock, the start of a daemon, the queue, two captures and the storage. Each wait has a limit of
its own; the deadline bounds their sum. It is in a context variable, because these waits are in many layers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""By ``time.monotonic``."""


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Set the deadline of the block; one that is set already is never extended."""
    token = _deadline.set(time.monotonic() + time_left(seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left(limit: float, *, at_least: float = 0.0) -> float:
    """Seconds that a wait with its own ``limit`` may take: until the deadline, from ``at_least`` to ``limit``."""
    deadline = _deadline.get()
    return limit if deadline is None else min(limit, max(at_least, deadline - time.monotonic()))
