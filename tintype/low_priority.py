"""Low priority: captures of jobs do not delay requests for which a client waits.

The priority of a thread's work is in a context variable, because captures start deep inside the pipeline. It goes with
the capture to the capture daemon; within this process it keeps jobs out of the limits of waiting requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WAIT_FACTOR = 3.0
"""A capture of low priority may wait longer by this factor: behind others in the queue, and for a second attempt."""

_is_low: ContextVar[bool] = ContextVar("low_priority", default=False)


def is_low_priority() -> bool:
    """Whether this thread works for a job."""
    return _is_low.get()


@contextmanager
def low_priority() -> Iterator[None]:
    """Work for a job inside the block."""
    token = _is_low.set(True)
    try:
        yield
    finally:
        _is_low.reset(token)


def wait_limit(seconds: float) -> float:
    """The seconds that a wait may take, by those of a request for which a client waits."""
    return seconds * WAIT_FACTOR if is_low_priority() else seconds
