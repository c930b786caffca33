"""Lowest CPU priority for the processes of one browser, so that a page that computes does not slow the others.

SCHED_IDLE (sched(7)) and autogroup 19 leave a process all CPU time that no other process wants. Both are inherited by
new threads and processes. Without privileges neither can be undone, so a demoted browser is closed after its page.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

_LOWEST_AUTOGROUP = b"19"
_MAX_PASSES = 10


def demote(pids: Iterable[int]) -> None:
    """Give every thread of the processes the lowest priority; does nothing where the system has no such priority."""
    _demote(pids)


def demote_all(processes: Callable[[], Iterable[int]]) -> None:
    """The same for all processes, also those that they start meanwhile: ``processes`` is read until none is left."""
    for _ in range(_MAX_PASSES):
        if not _demote(processes()):
            return


def _demote(pids: Iterable[int]) -> int:
    """Demote; return the number of threads that were not yet demoted."""
    if not hasattr(os, "SCHED_IDLE"):
        return 0
    demoted = 0
    for pid in pids:
        for thread in _threads(pid):
            with contextlib.suppress(OSError):
                if os.sched_getscheduler(thread) != os.SCHED_IDLE:
                    os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
                    demoted += 1
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_bytes(_LOWEST_AUTOGROUP)
    return demoted


def _threads(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - faster than pathlib
    return []
