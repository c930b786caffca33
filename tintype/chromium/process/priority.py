"""Lowest CPU priority for the processes of one browser, so that a page that computes does not slow the others.

SCHED_IDLE (sched(7)) and autogroup 19 leave a process all CPU time that no other process wants. Both are inherited by
new threads and processes. Without privileges neither can be undone, so a demoted browser is closed after its page.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_LOWEST_AUTOGROUP = b"19"


def demote(pids: Iterable[int]) -> None:
    """Give every thread of the processes the lowest priority; does nothing where the system has no such priority."""
    if not hasattr(os, "SCHED_IDLE"):
        return
    for pid in pids:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_bytes(_LOWEST_AUTOGROUP)
        for thread in _threads(pid):
            with contextlib.suppress(OSError):
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def _threads(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - faster than pathlib
    return []
