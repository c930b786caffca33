"""Fake browsers, where they come from, and the pool above them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from tintype.chromium.browser import Browser
from tintype.chromium.cdp.connection import TargetClosed
from tintype.chromium.daemon.pool import Pool, PoolLimits
from tintype.chromium.proxy.blocklist import Blocklists, DomainSet
from tintype.model import Capture
from tintype.options import Navigation, Shot

LIMITS = PoolLimits(slots=2, queue=2, timeout=5, recycle_after=100, recycle_age=1000, max_page_height=16_000)
PICTURE = Capture(body=b"png", width=1, height=1, taken_at=1.0, timings={"screenshot": 1.0})


@dataclass
class Pending:
    """A capture that a browser is asked for."""

    browser: FakeBrowser
    shot: Shot
    blocked: DomainSet | None
    time_limit: float
    fresh: bool
    outcome: asyncio.Future[Capture]


@dataclass(eq=False)
class FakeBrowser:
    """A browser whose captures end when the test ends them."""

    draws: bool = True
    killed_by_others: bool = False
    is_alive: bool = True
    recycle_reason: str = ""
    page_fault: str = ""
    demoted: bool = False
    low_priority: bool = False
    isolates_sites: bool = False
    captures: int = 0
    started_at: float = 0.0
    memory_growth: int = 0
    memory: int = 0
    capture_cpu: float = 0.0
    undisposed_contexts: int = 0
    kept_contexts: int = 0
    kept_context_captures: int = 0
    kept_sites: set[str] = field(default_factory=set)
    pid: int = 1
    version: str = "fake"
    closed: bool = False
    pending: list[Pending] = field(default_factory=list)

    def keeps_context_of(self, site: str) -> bool:
        return site in self.kept_sites

    async def capture(
        self, shot: Shot, blocked: DomainSet | None, time_limit: float, max_height: int, *, fresh: bool = False
    ) -> Capture:
        self.captures += 1
        outcome: asyncio.Future[Capture] = asyncio.get_running_loop().create_future()
        self.pending.append(Pending(self, shot, blocked, time_limit, fresh, outcome))
        return await outcome

    async def probe(self) -> bool:
        await asyncio.sleep(0)
        return self.draws

    async def was_killed(self) -> bool:
        return self.killed_by_others

    def demote(self) -> None:
        self.demoted = True

    def lower_priority(self) -> None:
        self.low_priority = True

    def retire(self, reason: str) -> None:
        self.recycle_reason = self.recycle_reason or reason

    def end_page(self, resource: str) -> None:
        self.page_fault = resource
        self.kill(resource)

    def kill(self, reason: str) -> None:
        self.recycle_reason = self.recycle_reason or reason
        self.die(TargetClosed("the browser was killed"))

    async def close(self) -> None:
        self.closed = True

    def die(self, end: TargetClosed) -> None:
        """End, and its capture with it."""
        self.is_alive = False
        for each in self.pending:
            if each.browser is self and not each.outcome.done():
                each.outcome.set_exception(end)


class FakeLauncher:
    """Where browsers come from: each start takes the next of these, or fails with it."""

    def __init__(
        self, *browsers: FakeBrowser | Exception, limits: PoolLimits = LIMITS, blocked: DomainSet | None = None
    ) -> None:
        self.browsers = list(browsers) or [FakeBrowser() for _ in range(9)]
        self.started: list[FakeBrowser] = []
        self.attempts = 0
        self.pending: list[Pending] = []
        """Captures that any browser was asked for, the oldest first."""
        self.pool = Pool(self.start, limits, Blocklists(ads=blocked or DomainSet()))

    def capture(
        self, name: str = "a", *, fresh: bool = False, low_priority: bool = False, **parts: Any
    ) -> asyncio.Task[Capture]:
        return asyncio.create_task(self.pool.capture(shot(name, **parts), fresh=fresh, low_priority=low_priority))

    def running(self) -> list[Pending]:
        """Captures that have not ended."""
        return [each for each in self.pending if not each.outcome.done()]

    def end(self, outcome: Capture | Exception = PICTURE) -> None:
        """End the oldest running capture."""
        future = self.running()[0].outcome
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    async def start(self, *, isolate_sites: bool = False) -> Browser:
        self.attempts += 1
        await asyncio.sleep(0)
        browser = self.browsers.pop(0)
        if isinstance(browser, Exception):
            raise browser
        browser.started_at = asyncio.get_running_loop().time()
        browser.pending = self.pending
        browser.isolates_sites = isolate_sites
        self.started.append(browser)
        return cast("Browser", browser)


def shot(name: str, **parts: Any) -> Shot:
    return Shot(navigation=Navigation(url=f"http://{name}.example.com/"), **parts)


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)
