"""CPU time that this machine or its container has left, from /proc and the cgroup."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tintype.cores import container_cores

_STAT = Path("/proc/stat")
_USED = Path("/sys/fs/cgroup/cpu.stat")
"""Time that the container has used (cgroup version 2); absent without a container."""
_TICKS = os.sysconf("SC_CLK_TCK")
INTERVAL = 0.1
"""Seconds of which the idle time is measured, at least."""
_MAX_INTERVAL = 0.6
"""Seconds after which an earlier reading is too old."""
ENOUGH = 0.5
"""Idle cores that are enough for one more capture."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds since boot of idle CPU, and CPU seconds of the container, at a time."""

    time: float
    idle: float
    used: float = 0.0
    quota: float | None = None
    """CPU seconds per second that the container may use; None without a limit."""


class IdleCores:
    """Reports whether a core is idle. Each measurement permits one more capture, whose load is in the next one."""

    def __init__(self, read: Callable[[], Reading | None] | None = None) -> None:
        self._read = read or read_cpu
        self._last: Reading | None = None

    def take(self) -> bool:
        """Whether half a core or more has been idle since the last measurement; False until there is another one."""
        now, last = self._read(), self._last
        if now is None or (last and now.time - last.time < INTERVAL):
            return False
        self._last = now
        return last is not None and now.time - last.time <= _MAX_INTERVAL and _idle_cores(last, now) >= ENOUGH


def _idle_cores(last: Reading, now: Reading) -> float:
    seconds = now.time - last.time
    idle = (now.idle - last.idle) / seconds
    if now.quota is None:
        return idle
    return min(idle, now.quota - (now.used - last.used) / seconds)


def read_cpu() -> Reading | None:
    """Read the idle time of the CPUs that this process may use (proc(5)); None on a system without /proc."""
    if not (lines := _lines(_STAT)):
        return None
    usable = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    fields = [line.split() for line in lines]
    idle = sum(int(each[4]) + int(each[5]) for each in fields if each[0] in usable)
    return Reading(time.monotonic(), idle / _TICKS, _used_seconds(), container_cores() or None)


def _used_seconds() -> float:
    values = dict(line.split(" ", 1) for line in _lines(_USED) if " " in line)
    return int(values.get("usage_usec", 0)) / 1e6


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
