"""Limits of one browser: memory, threads and CPU time of its processes, from /proc.

The limits apply to RssAnon, the private memory of a process, because address-space limits (RLIMIT_AS) are no
alternative: Chromium does not start under them. A browser has one page at a time, so whatever its processes hold is
accounted to that page. A renderer over its limit is killed, and the page crashes; if another process or the whole tree
is over its limit, the browser ends, and no other page with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import structlog

log = structlog.get_logger("tintype.chromium")

Kind = Literal["browser", "renderer", "gpu", "other"]
_MEGABYTE = 1 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_BASE_THREADS = 12 + 2 * (os.cpu_count() or 1)
"""Threads of a renderer without workers: about 12 on two cores, and pools that grow with the cores. With isolated sites
a page has a renderer for each site."""
_RESCAN_EVERY = 10
"""Reads between two scans for children of the browser process: zygotes, the GPU process, utilities."""
_DISCOVER_EVERY = 5
"""Reads between two scans for descendants, which are mostly the renderers of new pages."""
_CPU_EVERY = 5
"""Reads of the memory for each read of CPU times and threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """Limits of RssAnon in bytes, of a process of each kind and of the tree, and of threads."""

    renderer: int = 1024 * _MEGABYTE
    browser: int = 600 * _MEGABYTE
    gpu: int = 700 * _MEGABYTE
    tree: int = 1536 * _MEGABYTE
    threads: int = 64
    """Threads of all renderers, beyond those that each renderer has without workers. Each worker of a page has one."""

    def beside(self, memory: int) -> ProcessLimits:
        """Return the limits of a browser that also holds so many bytes for no page."""
        return replace(self, tree=self.tree + memory)

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

    Looking for new processes costs ten times as much as reading the memory of known ones: each process has about 30
    threads that could have children, and the kind of a process is in its command line. So it is done less often.
    """

    def __init__(self, browser: int) -> None:
        self._browser = browser
        self._leaf_kinds: dict[int, Kind] = {}
        """Kinds of the processes that start no others; they cannot change."""
        self._children: list[int] = []
        """Children of the browser process."""
        self._descendants: list[tuple[int, Kind]] = []
        self._reads = 0

    def read(self) -> list[ProcessMemory]:
        """Return every process, the browser first; empty without /proc or such a process."""
        if self._reads % _RESCAN_EVERY == 0:
            self._children = _children_of_threads(self._browser)
        if self._reads % _DISCOVER_EVERY == 0:
            self._descendants = [process for branch in self._children for process in self._discover(branch)]
            self._leaf_kinds = {pid: kind for pid, kind in self._descendants if kind != "other"}
        self._reads += 1
        own = private_memory(self._browser)
        found = [ProcessMemory(self._browser, "browser", own)] if own else []
        return found + [ProcessMemory(pid, kind, private_memory(pid)) for pid, kind in self._descendants]

    def _discover(self, pid: int) -> Iterator[tuple[int, Kind]]:
        kind = self._leaf_kinds.get(pid) or _kind(pid)
        yield pid, kind
        if kind == "other":
            for child in _children(pid, pid):
                yield from self._discover(child)


def process_memory(browser: int) -> list[ProcessMemory]:
    """Return every process of a browser, itself first; empty without /proc or such a process."""
    return ProcessTree(browser).read()


def service_memory(browser: int) -> int:
    """Return the private memory of all processes but the browser, the GPU process and renderers, in bytes."""
    return sum(process.memory for process in process_memory(browser) if process.kind == "other")


def renderers_of(browser: int) -> set[int]:
    """Return the renderers of a browser; empty without /proc or such a process."""
    return {process.pid for process in process_memory(browser) if process.kind == "renderer"}


class Watchdog:
    """Enforces the limits of one browser while a page is open in it.

    ``end`` is called with what the page used too much of; it ends the browser.
    """

    def __init__(self, browser: int, limits: ProcessLimits, end: Callable[[str], None]) -> None:
        self.memory = 0
        """RssAnon of all processes in bytes."""
        self.cpu = 0.0
        """CPU seconds of all processes so far."""
        self.browser_cpu = 0.0
        """CPU seconds of the browser process alone."""
        self.renderers_killed = 0
        """Renderers that were killed at their limit."""
        self.pids: list[int] = []
        self._browser = browser
        self._limits = limits
        self._end = end
        self._tree = ProcessTree(browser)
        self._cpu_by_pid: dict[int, float] = {}
        """The last known CPU seconds, also of processes that have exited."""

    async def run(self, interval: float = 0.1) -> None:
        """Enforce the limits every ``interval`` seconds until cancelled."""
        reads = 0
        while await asyncio.sleep(interval, result=True):
            processes = self.read_memory()
            if reads % _CPU_EVERY == 0:
                self.read_cpu(processes)
            reads += 1

    def read_memory(self) -> list[ProcessMemory]:
        """Measure the memory, enforce its limits, and return the processes."""
        processes = self._tree.read()
        self.memory = sum(process.memory for process in processes)
        for process in processes:
            if process.memory > self._limits.limit_for(process.kind):
                self._enforce(process)
        if self.memory > self._limits.tree:
            self._end("memory")
        return processes

    def read_cpu(self, processes: list[ProcessMemory]) -> None:
        """Measure CPU time and threads, and enforce the limit of threads."""
        threads = 0
        self.pids = [process.pid for process in processes]
        for process in processes:
            self._cpu_by_pid[process.pid], count = _cpu_and_threads(process.pid)
            threads += max(0, count - _BASE_THREADS) if process.kind == "renderer" else 0
        self.cpu = sum(self._cpu_by_pid.values())
        self.browser_cpu = self._cpu_by_pid.get(self._browser, 0.0)
        if threads > self._limits.threads:
            log.warning("browser_over_threads", threads=threads, bound=self._limits.threads)
            self._end("workers")

    def _enforce(self, process: ProcessMemory) -> None:
        log.warning(
            "browser_process_over_memory",
            kind=process.kind,
            megabytes=process.memory // _MEGABYTE,
            bound=self._limits.limit_for(process.kind) // _MEGABYTE,
        )
        if process.kind != "renderer":
            self._end("memory")
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)
            self.renderers_killed += 1


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


def _cpu_and_threads(pid: int) -> tuple[float, int]:
    """Return the CPU seconds and the number of threads of a process; zeros if it cannot be read (proc(5))."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return ((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[17])) if fields else (0.0, 0)


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - faster than pathlib
            return file.read()
    except OSError:
        return b""
