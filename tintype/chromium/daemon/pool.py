"""Who gets a browser, and when? A bounded line in front of slots, and a browser that is replaced before it fails.

Identical shots under way share one capture. Time in line is not charged to a capture. A capture that loses its browser
is tried once more on another one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from tintype.chromium.browser import Browser
from tintype.chromium.cdp.connection import ProtocolError, TargetClosed
from tintype.chromium.process.launch import LaunchFailed
from tintype.chromium.proxy.blocklist import Blocklists
from tintype.errors import BackendUnavailable, BrowserCrashed, CaptureTimeout, EngineError, Overloaded, TintypeError
from tintype.model import Capture
from tintype.options import Shot
from tintype.urls import host_of

log = structlog.get_logger("tintype.chromium")

_ATTEMPTS = 2
_USUAL = 2.0
"""Seconds a capture is taken to need before any was measured."""
_SMOOTHING = 0.2
_RENEW_PAUSE = 5.0
_GROWTH = 150 << 20
"""Bytes by which the browser process itself, idle, may have grown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """What a pool allows. Times in seconds, height in pixels."""

    slots: int
    queue: int
    timeout: float
    recycle_after: int
    recycle_age: float
    max_page_height: int


@dataclass(slots=True)
class InFlight:
    """A capture under way and how many wait for it."""

    task: asyncio.Task[Capture]
    passengers: int = 0


class Pool:
    """The supervisor of one browser at a time."""

    def __init__(self, start: Callable[[], Awaitable[Browser]], terms: PoolLimits, blocklists: Blocklists) -> None:
        self.browser: Browser | None = None
        self.busy = 0
        self.captures = 0
        self.restarts = 0
        self.renewals = 0
        self._start = start
        self._terms = terms
        self._blocklists = blocklists
        self._slots = asyncio.Semaphore(terms.slots)
        self._flights: dict[str, InFlight] = {}
        self._aboard: set[asyncio.Task[Capture]] = set()
        """Every capture admitted and not ended; counted at once, so that a crowd in one instant is a crowd."""
        self._changing = asyncio.Lock()
        self._retired: set[Browser] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._usual = _USUAL
        self._renewed_at = 0.0
        self._closing = False

    @property
    def waiting(self) -> int:
        """Captures in line."""
        return len(self._aboard) - self.busy

    @property
    def limit(self) -> int:
        """Captures that may be in line."""
        return self._terms.queue

    async def capture(self, shot: Shot) -> Capture:
        """One picture, shared with whoever asks for the same one meanwhile; raises TintypeError."""
        flight = self._flights.get(shot.key) or self._depart(shot)
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            if flight.task.cancelled():
                raise BackendUnavailable("the capture engine is shutting down", retry_after=1) from None
            raise
        finally:
            flight.passengers -= 1
            if not flight.passengers:
                self._land(shot.key, flight)

    async def check(self) -> None:
        """Take a tiny picture; raises BackendUnavailable."""
        browser = await self._fit()
        if not await browser.probe():
            await self._retire(browser, "a probe failed")
            raise BackendUnavailable("the browser does not draw", retry_after=1)

    async def start(self) -> None:
        """Have a browser ready; raises LaunchFailed."""
        async with self._changing:
            await self._replace()

    async def close(self) -> None:
        """End every browser; whoever waits is told. Idempotent."""
        self._closing = True
        tasks = [flight.task for flight in self._flights.values()]
        browsers = [browser for browser in (self.browser, *self._retired) if browser]
        for browser in browsers:
            browser.kill("shutting down")
        for task in (*tasks, *self._chores):
            task.cancel()
        await asyncio.gather(*tasks, *self._chores, return_exceptions=True)
        await asyncio.gather(*(browser.close() for browser in browsers))
        self.browser = None
        self._retired.clear()

    def _depart(self, shot: Shot) -> InFlight:
        if self._closing:
            raise BackendUnavailable("the capture engine is shutting down", retry_after=1)
        if len(self._aboard) >= self._terms.slots + self._terms.queue:
            raise Overloaded(retry_after=self._patience())
        task = asyncio.create_task(self._fly(shot))
        self._aboard.add(task)
        task.add_done_callback(self._aboard.discard)
        flight = self._flights[shot.key] = InFlight(task)
        return flight

    def _land(self, key: str, flight: InFlight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        flight.task.cancel()

    def _patience(self) -> float:
        """Seconds until the line has probably moved enough."""
        return min(60.0, max(1.0, self._usual * (self.waiting + 1) / self._terms.slots))

    async def _fly(self, shot: Shot) -> Capture:
        start = time.perf_counter()
        async with self._slot():
            queued = round((time.perf_counter() - start) * 1000, 1)
            try:
                capture = await self._attempt(shot)
            except TintypeError as error:
                log.info("capture_failed", host=host_of(shot.url), error=error.code, detail=error.detail, queue=queued)
                raise
        took = time.perf_counter() - start - queued / 1000
        self._usual += (took - self._usual) * _SMOOTHING
        timings = {"queue": queued, **capture.timings}
        log.info("capture_done", host=host_of(shot.url), status=capture.status, partial=capture.partial, **timings)
        return replace(capture, timings=timings)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        async with self._slots:
            self.busy += 1
            try:
                yield
            finally:
                self.busy -= 1

    async def _attempt(self, shot: Shot) -> Capture:
        for _ in range(_ATTEMPTS):
            browser = await self._fit()
            browser.tenants += 1
            try:
                self.captures += 1
                return await self._take(browser, shot)
            except TargetClosed as end:
                log.warning("browser_crashed", host=host_of(shot.url), reason=str(end))
                self._doubt(browser)
            except CaptureTimeout:
                self._doubt(browser)
                raise
            except ProtocolError as refused:
                raise EngineError(f"the browser refused: {refused.message[:200]}") from refused
            finally:
                browser.tenants -= 1
                self._tidy(browser)
        raise BrowserCrashed(retry_after=1)

    async def _take(self, browser: Browser, shot: Shot) -> Capture:
        terms = self._terms
        blocked = self._blocklists.rules_for(shot.retouch, host_of(shot.url))
        return await browser.capture(shot, blocked, terms.timeout, terms.max_page_height)

    async def _fit(self) -> Browser:
        """A browser that can be trusted with a capture; raises BackendUnavailable."""
        async with self._changing:  # a probe in progress is waited for: it decides whom to trust
            browser = self.browser
            if browser and browser.alive and not browser.worn:
                self._renew_if_old(browser)
                return browser
            try:
                return await self._replace()
            except LaunchFailed as failure:
                log.error("browser_start_failed", reason=str(failure))
                raise BackendUnavailable("the browser does not start", retry_after=5) from failure

    def _renew_if_old(self, browser: Browser) -> None:
        """Replace a browser that has served its time, without anybody waiting for it."""
        now = asyncio.get_running_loop().time()
        served = browser.captures >= self._terms.recycle_after or now - browser.born >= self._terms.recycle_age
        served = served or (not browser.tenants and browser.growth >= _GROWTH)
        if served and now - self._renewed_at >= _RENEW_PAUSE:
            self._renewed_at = now
            self._chore(self._renew(browser))

    async def _renew(self, old: Browser) -> None:
        try:
            fresh = await self._start()
        except LaunchFailed as failure:
            log.error("browser_recycle_failed", reason=str(failure))
            return
        if self.browser is old and not self._closing:
            self.browser = fresh
            self.renewals += 1
            await self._retire(old, "served its time")
        else:
            await fresh.close()

    async def _replace(self) -> Browser:
        old, self.browser = self.browser, None
        if old:
            self.restarts += 1
            await self._retire(old, old.worn or "lost")
        self.browser = await self._start()
        return self.browser

    async def _retire(self, browser: Browser, reason: str) -> None:
        """Let its captures finish, then end it."""
        log.info("browser_recycled", pid=browser.pid, reason=reason, captures=browser.captures)
        browser.worn = browser.worn or reason
        self._retired.add(browser)
        self._tidy(browser)

    def _tidy(self, browser: Browser) -> None:
        if browser in self._retired and (not browser.tenants or not browser.alive):
            self._retired.discard(browser)
            self._chore(browser.close())

    def _doubt(self, browser: Browser) -> None:
        """After trouble, find out whether it still draws."""
        if browser is self.browser:
            self._chore(self._question(browser))

    async def _question(self, browser: Browser) -> None:
        async with self._changing:
            if browser is self.browser and browser.alive and not await browser.probe():
                browser.worn = browser.worn or "a probe failed"

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
