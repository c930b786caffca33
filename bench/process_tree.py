"""CPU seconds and memory of a process and all its descendants, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """CPU seconds used by a tree, including reaped children."""
    return sum(cpu_of(each) for each in members(pid))


def cpu_modes(pid: int) -> tuple[float, float]:
    """CPU seconds of the running processes of a tree: in user mode, in the kernel."""
    stats = [_read(each, "stat").rpartition(")")[2].split() for each in members(pid)]
    user, system = (sum(int(fields[at]) for fields in stats if fields) / _TICKS for at in (11, 12))
    return user, system


def busy() -> float:
    """CPU seconds used by the whole machine since boot."""
    fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / _TICKS


def memory(pid: int) -> int:
    """Memory of a tree in bytes (PSS)."""
    return sum(pss(each) for each in members(pid))


def members(pid: int) -> list[int]:
    """Process ids of a process and all its descendants."""
    pids, queue = [], [pid]
    while queue:
        pids.append(queue.pop())
        queue += children(pids[-1])
    return pids


def pss(pid: int, name: str = "Pss") -> int:
    """A field of smaps_rollup in bytes (proc(5)); ``Pss_Anon`` excludes file-backed memory."""
    lines = [line for line in _read(pid, "smaps_rollup").splitlines() if line.startswith(f"{name}:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def command(pid: int) -> str:
    """Command line of a process, its arguments separated by spaces."""
    return _read(pid, "cmdline").replace("\0", " ")


def descriptors(pid: int) -> int:
    """Open files and sockets of one process."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Children of all threads: Chromium starts processes from a separate thread."""
    try:
        threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(pid, f"task/{thread}/children").split()]


def cpu_of(pid: int) -> float:
    """CPU seconds of one process, including reaped children."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS if fields else 0.0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
