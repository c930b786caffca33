"""Running processes, read from /proc, for checks that none remains."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def tree(pid: int) -> list[int]:
    """Process ids of a process and its descendants, parents first."""
    children = _children()
    pids, queue = [], [pid]
    while queue:
        pids.append(queue.pop(0))
        queue += children.get(pids[-1], [])
    return pids


def find_by_text(text: str) -> list[int]:
    """Processes whose command line or environment contains a text, except this process."""
    return [pid for pid in _pids() if text in _read(pid, "cmdline") + _read(pid, "environ")]


def have_ended(pids: Iterable[int]) -> bool:
    """Whether all of them have ended; a zombie has ended."""
    return not any(_state(pid) not in ("", "Z") for pid in pids)


def command_line(pid: int) -> str:
    """The arguments of a process, separated by NUL; empty if it has ended."""
    return _read(pid, "cmdline")


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by SIGSTOP."""
    return _state(pid) == "T"


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for pid in _pids():
        fields = _read(pid, "stat").rpartition(")")[2].split()
        if len(fields) > 1:
            children.setdefault(int(fields[1]), []).append(pid)
    return children


def _state(pid: int) -> str:
    return _read(pid, "stat").rpartition(")")[2].strip()[:1]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
