"""Memory limits of the browser: reads /proc and kills the process that exceeds its limit.

The limits apply to RssAnon, the private memory of a process. A renderer over its limit is killed and its capture fails
as a crash; the GPU process is killed and Chromium starts another. If the browser process or the whole tree is over its
limit, the browser is recycled. Address-space limits (RLIMIT_AS) are no alternative: Chromium does not start under them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import structlog

log = structlog.get_logger("tintype.chromium")

Kind = Literal["browser", "renderer", "gpu", "other"]
_MEGABYTE = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_RESCAN_EVERY = 10
"""Reads between two scans for children of the browser process: zygotes, the GPU process, utilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimits:
    """Limits of RssAnon in bytes: of a process of each kind, and of the tree."""

    renderer: int = 1024 * _MEGABYTE
    browser: int = 600 * _MEGABYTE
    gpu: int = 700 * _MEGABYTE
    tree: int = 4096 * _MEGABYTE

    def limit_for(self, kind: Kind) -> int:
        """Return the limit of one process of a kind."""
        return {"renderer": self.renderer, "browser": self.browser, "gpu": self.gpu}.get(kind, self.tree)


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """One process of the browser: its kind and its RssAnon in bytes."""

    pid: int
    kind: Kind
    memory: int


class ProcessTree:
    """The processes of a browser, read repeatedly.

    Facts that cannot change are read once: each process has about 30 threads that could have children.
    """

    def __init__(self, browser: int) -> None:
        self._browser = browser
        self._leaf_kinds: dict[int, Kind] = {}
        """Kinds of the processes that start no others."""
        self._children: list[int] = []
        """Children of the browser process."""
        self._reads = 0

    def read(self) -> list[ProcessMemory]:
        """Return every process, the browser first; empty without /proc or such a process."""
        if self._reads % _RESCAN_EVERY == 0:
            self._children = _children_of_threads(self._browser)
        self._reads += 1
        own = private_memory(self._browser)
        found = [ProcessMemory(self._browser, "browser", own)] if own else []
        below = [usage for branch in self._children for usage in self._descendants(branch)]
        self._leaf_kinds = {usage.pid: usage.kind for usage in below if usage.kind != "other" and usage.memory}
        return found + below

    def _descendants(self, pid: int) -> Iterator[ProcessMemory]:
        kind = self._leaf_kinds.get(pid) or _kind(pid)
        yield ProcessMemory(pid, kind, private_memory(pid))
        if kind == "other":
            for child in _children(pid, pid):
                yield from self._descendants(child)


def process_memory(browser: int) -> list[ProcessMemory]:
    """Return every process of a browser, itself first; empty without /proc or such a process."""
    return ProcessTree(browser).read()


async def watch(browser: int, limits: MemoryLimits, recycle: Callable[[str], None], interval: float = 0.1) -> None:
    """Enforce the limits every ``interval`` seconds until cancelled; ``recycle`` is called with a reason."""
    tree = ProcessTree(browser)
    while await asyncio.sleep(interval, result=True):
        processes = tree.read()
        for process in processes:
            if process.memory > limits.limit_for(process.kind):
                _enforce(process, limits, recycle)
        if sum(process.memory for process in processes) > limits.tree:
            recycle("memory of the whole browser")


def _enforce(process: ProcessMemory, limits: MemoryLimits, recycle: Callable[[str], None]) -> None:
    log.warning(
        "browser_process_over_memory",
        kind=process.kind,
        megabytes=process.memory // _MEGABYTE,
        bound=limits.limit_for(process.kind) // _MEGABYTE,
    )
    if process.kind == "browser":
        recycle("memory of the browser process")
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGKILL)


def _children_of_threads(pid: int) -> list[int]:
    """Return the children of every thread: Chromium starts processes from several threads."""
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - faster than pathlib
    except OSError:
        return []
    return [child for thread in threads for child in _children(pid, thread)]


def _children(pid: int, thread: int) -> list[int]:
    return [int(child) for child in _read(pid, f"task/{thread}/children").split()]


def _kind(pid: int) -> Kind:
    command = _read(pid, "cmdline")
    if b"--type=renderer" in command:
        return "renderer"
    return "gpu" if b"--type=gpu-process" in command else "other"


def private_memory(pid: int) -> int:
    """Return the private memory of a process (RssAnon) in bytes; 0 if it cannot be read."""
    pages = _read(pid, "statm").split()
    return (int(pages[1]) - int(pages[2])) * _PAGE if pages else 0


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - faster than pathlib
            return file.read()
    except OSError:
        return b""
