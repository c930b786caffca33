"""Keeps the browser's memory bounded: reads /proc, ends the process that eats too much.

Counted is RssAnon, the memory a process has of its own. A renderer over its bound is killed and its capture fails as a
crash; the GPU process is killed and Chromium starts another; the browser process itself, or the whole tree, over its
bound asks for a new browser. Address-space limits (RLIMIT_AS) are no alternative: Chromium does not start under them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

log = structlog.get_logger("tintype.chromium")

Kind = Literal["browser", "renderer", "gpu", "other"]
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bytes of RssAnon a process of each kind, and the tree, may hold."""

    renderer: int = 1024 * _MEGABYTE
    browser: int = 600 * _MEGABYTE
    gpu: int = 700 * _MEGABYTE
    tree: int = 4096 * _MEGABYTE

    def of(self, kind: Kind) -> int:
        """The bound of one process of a kind."""
        return {"renderer": self.renderer, "browser": self.browser, "gpu": self.gpu}.get(kind, self.tree)


@dataclass(frozen=True, slots=True)
class Usage:
    """One process of the browser: what it is and the bytes it holds."""

    pid: int
    kind: Kind
    memory: int


def usage(browser: int) -> list[Usage]:
    """Every process of a browser, itself first; empty where there is no /proc or no such process."""
    return [Usage(pid, _kind(pid, browser), memory(pid)) for pid in _tree(browser)]


async def watch(browser: int, bounds: Bounds, replace: Callable[[str], None], every: float = 0.1) -> None:
    """Poll until cancelled; ``replace`` is called with the reason when killing one process does not help."""
    while await asyncio.sleep(every, result=True):
        processes = usage(browser)
        for process in processes:
            if process.memory > bounds.of(process.kind):
                _end(process, bounds, replace)
        if sum(process.memory for process in processes) > bounds.tree:
            replace("memory of the whole browser")


def _end(process: Usage, bounds: Bounds, replace: Callable[[str], None]) -> None:
    log.warning(
        "browser_process_over_memory",
        kind=process.kind,
        megabytes=process.memory // _MEGABYTE,
        bound=bounds.of(process.kind) // _MEGABYTE,
    )
    if process.kind == "browser":
        replace("memory of the browser process")
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGKILL)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> list[int]:
    """Children of every thread: Chromium starts processes from a thread of its own."""
    try:
        threads = [thread.name for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(pid, f"task/{thread}/children").split()]


def _kind(pid: int, browser: int) -> Kind:
    if pid == browser:
        return "browser"
    command = _read(pid, "cmdline")
    if "--type=renderer" in command:
        return "renderer"
    return "gpu" if "--type=gpu-process" in command else "other"


def memory(pid: int) -> int:
    """Bytes a process has of its own; 0 where that cannot be read."""
    for line in _read(pid, "status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
