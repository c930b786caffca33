"""Supervises the captures in progress: CPU priority among them, and the memory of all browsers together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import structlog

from tintype.chromium.browser import Browser
from tintype.chromium.daemon.offenders import Cost
from tintype.chromium.daemon.slots import Holder, Rank
from tintype.chromium.process.machine_memory import browser_tree_limit

log = structlog.get_logger("tintype.chromium")

_INTERVAL = 0.25
MAX_CPU = 3.0
"""CPU seconds that a capture may use before it is demoted, while other captures run or wait. Real pages use 0.6."""
MAX_CPU_OF_OFFENDER = 0.25
"""The same for a page that was demoted, or ended, lately."""
MEMORY_PER_BROWSER = 768 << 20
"""Bytes that all browsers together may have for each slot, and for one more, if the container has as much."""
_ROOM = 0.7
"""Share of the limit below which slow captures may run beside the slots."""
_MAX_INCIDENTS = 64
CLIENTS_SECONDS = 10.0
"""Seconds after the last capture that a client waited for, in which captures of low priority run at the lowest CPU
priority. Afterwards they run at the usual one: otherwise any other busy program of the machine would stop all jobs."""


@dataclass(eq=False, slots=True)
class Running:
    """One capture in progress."""

    holder: Holder
    started: float
    expected_cost: Cost = Cost.NORMAL
    browser: Browser | None = None
    attempts: int = 0
    demoted: bool = False
    crashed: bool = False

    @property
    def cost(self) -> Cost:
        """The cost of the capture so far."""
        if self.demoted or self.crashed:
            return Cost.EXCESSIVE
        return Cost.SLOW if self.holder.slow else Cost.NORMAL


@dataclass(slots=True)
class Supervisor:
    """Looks at all captures four times a second while there are any."""

    slots: int
    browsers: Collection[Browser]
    captures: set[Running] = field(default_factory=set)
    limit: int = 0
    _incidents: deque[tuple[float, Running | None]] = field(default_factory=lambda: deque(maxlen=_MAX_INCIDENTS))
    _task: asyncio.Task[None] | None = None
    _outranked_until: float = float("-inf")
    """When the last capture ended that was not of low priority."""

    def __post_init__(self) -> None:
        self.limit = browser_tree_limit((self.slots + 1) * MEMORY_PER_BROWSER)

    def has_memory(self) -> bool:
        """Whether slow captures may run beside the slots."""
        return self._memory() < self.limit * _ROOM

    def add(self, capture: Running) -> None:
        """Supervise a capture until :meth:`remove`."""
        self.captures.add(capture)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, capture: Running) -> None:
        """Stop supervising a capture."""
        self.captures.discard(capture)
        if capture.holder.rank is not Rank.LOW_PRIORITY:
            self._outranked_until = asyncio.get_running_loop().time()
        if not self.captures and self._task:
            self._task.cancel()
            self._task = None

    def record_incident(self, culprit: Running | None) -> None:
        """Record an event that may have slowed the other captures: a capture was ended or demoted, a browser failed."""
        self._incidents.append((asyncio.get_running_loop().time(), culprit))

    def was_disturbed(self, capture: Running) -> bool:
        """Whether an incident of another capture happened while this one ran."""
        return any(at >= capture.started and culprit is not capture for at, culprit in self._incidents)

    def was_outranked(self, capture: Running) -> bool:
        """Whether a capture of low priority had to leave the CPU to another one while it ran."""
        if capture.holder.rank is not Rank.LOW_PRIORITY:
            return False
        return self._clients_run() or self._outranked_until >= capture.started - CLIENTS_SECONDS

    def has_clients(self) -> bool:
        """Whether captures that clients wait for run, or ran lately: captures of low priority leave the CPU to them."""
        recently = asyncio.get_running_loop().time() - CLIENTS_SECONDS
        return self._clients_run() or self._outranked_until >= recently

    def lower_others(self) -> None:
        """Give the lowest CPU priority to the captures of low priority that run: a client waits for another one."""
        for capture in self.captures:
            browser = capture.browser
            if capture.holder.rank is Rank.LOW_PRIORITY and browser and not browser.low_priority:
                browser.lower_priority()

    def _clients_run(self) -> bool:
        return any(each.holder.rank is not Rank.LOW_PRIORITY for each in self.captures)

    async def _run(self) -> None:
        while await asyncio.sleep(_INTERVAL, result=True):
            self.demote_busy()
            self.limit_memory()

    def demote_busy(self) -> None:
        """Give the lowest CPU priority to captures that have used more than their share, if there are others."""
        if len(self.captures) < 2:  # noqa: PLR2004 - there is no other to slow down
            return
        for capture in self.captures:
            browser, most = capture.browser, MAX_CPU
            if capture.expected_cost is Cost.EXCESSIVE:
                most = MAX_CPU_OF_OFFENDER
            if browser and not browser.demoted and browser.capture_cpu > most:
                log.info("browser_demoted", pid=browser.pid, cpu=round(browser.capture_cpu, 1))
                browser.demote()
                capture.demoted = True
                self.record_incident(capture)

    def limit_memory(self) -> None:
        """End the capture whose browser is largest, if all browsers together are over the limit."""
        if self._memory() <= self.limit:
            return
        candidates = [(capture.browser.memory, capture) for capture in self.captures if capture.browser]
        if candidates:
            memory, capture = max(candidates, key=lambda candidate: candidate[0])
            log.warning("browsers_over_memory", megabytes=memory >> 20, bound=self.limit >> 20)
            assert capture.browser  # noqa: S101 - see above
            capture.browser.end_page("memory") if memory > self.limit // (self.slots + 1) else capture.browser.kill(
                "memory of all browsers"
            )
            self.record_incident(capture)

    def _memory(self) -> int:
        return sum(browser.memory for browser in self.browsers)
