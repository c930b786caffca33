"""One running Chromium: starts, gives out fresh pages behind a filter each, answers probes, ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import structlog

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.process import Process
from tintype.chromium.process.watchdog import MemoryLimits, private_memory, watch
from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.traffic import Traffic
from tintype.filters.engine import FilterFile
from tintype.model import Capture
from tintype.options import Shot

log = structlog.get_logger("tintype.chromium")

_DISPOSE_TIMEOUT = 5.0
_PROBE_TIMEOUT = 3.0
_TREE_BYTES_PER_PROXY = 1 << 30


@dataclass(slots=True)
class BrowserContext:
    """A browser context and the one page that belongs in it."""

    target: str = ""
    tab: Tab | None = None


class Browser:
    """A process, its filters, and the pages in it."""

    def __init__(
        self, process: Process, user_agent: str, proxies: list[EgressProxy], filter_file: FilterFile | None = None
    ) -> None:
        self.user_agent = user_agent
        self.started_at = asyncio.get_running_loop().time()
        self.captures = 0
        self.active_captures = 0
        """Captures under way."""
        self.recycle_reason = ""
        """Why it should be replaced; empty while it need not."""
        self._process = process
        self._baseline_memory = private_memory(process.pid)
        self._session: CdpSession = process.connection.browser
        self._proxies = proxies
        self._filter_file = filter_file
        self._free_proxies: asyncio.Queue[EgressProxy] = asyncio.Queue()
        self._contexts: dict[str, BrowserContext] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open_pages = 0
        self._memory_watch: asyncio.Task[None] | None = None
        self._memory_limits = MemoryLimits()

    @classmethod
    async def start(
        cls, launcher: Launcher, policy: EgressPolicy, proxy_count: int, filter_file: FilterFile | None = None
    ) -> Self:
        """Start one that can serve ``lanes`` pages at a time; raises LaunchFailed."""
        process, user_agent = await launcher.launch()
        doors: list[socket.socket | None] = [*process.listeners] or [None] * proxy_count
        filters: list[EgressProxy] = []
        browser = cls(process, user_agent, filters, filter_file)
        try:
            filters += [await EgressProxy.start(policy, listener=door) for door in doors]
            process.listeners.clear()  # the filters own them now
            await browser._subscribe(proxy_count)
        except BaseException:
            await browser.close()
            raise
        log.info("browser_started", pid=process.pid, version=browser.version, enclosed=launcher.options.namespaces)
        return browser

    @property
    def is_alive(self) -> bool:
        """Whether it can still be talked to."""
        return self._session.failure is None

    @property
    def memory_growth(self) -> int:
        """Bytes the browser process itself holds more than when it was new."""
        return private_memory(self.pid) - self._baseline_memory

    @property
    def version(self) -> str:
        """Such as ``HeadlessChrome/156.0.8078.79``."""
        return next((word for word in self.user_agent.split() if "Chrome/" in word), self.user_agent)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def capture(self, shot: Shot, blocked: DomainSet | None, time_limit: float, max_height: int) -> Capture:
        """One picture; raises TintypeError, or Ended when the page or the browser crashed under it."""
        self.captures += 1
        start = asyncio.get_running_loop().time()
        async with self._open_page(blocked) as (tab, traffic):
            filters = self._filter_file.current() if self._filter_file else None
            page = PageContext(tab, shot, traffic, self.user_agent, max_height, filters)
            page.timings["context"] = round((asyncio.get_running_loop().time() - start) * 1000, 1)
            return await PageCapture(page).run(time_limit)

    async def probe(self) -> bool:
        """Whether a tiny page is drawn in good time."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT), self._open_page(None) as (tab, _):
                answer = await tab.session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
                return bool(answer["data"])
        except (TimeoutError, TargetClosed, ProtocolError):
            return False

    async def run_script(self, script: str, *arguments: Any) -> Any:
        """Run a script of ours on an empty page behind the filter; raises Ended, Refused, ScriptFailed."""
        async with self._open_page(None, expect_denials=True) as (tab, _):
            return await tab.evaluate(script, *arguments)

    async def count_targets(self) -> dict[str, int]:
        """How many contexts and pages there are by Chromium's own account; raises Ended."""
        contexts = await self._session.call("Target.getBrowserContexts")
        pages = await self._session.call("Target.getTargets", filter=[{"type": "page"}])
        return {"contexts": len(contexts["browserContextIds"]), "pages": len(pages["targetInfos"])}

    async def close(self) -> None:
        """End the process and all that belongs to it. Idempotent."""
        self._process.kill()
        for chore in tuple(self._tasks):
            chore.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for filter_ in self._proxies:
            await filter_.close()
        await self._process.close()

    def kill(self, reason: str) -> None:
        """End it at once; captures under way fail and are tried elsewhere."""
        self.recycle_reason = self.recycle_reason or reason
        self._process.kill()

    async def _subscribe(self, proxy_count: int) -> None:
        on, call = self._session.on, self._session.call
        for filter_ in self._proxies:
            self._free_proxies.put_nowait(filter_)
        on("Target.targetCreated", self._on_target_created)
        on("Target.targetCrashed", self._on_target_crashed)
        await call("Target.setDiscoverTargets", discover=True, filter=[{"type": "page"}])
        self._memory_limits = MemoryLimits(tree=(proxy_count + 1) * _TREE_BYTES_PER_PROXY)

    @asynccontextmanager
    async def _open_page(
        self, blocked: DomainSet | None, *, expect_denials: bool = False
    ) -> AsyncIterator[tuple[Tab, Traffic]]:
        """A fresh page in a fresh context behind a filter of its own; cleared away off the caller's time."""
        lane = await self._free_proxies.get()
        self._count_open_pages(+1)
        context = self._session.post(
            "Target.createBrowserContext",
            proxyServer=f"socks5://127.0.0.1:{lane.port}",
            proxyBypassList="<-loopback>",
            disposeOnDetach=True,
        )
        try:
            async with lane.session(blocked, expect_denials=expect_denials) as traffic:
                id_ = (await asyncio.shield(context))["browserContextId"]
                yield await self._create_tab(id_), traffic
        finally:
            self._spawn(self._dispose(context, lane))

    async def _create_tab(self, context: str) -> Tab:
        guest = self._contexts[context] = BrowserContext()
        self._session.post("Browser.setDownloadBehavior", behavior="deny", browserContextId=context)
        self._session.post("Browser.grantPermissions", permissions=[], browserContextId=context)
        created = await self._session.call("Target.createTarget", url="about:blank", browserContextId=context)
        guest.target = created["targetId"]
        attached = await self._session.call("Target.attachToTarget", targetId=guest.target, flatten=True)
        guest.tab = Tab(self._process.connection.session(attached["sessionId"]), guest.target, context)
        return guest.tab

    async def _dispose(self, context: asyncio.Future[Json], proxy: EgressProxy) -> None:
        """Dispose of a context; a browser that cannot is replaced."""
        try:
            async with asyncio.timeout(_DISPOSE_TIMEOUT):
                id_ = (await context)["browserContextId"]
                guest = self._contexts.pop(id_, BrowserContext())
                if guest.tab:
                    self._process.connection.remove(guest.tab.session, TargetClosed("the capture is over"))
                await self._session.call("Target.disposeBrowserContext", browserContextId=id_)
        except TimeoutError:
            self.recycle_reason = self.recycle_reason or "a page could not be closed"
        except (TargetClosed, ProtocolError):
            pass
        self._free_proxies.put_nowait(proxy)
        self._count_open_pages(-1)

    def _count_open_pages(self, more: int) -> None:
        """Watch the memory while there are pages; an idle browser is left in peace."""
        self._open_pages += more
        if self._open_pages and not self._memory_watch:
            self._memory_watch = self._spawn(watch(self.pid, self._memory_limits, self.kill))
        elif not self._open_pages and self._memory_watch:
            self._memory_watch.cancel()
            self._memory_watch = None

    def _on_target_created(self, event: Json) -> None:
        """The first page of a context is ours; every other is a window that a page opened."""
        info = event["targetInfo"]
        guest = self._contexts.get(info.get("browserContextId", ""))
        if guest is None or info["targetId"] == guest.target:
            return
        if not guest.target and not info.get("openerId"):
            guest.target = info["targetId"]
            return
        self._session.post("Target.closeTarget", targetId=info["targetId"])
        if guest.tab:
            guest.tab.count_popup()

    def _on_target_crashed(self, event: Json) -> None:
        guest = next((guest for guest in self._contexts.values() if guest.target == event["targetId"]), None)
        if guest and guest.tab:
            guest.tab.session.end(TargetClosed("the page crashed"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
