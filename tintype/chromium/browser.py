"""A running Chromium: captures one page at a time, in a browser context behind an egress proxy; probes, limits."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

import structlog

from tintype.bounded_cache import BoundedCache
from tintype.chromium.browser_contexts import BrowserContexts, OpenPage
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed, TargetCrashed
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.kept_contexts import may_keep_tab, memory_for_tabs, site_of
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.launch_options import PROXIES
from tintype.chromium.process.priority import demote, demote_all
from tintype.chromium.process.process import Process
from tintype.chromium.process.watchdog import ProcessLimits, Watchdog, private_memory, process_memory
from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.traffic import Traffic
from tintype.filters.engine import FilterFile
from tintype.model import Capture
from tintype.options import Shot

log = structlog.get_logger("tintype.chromium")

MAX_WATCHED_SITES = 1000
"""Sites whose pages need a watch of all their requests, see :mod:`.capture.lasting_state`; others are forgotten."""
_PROBE_TIMEOUT = 3.0
_PING_INTERVAL, _PING_TIMEOUT = 1.0, 5.0
"""Seconds between two pings of a browser with an open page, and for the reply."""
_BUSY_SHARE = 0.3
"""CPU seconds per second of a browser process that is busy, and not stopped, while it does not reply."""
_EXIT_TIMEOUT = 1.0
"""Seconds to wait for the exit status of a browser whose pipe is closed."""
_SIGKILL_STATUSES = frozenset({-9, 137})


class TargetCounts(NamedTuple):
    """Numbers of browser contexts and pages, as Chromium reports them."""

    contexts: int
    pages: int


class Browser:
    """A Chromium process, its egress proxies and its browser contexts."""

    def __init__(
        self,
        process: Process,
        user_agent: str,
        proxies: list[EgressProxy],
        filter_file: FilterFile | None = None,
        *,
        isolate_sites: bool = False,
        site_cache: int = 0,
    ) -> None:
        self.user_agent = user_agent
        self.started_at = asyncio.get_running_loop().time()
        self.captures = 0
        """Captures so far."""
        self.kept_context_captures = 0
        """Captures in a kept context."""
        self.active_captures = 0
        self.recycle_reason = ""
        """Reason to replace the browser; empty if there is none."""
        self.page_fault = ""
        """The resource of which the page used too much, if its browser or its renderer was ended for that."""
        self.demoted = False
        self.low_priority = False
        """Whether its captures have the lowest CPU priority, until it is closed."""
        self._process = process
        self._baseline_memory = private_memory(process.pid)
        self._session: CdpSession = process.connection.browser
        self._proxies = proxies
        self._filter_file = filter_file
        self._site_cache = 0 if isolate_sites else site_cache
        tab_memory = memory_for_tabs() if self._site_cache else 0
        self._contexts = BrowserContexts(process.connection, process.pid, self._site_cache, tab_memory)
        self._watched_sites: BoundedCache[str, bool] = BoundedCache(MAX_WATCHED_SITES, 1 << 20, lambda _: 0)
        self._keeps_spare = not isolate_sites
        self._tasks: set[asyncio.Task[None]] = set()
        self._open_pages = 0
        self._watchdog = Watchdog(process.pid, ProcessLimits().beside(tab_memory), self.end_page)
        self._watches: list[asyncio.Task[None]] = []
        self._cpu_before = 0.0

    @classmethod
    async def start(
        cls,
        launcher: Launcher,
        policy: EgressPolicy,
        filter_file: FilterFile | None = None,
        *,
        isolate_sites: bool = False,
        site_cache: int = 0,
    ) -> Self:
        """Start a browser; raises LaunchFailed. ``isolate_sites``: each site has processes of its own.

        ``site_cache``: browser contexts that it keeps for the next capture of their site; none if it isolates sites.
        """
        process, user_agent = await launcher.launch(isolate_sites=isolate_sites)
        start_proxy = functools.partial(EgressProxy.start, policy, in_namespace=bool(process.listeners))
        listeners: list[socket.socket | None] = [*process.listeners] or [None] * (PROXIES + site_cache)
        proxies: list[EgressProxy] = []
        browser = cls(process, user_agent, proxies, filter_file, isolate_sites=isolate_sites, site_cache=site_cache)
        try:
            proxies += [await start_proxy(listener=listener) for listener in listeners]
            process.listeners.clear()  # the proxies own them now
            await browser._subscribe()
        except BaseException:
            await browser.close()
            raise
        log.info("browser_started", pid=process.pid, version=browser.version, namespaces=launcher.options.namespaces)
        return browser

    @property
    def is_alive(self) -> bool:
        """Whether the DevTools connection is open."""
        return self._session.failure is None

    @property
    def undisposed_contexts(self) -> int:
        """Browser contexts that Chromium did not dispose of, in time or at all."""
        return self._contexts.undisposed

    @property
    def kept_contexts(self) -> int:
        """Browser contexts that are kept for the next capture of a site."""
        return self._contexts.kept

    @property
    def kept_tabs(self) -> int:
        """Kept browser contexts with an empty page."""
        return self._contexts.kept_tabs

    @property
    def memory_growth(self) -> int:
        """Bytes of private memory that the browser process has gained since it started."""
        return private_memory(self.pid) - self._baseline_memory

    @property
    def memory(self) -> int:
        """Bytes of private memory of all processes, when a page was last open."""
        return self._watchdog.memory

    @property
    def capture_cpu(self) -> float:
        """CPU seconds that the current capture has used so far, in all processes."""
        return self._watchdog.cpu - self._cpu_before

    @property
    def version(self) -> str:
        """Such as ``HeadlessChrome/156.0.8078.79``."""
        return next((word for word in self.user_agent.split() if "Chrome/" in word), self.user_agent)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def keeps_context_of(self, site: str) -> bool:
        """Whether a browser context is kept for a site, see :func:`~tintype.chromium.kept_contexts.site_of`."""
        return self._contexts.keeps_context_of(site)

    async def capture(
        self, shot: Shot, blocked: DomainSet | None, time_limit: float, max_height: int, *, fresh: bool = False
    ) -> Capture:
        """Capture a page within seconds; raises TintypeError, or TargetClosed if the page or the browser crashes.

        ``fresh``: in a new browser context, whose HTTP cache is empty.
        """
        self.captures += 1
        self._cpu_before = self._watchdog.cpu
        loop = asyncio.get_running_loop()
        start = loop.time()
        site = site_of(shot) if self._site_cache else ""
        async with self._open_page(blocked, "" if fresh else site) as (open_page, tab, traffic):
            filters = self._filter_file.current() if self._filter_file else None
            is_reused = open_page.history.captures > 0
            self.kept_context_captures += is_reused
            page = PageContext(
                tab,
                shot,
                traffic,
                self.user_agent,
                max_height,
                filters,
                is_keepable=bool(site),
                is_reused=is_reused,
                watches_all=self._watches_all(site, shot),
            )
            opened = loop.time() - start
            page.timings["context"] = round(opened * 1000, 1)
            capture = await PageCapture(page).run(time_limit - opened)
            if not {"deadline", "computing"}.isdisjoint(page.partial_reasons):
                self.retire("a page had to be stopped")
            if not page.partial_reasons:
                self._allow_to_keep(open_page, page, site)
            return capture

    def _watches_all(self, site: str, shot: Shot) -> bool:
        """Whether to watch all requests of a page; ``networkidle`` needs their events anyway."""
        return bool(self._watched_sites.get(site)) or shot.navigation.wait_until == "networkidle"

    def _allow_to_keep(self, open_page: OpenPage, page: PageContext, site: str) -> None:
        """Let the browser context of a complete capture be kept, unless its page turns out to have left something."""
        open_page.site, open_page.reason_to_dispose = site, page.lasting_state.check
        # Virtual time does not end with the session.
        open_page.may_keep_tab = may_keep_tab(page.shot) and not page.virtual_time.started
        if page.lasting_state.must_watch_all:
            self._watched_sites.put(site, True)

    async def probe(self) -> bool:
        """Return whether Chromium draws an empty page within 3 seconds."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT), self._open_page(None) as (_, tab, _):
                answer = await tab.session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
                return bool(answer["data"])
        except (TimeoutError, TargetClosed, ProtocolError):
            return False

    async def run_script(self, script: str, *arguments: Any) -> Any:
        """Run one of ``scripts/`` on an empty page behind a proxy; raises TargetClosed, ProtocolError, ScriptFailed."""
        async with self._open_page(None, expect_denials=True) as (_, tab, _):
            return await tab.evaluate(script, *arguments)

    async def count_targets(self) -> TargetCounts:
        """Count browser contexts and pages in use, as Chromium reports them; raises TargetClosed."""
        contexts = await self._session.call("Target.getBrowserContexts")
        pages = await self._session.call("Target.getTargets", filter=[{"type": "page"}])
        spares = self._contexts.spares
        unused = spares + self._contexts.kept
        unused_pages = spares + self._contexts.kept_tabs
        return TargetCounts(len(contexts["browserContextIds"]) - unused, len(pages["targetInfos"]) - unused_pages)

    async def close(self) -> None:
        """Kill the process and release everything that belongs to it. Idempotent."""
        self._process.kill()
        await self._contexts.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for proxy in self._proxies:
            await proxy.close()
        await self._process.close()

    def kill(self, reason: str) -> None:
        """Kill the process; captures in progress fail and are retried in another browser."""
        self.recycle_reason = self.recycle_reason or reason
        self._process.kill()

    def retire(self, reason: str) -> None:
        """Close the browser after its capture."""
        self.recycle_reason = self.recycle_reason or reason

    def end_page(self, resource: str) -> None:
        """Kill the process because its page used too much of a resource; the capture is not retried."""
        self.page_fault = self.page_fault or resource
        self.kill(f"its page used too much of: {resource}")

    def demote(self) -> None:
        """Give the processes the lowest CPU priority until the browser is closed."""
        self.demoted = True
        demote(self._watchdog.pids)

    def lower_priority(self) -> None:
        """Give the processes the lowest CPU priority until the browser is closed: its captures are of low priority."""
        self.low_priority = True
        demote_all(lambda: [process.pid for process in process_memory(self.pid)])

    async def was_killed(self) -> bool:
        """Return whether another process killed the browser, such as the kernel without memory; else it crashed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_TIMEOUT):
                await asyncio.shield(self._process.exited)
        return self._process.status in _SIGKILL_STATUSES or self._process.status is None

    async def _subscribe(self) -> None:
        self._session.on("Target.targetCrashed", self._on_target_crashed)
        await self._contexts.subscribe(self._proxies)

    @asynccontextmanager
    async def _open_page(
        self, blocked: DomainSet | None, site: str = "", *, expect_denials: bool = False
    ) -> AsyncIterator[tuple[OpenPage, Tab, Traffic]]:
        """Open a page behind a proxy, in the kept context of a site or in a new one; after the block, end it."""
        page = await self._contexts.open(site)
        self._count_open_pages(+1)
        try:
            async with page.proxy.session(blocked, expect_denials=expect_denials) as traffic:
                yield page, await self._contexts.create_tab(page), traffic
            page.history.captures += 1
            page.history.bytes += traffic.bytes
        finally:
            self._contexts.end(page)
            self._spawn(self._end(page))

    async def _end(self, page: OpenPage) -> None:
        """Keep the browser context of a page that ended well, or dispose of it.

        A browser that does not do it in time is recycled, an idle one opens a spare page.
        """
        if not page.site or self.recycle_reason or not await self._contexts.keep(page):
            await self._contexts.dispose(page)
        if self._contexts.timed_out:
            self.retire("a browser context was not disposed of in time")
        self._count_open_pages(-1)
        if self._keeps_spare and not self._open_pages and not self.recycle_reason:
            self._contexts.open_spare()

    def _count_open_pages(self, change: int) -> None:
        """Watch the processes only while pages are open."""
        self._open_pages += change
        if self._open_pages and not self._watches:
            self._watches = [self._spawn(self._watchdog.run()), self._spawn(self._ping())]
        elif not self._open_pages:
            for watch in self._watches:
                watch.cancel()
            self._watches.clear()

    async def _ping(self) -> None:
        """Kill a browser that does not reply: at the expense of its page if it is busy, and not if it is stopped."""
        with contextlib.suppress(TargetClosed):
            while await asyncio.sleep(_PING_INTERVAL, result=True):
                before = self._watchdog.browser_cpu
                try:
                    async with asyncio.timeout(_PING_TIMEOUT):
                        await self._session.call("Browser.getVersion")
                except TimeoutError:
                    is_busy = self._watchdog.browser_cpu - before > _PING_TIMEOUT * _BUSY_SHARE
                    log.warning("browser_unresponsive", pid=self.pid, busy=is_busy)
                    self.end_page("time") if is_busy else self.kill("it does not respond")

    def _on_target_crashed(self, event: Json) -> None:
        if self._contexts.drop_crashed(event["targetId"]):
            return
        if tab := self._contexts.find_tab(event["targetId"]):
            killed = event.get("status") == "killed"
            if killed and self._watchdog.renderers_killed:
                self.page_fault, killed = self.page_fault or "memory", False
            tab.session.end(TargetCrashed(killed=killed))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
