"""Capture pool: a bounded queue in front of slots, one browser at a time, recycling, one retry after a crash.

Identical shots in progress share one capture. Time in the queue does not count against a capture's time limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
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
_INITIAL_DURATION = 2.0
"""Seconds assumed for a capture before the first is measured."""
_SMOOTHING = 0.2
"""Weight of the latest capture in the average duration."""
_RECYCLE_PAUSE = 5.0
"""Minimum seconds between two recycles."""
_MAX_MEMORY_GROWTH = 150 << 20
"""Bytes that an idle browser process may gain before it is recycled."""
_MIN_RETRY_AFTER, _MAX_RETRY_AFTER = 1.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """Limits of a pool. Times in seconds, height in pixels."""

    slots: int
    queue: int
    timeout: float
    recycle_after: int
    recycle_age: float
    max_page_height: int


@dataclass(slots=True)
class InFlight:
    """A capture in progress or in the queue, and how many clients wait for it."""

    task: asyncio.Task[Capture] = field(init=False)
    waiters: int = 0
    begun_at: float | None = None
    """Time of the event loop at which the last attempt began; None while the capture is in the queue."""


class Pool:
    """Runs captures in one browser at a time, which it starts, recycles and restarts."""

    def __init__(self, start: Callable[[], Awaitable[Browser]], limits: PoolLimits, blocklists: Blocklists) -> None:
        self.browser: Browser | None = None
        self.busy = 0
        self.captures = 0
        self.restarts = 0
        self.recycles = 0
        self._start_browser = start
        self._limits = limits
        self._blocklists = blocklists
        self._slots = asyncio.Semaphore(limits.slots)
        self._in_flight: dict[str, InFlight] = {}
        self._admitted: set[asyncio.Task[Capture]] = set()
        """Captures in the queue or in progress; a task is counted before it first runs, so a burst meets the limit."""
        self._browser_lock = asyncio.Lock()
        self._discarded: set[Browser] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._average_duration = _INITIAL_DURATION
        self._recycled_at = 0.0
        self._undisposed_before = 0
        """Undisposed contexts of browsers that are closed."""
        self._closing = False

    @property
    def queue_length(self) -> int:
        """Captures in the queue."""
        return len(self._admitted) - self.busy

    @property
    def queue_limit(self) -> int:
        """Captures that may be in the queue."""
        return self._limits.queue

    @property
    def undisposed_contexts(self) -> int:
        """Browser contexts that could not be disposed of, in all browsers so far."""
        browsers = [browser for browser in (self.browser, *self._discarded) if browser]
        return self._undisposed_before + sum(browser.undisposed_contexts for browser in browsers)

    async def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        """Capture a page, or wait for an identical capture in progress; raises TintypeError.

        With ``fresh``, a capture that has begun is not shared, only one that is still in the queue.
        """
        called_at = asyncio.get_running_loop().time()
        in_flight = self._in_flight.get(shot.key)
        if in_flight is None or (fresh and in_flight.begun_at is not None):
            in_flight = self._start_capture(shot)
        in_flight.waiters += 1
        try:
            capture = await asyncio.shield(in_flight.task)
            return replace(capture, begun_after=(in_flight.begun_at or called_at) - called_at)
        except asyncio.CancelledError:
            if in_flight.task.cancelled():
                raise _shutting_down() from None
            raise
        finally:
            in_flight.waiters -= 1
            if not in_flight.waiters:
                self._release(shot.key, in_flight)

    async def check(self) -> None:
        """Probe the browser, and recycle it if the probe fails; raises BackendUnavailable."""
        browser = await self._usable_browser()
        if not await browser.probe():
            await self._discard(browser, "a probe failed")
            raise BackendUnavailable("the browser does not draw; it is being replaced", retry_after=1)

    async def start(self) -> None:
        """Start the first browser; raises LaunchFailed."""
        async with self._browser_lock:
            await self._restart()

    async def close(self) -> None:
        """Kill every browser and fail the captures in progress. Idempotent."""
        self._closing = True
        tasks = list(self._admitted)
        browsers = [browser for browser in (self.browser, *self._discarded) if browser]
        for browser in browsers:
            browser.kill("shutting down")
        for task in (*tasks, *self._tasks):
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
        await asyncio.gather(*(browser.close() for browser in browsers))
        self.browser = None
        self._discarded.clear()

    def _start_capture(self, shot: Shot) -> InFlight:
        if self._closing:
            raise _shutting_down()
        if len(self._admitted) >= self._limits.slots + self._limits.queue:
            raise Overloaded(retry_after=self._retry_after())
        in_flight = self._in_flight[shot.key] = InFlight()
        task = in_flight.task = asyncio.create_task(self._run(shot, in_flight))
        self._admitted.add(task)
        task.add_done_callback(self._admitted.discard)
        return in_flight

    def _release(self, key: str, in_flight: InFlight) -> None:
        if self._in_flight.get(key) is in_flight:
            del self._in_flight[key]
        in_flight.task.cancel()

    def _retry_after(self) -> float:
        """Estimate the seconds until the queue has room, from 1 to 60."""
        return min(
            _MAX_RETRY_AFTER,
            max(_MIN_RETRY_AFTER, self._average_duration * (self.queue_length + 1) / self._limits.slots),
        )

    async def _run(self, shot: Shot, in_flight: InFlight) -> Capture:
        start = time.perf_counter()
        async with self._hold_slot():
            queued = round((time.perf_counter() - start) * 1000, 1)
            try:
                capture = await self._capture_with_retry(shot, in_flight)
            except TintypeError as error:
                log.info("capture_failed", host=host_of(shot.url), error=error.code, detail=error.detail, queue=queued)
                raise
        took = time.perf_counter() - start - queued / 1000
        self._average_duration += (took - self._average_duration) * _SMOOTHING
        timings = {"queue": queued, **capture.timings}
        log.info("capture_done", host=host_of(shot.url), status=capture.status, partial=capture.partial, **timings)
        return replace(capture, timings=timings)

    @asynccontextmanager
    async def _hold_slot(self) -> AsyncIterator[None]:
        async with self._slots:
            self.busy += 1
            try:
                yield
            finally:
                self.busy -= 1

    async def _capture_with_retry(self, shot: Shot, in_flight: InFlight) -> Capture:
        for _ in range(_ATTEMPTS):
            browser = await self._usable_browser()
            browser.active_captures += 1
            try:
                self.captures += 1
                in_flight.begun_at = asyncio.get_running_loop().time()
                return await self._capture_in(browser, shot)
            except TargetClosed as end:
                log.warning("browser_crashed", host=host_of(shot.url), reason=str(end))
                self._schedule_probe(browser)
            except CaptureTimeout:
                self._schedule_probe(browser)
                raise
            except ProtocolError as error:
                raise EngineError(f"the browser reported an error: {error.message[:200]}") from error
            finally:
                browser.active_captures -= 1
                self._close_if_idle(browser)
        raise BrowserCrashed(retry_after=1)

    async def _capture_in(self, browser: Browser, shot: Shot) -> Capture:
        limits = self._limits
        blocked = self._blocklists.for_options(shot.page_changes, host_of(shot.url))
        return await browser.capture(shot, blocked, limits.timeout, limits.max_page_height)

    async def _usable_browser(self) -> Browser:
        """Return the current browser if it works, else start another one; raises BackendUnavailable."""
        async with self._browser_lock:  # wait for a running probe: it may mark the browser unusable
            browser = self.browser
            if browser and browser.is_alive and not browser.recycle_reason:
                self._recycle_if_due(browser)
                return browser
            try:
                return await self._restart()
            except LaunchFailed as failure:
                log.error("browser_start_failed", reason=str(failure))
                raise BackendUnavailable("the browser does not start; see the log", retry_after=5) from failure

    def _recycle_if_due(self, browser: Browser) -> None:
        """Start a successor in the background for a browser at its limit of captures, age or memory."""
        now = asyncio.get_running_loop().time()
        is_due = browser.captures >= self._limits.recycle_after or now - browser.started_at >= self._limits.recycle_age
        is_due = is_due or (not browser.active_captures and browser.memory_growth >= _MAX_MEMORY_GROWTH)
        if is_due and now - self._recycled_at >= _RECYCLE_PAUSE:
            self._recycled_at = now
            self._spawn(self._recycle(browser))

    async def _recycle(self, old: Browser) -> None:
        try:
            fresh = await self._start_browser()
        except LaunchFailed as failure:
            log.error("browser_recycle_failed", reason=str(failure))
            return
        if self.browser is old and not self._closing:
            self.browser = fresh
            self.recycles += 1
            await self._discard(old, "limit of captures, age or memory")
        else:
            await fresh.close()

    async def _restart(self) -> Browser:
        old, self.browser = self.browser, None
        if old:
            self.restarts += 1
            await self._discard(old, old.recycle_reason or "lost")
        self.browser = await self._start_browser()
        return self.browser

    async def _discard(self, browser: Browser, reason: str) -> None:
        """Close a browser once its captures have finished."""
        log.info("browser_recycled", pid=browser.pid, reason=reason, captures=browser.captures)
        browser.recycle_reason = browser.recycle_reason or reason
        self._discarded.add(browser)
        self._close_if_idle(browser)

    def _close_if_idle(self, browser: Browser) -> None:
        if browser in self._discarded and (not browser.active_captures or not browser.is_alive):
            self._discarded.discard(browser)
            self._undisposed_before += browser.undisposed_contexts
            self._spawn(browser.close())

    def _schedule_probe(self, browser: Browser) -> None:
        """Probe in the background whether a browser still draws."""
        if browser is self.browser:
            self._spawn(self._probe(browser))

    async def _probe(self, browser: Browser) -> None:
        async with self._browser_lock:
            if browser is self.browser and browser.is_alive and not await browser.probe():
                browser.recycle_reason = browser.recycle_reason or "a probe failed"

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _shutting_down() -> BackendUnavailable:
    return BackendUnavailable("the capture daemon is shutting down; retry shortly", retry_after=1)
