"""Memory that this machine or its container has, and the part of it that the browser may use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Limit of the container: cgroup version 2, then version 1."""
RESERVED = 768 << 20
"""Bytes left for the web workers, the daemon and drawing images."""
MIN_TREE = 1 << 30
"""Bytes that the browser gets at least: one heavy page."""


def memory_limit() -> int:
    """Bytes of memory: the limit of the container, or of the machine if it has less or the container has none."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = (int(text) for path in _CGROUPS if (text := _read(path)).isdecimal())
    return min(physical, next(limits, physical))


def browser_tree_limit(wanted: int, available: int | None = None) -> int:
    """``wanted`` bytes for all processes of the browser, but no more than the memory without ``RESERVED``."""
    memory = memory_limit() if available is None else available
    return max(min(wanted, memory - RESERVED), min(wanted, MIN_TREE))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
