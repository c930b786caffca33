"""CPU cores that this process may use: of the machine, its CPU affinity, and the CPU limit of the container."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Cores for workers, captures and images, at least one; a CPU limit of 1.5 cores counts as 2.

    A container with fewer cores than its machine would otherwise start a worker for each core of the machine.
    """
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, min(cores, math.ceil(container_cores() or cores)))


def container_cores() -> float:
    """Cores that the CPU limit of the container pays for; 0 without a limit. cgroup version 2, then 1."""
    limit = _read("cpu.max") or f"{_read('cpu/cpu.cfs_quota_us')} {_read('cpu/cpu.cfs_period_us')}"
    quota, _, period = limit.partition(" ")
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return 0
    return int(quota) / int(period)


def _read(name: str) -> str:
    try:
        return (_CGROUP / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
