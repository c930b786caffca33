"""The browsers of a daemon: one for each capture in progress, started on demand and used again.

A page that makes a browser crash, stop or grow takes no other page with it, and what a browser holds is accounted to
the one page in it. An idle browser needs 65 MB and starts in 0.2 s; idle ones are closed after a minute, except one.

Browsers are started one after the other, for all captures that wait. A failed start fails all of them, and the next
attempt is made after a pause that doubles with every failure.

Captures of low priority have browsers of their own, with the lowest CPU priority, because without privileges a process
cannot get its priority back. They are used again for such captures only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

from tintype.chromium.browser import Browser
from tintype.chromium.process.launch import LaunchFailed
from tintype.errors import BackendUnavailable

log = structlog.get_logger("tintype.chromium")

MAX_MEMORY_GROWTH = 150 << 20
"""Bytes that the browser process may gain in its captures before it is recycled."""
_MIN_BACKOFF, _MAX_BACKOFF = 1.0, 30.0
"""Seconds between a failed start and the next attempt."""
_IDLE_SECONDS = 60.0
"""Seconds after which idle browsers are closed, except the one used last."""


class StartBrowser(Protocol):
    """Starts a browser; raises LaunchFailed."""

    async def __call__(self, *, isolate_sites: bool = False) -> Browser:
        """Start; ``isolate_sites``: the frames of each site have processes of their own."""


class Browsers:
    """Starts, hands out, recycles and closes browsers."""

    def __init__(self, start: StartBrowser, recycle_after: int, recycle_age: float) -> None:
        self.all: list[Browser] = []
        """Browsers that run, the oldest first."""
        self.restarts = 0
        """Browsers that were replaced because they crashed, failed or were ended."""
        self.recycles = 0
        """Browsers that were replaced because of their age, captures or memory."""
        self._start_browser = start
        self._recycle_after = recycle_after
        self._recycle_age = recycle_age
        self._idle: list[Browser] = []
        """Browsers without a capture, the one used last at the end."""
        self._single_use: set[Browser] = set()
        """Browsers that are closed after their capture."""
        self._waiting: dict[bool, deque[asyncio.Future[Browser]]] = {False: deque(), True: deque()}
        """Captures that wait for a browser, by whether they are of low priority."""
        self._starter: asyncio.Task[None] | None = None
        self._failures = 0
        self._failed_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._shrink_timer: asyncio.TimerHandle | None = None
        self._kept_captures_before = 0
        """Captures in kept contexts of browsers that are closed."""
        self._undisposed_before = 0
        """Undisposed contexts of browsers that are closed."""
        self._closing = False

    @property
    def undisposed_contexts(self) -> int:
        """Browser contexts that could not be disposed of, in all browsers so far."""
        return self._undisposed_before + sum(browser.undisposed_contexts for browser in self.all)

    @property
    def kept_context_captures(self) -> int:
        """Captures in a kept context, in all browsers so far."""
        return self._kept_captures_before + sum(browser.kept_context_captures for browser in self.all)

    async def start_first(self) -> None:
        """Start a browser; raises LaunchFailed."""
        browser = await self._start_browser()
        self.all.append(browser)
        self._idle.append(browser)

    async def acquire(self, *, low_priority: bool = False, site: str = "") -> Browser:
        """Return a browser that has no capture, or start one; raises BackendUnavailable.

        Of the idle browsers it is the one that has a kept context of the site, if there is one.
        """
        self._remove_dead()
        if browser := self._take_idle(low_priority=low_priority, site=site):
            return browser
        if pause := self._remaining_backoff():
            raise _does_not_start(pause)
        future: asyncio.Future[Browser] = asyncio.get_running_loop().create_future()
        self._waiting[low_priority].append(future)
        self._ensure_start()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self._hand_out(future.result())  # it arrived at the same moment
            raise
        finally:
            if future in self._waiting[low_priority]:
                self._waiting[low_priority].remove(future)

    def _take_idle(self, *, low_priority: bool, site: str) -> Browser | None:
        """The idle browser that has a kept context of the site, or else the one used last.

        For low priority also one that others can spare, whose priority is lowered.
        """
        same = [browser for browser in self._idle if browser.low_priority is low_priority]
        if not same and low_priority and len(self._idle) > 1:
            self._idle[0].lower_priority()
            same = self._idle[:1]
        if not same:
            return None
        browser = next((each for each in reversed(same) if each.keeps_context_of(site)), same[-1])
        self._idle.remove(browser)
        return browser

    async def start_isolated(self) -> Browser:
        """Start a browser for one capture, whose sites are isolated from each other; raises BackendUnavailable.

        It is closed after the capture.
        """
        if pause := self._remaining_backoff():
            raise _does_not_start(pause)
        try:
            browser = await self._start_browser(isolate_sites=True)
        except LaunchFailed as failure:
            self._record_failure(failure)
            raise _does_not_start(self._remaining_backoff()) from None
        self._failures = 0
        self.all.append(browser)
        self._single_use.add(browser)
        if self._closing:
            browser.kill("shutting down")
        return browser

    def release(self, browser: Browser) -> None:
        """Take a browser back; one that crashed, has a reason to be replaced or was demoted is closed."""
        if browser in self._single_use:
            self._single_use.discard(browser)
            self._close(browser, "a capture with credentials")
            return
        if not browser.is_alive or browser.recycle_reason or browser.page_fault:
            self.restarts += 1
            self._close(browser, browser.recycle_reason or browser.page_fault or "lost")
        elif browser.demoted or self._is_due(browser):
            self.recycles += 1
            self._close(browser, "a demotion" if browser.demoted else "limit of captures, age or memory")
        else:
            self._hand_out(browser)
            return
        if self._has_waiting or not self._idle:
            self._ensure_start(spare=True)

    async def close(self) -> None:
        """Kill every browser. Idempotent."""
        self._closing = True
        if self._shrink_timer:
            self._shrink_timer.cancel()
        if self._starter:
            self._starter.cancel()
        for browser in self.all:
            browser.kill("shutting down")
        await asyncio.gather(*(browser.close() for browser in self.all), *self._tasks, return_exceptions=True)
        if self._starter:
            await asyncio.gather(self._starter, return_exceptions=True)
        self.all.clear()
        self._idle.clear()

    def _hand_out(self, browser: Browser) -> None:
        """Give a browser to the first capture that waits and may have it, else keep it."""
        for low_priority in (True,) if browser.low_priority else (False, True):
            while self._waiting[low_priority]:
                future = self._waiting[low_priority].popleft()
                if not future.done():
                    if low_priority and not browser.low_priority:
                        browser.lower_priority()
                    future.set_result(browser)
                    return
        self._idle.append(browser)
        if len(self._idle) > 1 and not self._shrink_timer:
            self._shrink_timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._shrink)

    def _shrink(self) -> None:
        self._shrink_timer = None
        kept = [browser for browser in self._idle if not browser.low_priority][-1:] or self._idle[-1:]
        self._idle, unused = kept, [browser for browser in self._idle if browser not in kept]
        for browser in unused:
            self._close(browser, "idle")

    @property
    def _has_waiting(self) -> bool:
        return any(self._waiting.values())

    def _is_due(self, browser: Browser) -> bool:
        age = asyncio.get_running_loop().time() - browser.started_at
        is_old = browser.captures >= self._recycle_after or age >= self._recycle_age
        return is_old or browser.memory_growth >= MAX_MEMORY_GROWTH

    def _remove_dead(self) -> None:
        """Close idle browsers that have crashed, or are to be replaced."""
        for browser in tuple(self._idle):
            if not browser.is_alive or browser.recycle_reason:
                self._idle.remove(browser)
                self.restarts += 1
                self._close(browser, browser.recycle_reason or "lost")

    def _close(self, browser: Browser, reason: str) -> None:
        log.info("browser_recycled", pid=browser.pid, reason=reason, captures=browser.captures)
        if browser in self.all:
            self.all.remove(browser)
        self._kept_captures_before += browser.kept_context_captures
        self._undisposed_before += browser.undisposed_contexts
        self._spawn(browser.close())

    def _ensure_start(self, *, spare: bool = False) -> None:
        if not self._closing and (self._starter is None or self._starter.done()):
            self._starter = asyncio.create_task(self._start_for_waiting(spare=spare))

    async def _start_for_waiting(self, *, spare: bool) -> None:
        """Start a browser for each capture that waits, and one for the next capture if ``spare``."""
        while self._has_waiting or spare:
            spare = False
            if pause := self._remaining_backoff():
                self._fail_waiting(pause)
                return
            try:
                browser = await self._start_browser()
            except LaunchFailed as failure:
                self._record_failure(failure)
                continue
            self._failures = 0
            self.all.append(browser)
            self._hand_out(browser)

    def _record_failure(self, failure: LaunchFailed) -> None:
        self._failures += 1
        self._failed_at = asyncio.get_running_loop().time()
        log.error("browser_start_failed", reason=str(failure), failures=self._failures)
        self._fail_waiting(self._remaining_backoff())

    def _fail_waiting(self, pause: float) -> None:
        for waiting in self._waiting.values():
            while waiting:
                future = waiting.popleft()
                if not future.done():
                    future.set_exception(_does_not_start(pause))

    def _remaining_backoff(self) -> float:
        """Return the seconds until the next attempt may be made; 0 for now."""
        if not self._failures:
            return 0.0
        backoff = min(_MAX_BACKOFF, _MIN_BACKOFF * 2.0 ** min(self._failures - 1, 10))
        return max(0.0, self._failed_at + backoff - asyncio.get_running_loop().time())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _does_not_start(pause: float) -> BackendUnavailable:
    return BackendUnavailable("the browser does not start; see the log of the capture daemon", retry_after=pause)
