"""Capture pool: a bounded queue in front of slots, a browser of its own for each capture, one time limit.

Identical shots in progress share one capture. Time in the queue does not count against the time limit of a capture;
everything else does: the start of a browser, the browser context, the page, and the second attempt.

A capture of low priority, which no client waits for, waits behind the others. While clients wait for others, and for 10
seconds afterwards, it runs in a browser with the lowest CPU priority. If its time was over, or its page incomplete,
because others ran, it is repeated as one of them. A client that wants the same page does not wait for it.

A capture whose browser was lost is tried again in another one, unless its page is the reason: then the failure is the
page's own, and may be cached. A timeout during which another capture disturbed this one is not the page's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from tintype.chromium.browser import Browser
from tintype.chromium.capture.context import report_steps_to
from tintype.chromium.cdp.connection import ProtocolError, TargetClosed, TargetCrashed
from tintype.chromium.daemon.browsers import Browsers, StartBrowser
from tintype.chromium.daemon.offenders import Cost, Offenders
from tintype.chromium.daemon.slots import QueueEntry, Rank, Slots
from tintype.chromium.daemon.supervisor import Running, Supervisor
from tintype.chromium.kept_contexts import site_of
from tintype.chromium.proxy.blocklist import Blocklists
from tintype.errors import (
    BackendUnavailable,
    BrowserCrashed,
    CaptureTimeout,
    EngineError,
    Overloaded,
    PageCrashed,
    TintypeError,
)
from tintype.model import Capture
from tintype.options import Shot
from tintype.urls import host_of

log = structlog.get_logger("tintype.chromium")

_ATTEMPTS = 2
_GRACE = 0.25
"""Seconds after the time limit of a page in which it may still report that it is over."""
_MIN_SECOND_ATTEMPT = 1.0
"""Seconds that have to be left for a second attempt."""
_INITIAL_DURATION = 2.0
"""Seconds assumed for a capture before the first is measured."""
_SMOOTHING = 0.2
"""Weight of the latest capture in the average duration."""
_MIN_RETRY_AFTER, _MAX_RETRY_AFTER = 1.0, 60.0
QUEUE, OPENING = "queue", "navigate"
"""Steps before those that the page reports: the queue, and the start of a browser and of its page."""
_FAULTS = {
    "memory": "the page used more memory than a page may",
    "workers": "the page started more workers than a page may",
    "time": "the page kept the browser busy until it did not respond",
}
"""Details of the error for a page that was ended, by resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """Limits of a pool. Times in seconds, height in pixels."""

    slots: int
    queue: int
    timeout: float
    recycle_after: int
    recycle_age: float
    max_page_height: int


@dataclass(slots=True, eq=False)
class InFlight:
    """A capture in progress or in the queue, and how many clients wait for it."""

    task: asyncio.Task[Capture] = field(init=False)
    waiters: int = 0
    begun_at: float | None = None
    """Time of the event loop at which the last attempt began; None while the capture is in the queue."""
    step: str = QUEUE
    """``queue`` or the step of the page; see :func:`~tintype.chromium.capture.context.report_steps_to`."""
    entry: QueueEntry | None = None
    """Its place in the queue, once it is there."""
    low_priority: bool = False
    """Whether it was started for a job: captures of each kind have a limit of their own."""
    fresh: bool = False
    """Whether it may use no kept browser context."""

    @property
    def rank(self) -> Rank:
        """Its queue, or the queue from which it was started."""
        return self.entry.rank if self.entry else Rank.LOW_PRIORITY if self.low_priority else Rank.NORMAL

    def enter(self, step: str) -> None:
        """Record the step that begins."""
        self.step = step


class Pool:
    """Runs captures, each in a browser of its own, and decides whose failure a lost browser is."""

    def __init__(
        self,
        start: StartBrowser,
        limits: PoolLimits,
        blocklists: Blocklists,
        takes_idle_core: Callable[[], bool] = lambda: False,
    ) -> None:
        self.captures = 0
        """Attempts so far."""
        self.browsers = Browsers(start, limits.recycle_after, limits.recycle_age)
        self._limits = limits
        self._blocklists = blocklists
        self._supervisor = Supervisor(limits.slots, self.browsers.all)
        self._slots = Slots(limits.slots, self._supervisor.has_memory, takes_idle_core)
        self._offenders = Offenders()
        self._in_flight: dict[str, InFlight] = {}
        self._admitted: dict[asyncio.Task[Capture], InFlight] = {}
        """Captures in the queue or in progress; a task is counted before it first runs, so a burst meets the limit."""
        self._average_duration = _INITIAL_DURATION
        self._closing = False

    @property
    def busy(self) -> int:
        """Slots in use."""
        return min(self._slots.busy, self._slots.count)

    @property
    def slow(self) -> int:
        """Captures in progress beside the slots: slow ones, and those that an idle core permits."""
        return self._slots.slow + self._slots.busy - self.busy

    @property
    def in_progress(self) -> int:
        """Captures that run, with or without a slot."""
        return self.busy + self.slow

    @property
    def queue_length(self) -> int:
        """Captures in the queue that clients wait for."""
        return sum(each.step == QUEUE and not each.low_priority for each in self._admitted.values())

    @property
    def low_priority(self) -> int:
        """Captures of low priority, in the queue or in progress."""
        return sum(each.low_priority for each in self._admitted.values())

    @property
    def queue_limit(self) -> int:
        """Captures that may be in the queue."""
        return self._limits.queue

    async def capture(self, shot: Shot, *, fresh: bool = False, low_priority: bool = False) -> Capture:
        """Capture a page, or wait for an identical capture in progress; raises TintypeError.

        With ``fresh``, a capture that has begun is not shared, only one that is still in the queue, and its HTTP cache
        is empty. One that runs at low priority is shared with others of low priority only.
        """
        called_at = asyncio.get_running_loop().time()
        in_flight = self._in_flight.get(shot.key)
        if in_flight and in_flight.rank is Rank.LOW_PRIORITY and not low_priority:
            in_flight = self._raise_priority(in_flight)
        if in_flight is None or (fresh and in_flight.begun_at is not None):
            in_flight = self._start_capture(shot, low_priority=low_priority)
        in_flight.fresh = in_flight.fresh or fresh
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

    def progress(self, key: str) -> tuple[str, int]:
        """Return the step of the capture of a shot and the captures before it in the queue; an empty step if none."""
        in_flight = self._in_flight.get(key)
        if in_flight is None:
            return "", 0
        if in_flight.step != QUEUE:
            return in_flight.step, 0
        queued = [each for each in self._in_flight.values() if each.step == QUEUE]
        queued.sort(key=lambda each: each.rank)  # stable: equal ones stay in the order of their arrival
        return QUEUE, queued.index(in_flight)

    async def check(self) -> None:
        """Probe a browser without a capture, and close it if the probe fails; raises BackendUnavailable."""
        browser = await self.browsers.acquire()
        try:
            if await browser.probe():
                return
            browser.kill("a probe failed")
            self._supervisor.record_incident(None)
        finally:
            self.browsers.release(browser)
        raise BackendUnavailable("the browser does not draw; it is being replaced", retry_after=1)

    async def start(self) -> None:
        """Start the first browser; raises LaunchFailed."""
        await self.browsers.start_first()

    async def close(self) -> None:
        """Kill every browser and fail the captures in progress. Idempotent."""
        self._closing = True
        tasks = list(self._admitted)
        for task in tasks:
            task.cancel()
        await self.browsers.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start_capture(self, shot: Shot, *, low_priority: bool) -> InFlight:
        if self._closing:
            raise _shutting_down()
        same = [each for each in self._admitted.values() if each.low_priority is low_priority]
        slow = sum(each.entry.is_slow for each in same if each.entry)
        if len(same) - slow >= self._limits.slots + self._limits.queue:
            raise Overloaded(retry_after=self._retry_after())
        in_flight = self._in_flight[shot.key] = InFlight(low_priority=low_priority)
        task = in_flight.task = asyncio.create_task(self._run(shot, in_flight))
        self._admitted[task] = in_flight
        task.add_done_callback(self._admitted.pop)
        return in_flight

    def _raise_priority(self, in_flight: InFlight) -> InFlight | None:
        """Let a client share a capture of low priority that is still in the queue; None if it has begun."""
        if in_flight.step != QUEUE or in_flight.entry is None:
            return None
        self._slots.raise_rank(in_flight.entry)
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
        start, queued = time.perf_counter(), 0.0
        expected = self._offenders.expected_cost(_page_of(shot))
        rank = Rank.NORMAL if expected is Cost.NORMAL else Rank.KNOWN_SLOW
        for attempt in (Rank.LOW_PRIORITY, rank) if in_flight.low_priority else (rank,):
            in_flight.entry, in_flight.step, begin = self._slots.entry(attempt), QUEUE, time.perf_counter()
            async with self._slots.hold(in_flight.entry) as holder:
                in_flight.enter(OPENING)
                report_steps_to(in_flight.enter)
                queued += round((time.perf_counter() - begin) * 1000, 1)
                running = Running(holder, asyncio.get_running_loop().time(), expected)
                capture = await self._supervised(shot, in_flight, running, queued)
            if capture:
                break
        assert capture  # noqa: S101 - the last attempt returns one or raises
        took = time.perf_counter() - start - queued / 1000
        self._average_duration += (took - self._average_duration) * _SMOOTHING
        timings = {"queue": queued, **capture.timings}
        log.info("capture_done", host=host_of(shot.url), status=capture.status, partial=capture.partial, **timings)
        return replace(capture, timings=timings)

    async def _supervised(self, shot: Shot, in_flight: InFlight, running: Running, queued: float) -> Capture | None:
        """Capture; None if it had too little CPU time because of its low priority, and is to be repeated."""
        self._supervisor.add(running)
        if running.holder.rank is not Rank.LOW_PRIORITY:
            self._supervisor.lower_others()
        try:
            capture = await self._capture_in_time(shot, in_flight, running)
        except TintypeError as error:
            if isinstance(error, CaptureTimeout | BackendUnavailable) and self._supervisor.was_outranked(running):
                return None
            log.info("capture_failed", host=host_of(shot.url), error=error.code, detail=error.detail, queue=queued)
            raise
        finally:
            self._supervisor.remove(running)
            if running.holder.rank is not Rank.LOW_PRIORITY or running.cost is Cost.EXCESSIVE:
                self._offenders.record(_page_of(shot), running.cost)
        return None if capture.partial and self._supervisor.was_outranked(running) else capture

    async def _capture_in_time(self, shot: Shot, in_flight: InFlight, running: Running) -> Capture:
        """Capture within the time limit; raises TintypeError."""
        try:
            async with asyncio.timeout(self._limits.timeout + _GRACE):
                return await self._capture_with_retry(shot, in_flight, running)
        except (TimeoutError, CaptureTimeout):
            if not running.attempts:
                raise BackendUnavailable("the browser did not start in time", retry_after=1) from None
            if running.demoted or not self._supervisor.was_disturbed(running):
                raise CaptureTimeout from None
        raise BackendUnavailable("other captures slowed this one until its time was over", retry_after=1)

    async def _capture_with_retry(self, shot: Shot, in_flight: InFlight, running: Running) -> Capture:
        for attempt in range(_ATTEMPTS):
            deadline = running.started + self._limits.timeout
            left = deadline - asyncio.get_running_loop().time()
            if attempt and left < _MIN_SECOND_ATTEMPT:
                break
            browser = running.browser = await self._browser_for(shot, running.holder.rank)
            running.attempts, self.captures = attempt + 1, self.captures + 1
            in_flight.begun_at = asyncio.get_running_loop().time()
            try:
                return await self._capture_in(browser, shot, deadline, fresh=in_flight.fresh)
            except TargetClosed as end:
                log.warning("browser_crashed", host=host_of(shot.url), reason=str(end), page_fault=browser.page_fault)
                fault = await self._page_fault(browser, end, is_last=attempt + 1 == _ATTEMPTS)
                self._supervisor.record_incident(running if fault else None)
                if fault:
                    running.crashed = True
                    raise PageCrashed(fault) from None
            except ProtocolError as error:
                browser.retire("the browser reported an error")
                if attempt + 1 == _ATTEMPTS:
                    raise EngineError(f"the browser reported an error: {error.message[:200]}") from error
                log.warning("browser_error_reported", host=host_of(shot.url), reason=str(error)[:200])
            finally:
                running.browser = None
                self.browsers.release(browser)
        raise BrowserCrashed(retry_after=1)

    async def _browser_for(self, shot: Shot, rank: Rank) -> Browser:
        """Return a browser; for a shot with credentials a new one, in which frames of other sites have other processes.

        A vulnerability in a renderer then does not lead from such a frame to the page that the credentials opened.
        """
        if shot.has_credentials:
            return await self.browsers.start_isolated()
        is_low = rank is Rank.LOW_PRIORITY
        is_outranked = is_low and self._supervisor.has_clients()
        browser = await self.browsers.acquire(low_priority=is_outranked, site=site_of(shot))
        if is_low and self._supervisor.has_clients() and not browser.low_priority:
            browser.lower_priority()  # a client came while the browser started
        return browser

    async def _capture_in(self, browser: Browser, shot: Shot, deadline: float, *, fresh: bool) -> Capture:
        """Capture in one browser, which is not used again if the capture did not end."""
        limits = self._limits
        blocked = self._blocklists.for_options(shot.page_changes, host_of(shot.url))
        left = deadline - asyncio.get_running_loop().time()
        try:
            return await browser.capture(shot, blocked, left, limits.max_page_height, fresh=fresh)
        except (CaptureTimeout, asyncio.CancelledError):
            browser.retire("a capture did not end")
            raise

    async def _page_fault(self, browser: Browser, end: TargetClosed, *, is_last: bool) -> str:
        """Return the detail of the error if the page is the reason for the lost browser; empty if it is not."""
        if browser.page_fault:
            return _FAULTS[browser.page_fault]
        if isinstance(end, TargetCrashed):
            return "" if end.killed else PageCrashed.title
        # The browser itself ended. Its only page is the reason if that happens in both attempts, without a kill.
        return PageCrashed.title if is_last and not await browser.was_killed() else ""


def _page_of(shot: Shot) -> str:
    """The URL by which the cost of a page is recorded; inline HTML has no URL of its own."""
    return f"{shot.url}{shot.key}" if shot.navigation.html else shot.url


def _shutting_down() -> BackendUnavailable:
    return BackendUnavailable("the capture daemon is shutting down; retry shortly", retry_after=1)
