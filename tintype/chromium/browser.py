"""A running Chromium: captures pages in browser contexts behind egress proxies; probes, memory limits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import structlog

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.machine_memory import browser_tree_limit
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
"""Memory limit of the whole process tree, for each proxy and one more; at most what the container has left."""


class TargetCounts(NamedTuple):
    """Numbers of browser contexts and pages, as Chromium reports them."""

    contexts: int
    pages: int


@dataclass(slots=True)
class BrowserContext:
    """A browser context of Chromium and the one page that may exist in it."""

    target: str = ""
    tab: Tab | None = None


class Browser:
    """A Chromium process, its egress proxies and its browser contexts."""

    def __init__(
        self, process: Process, user_agent: str, proxies: list[EgressProxy], filter_file: FilterFile | None = None
    ) -> None:
        self.user_agent = user_agent
        self.started_at = asyncio.get_running_loop().time()
        self.captures = 0
        """Captures so far."""
        self.active_captures = 0
        self.undisposed_contexts = 0
        """Browser contexts that Chromium did not dispose of, in time or at all."""
        self.recycle_reason = ""
        """Reason to replace the browser; empty if there is none."""
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
        """Start a browser that can have ``proxy_count`` pages open; raises LaunchFailed."""
        process, user_agent = await launcher.launch()
        listeners: list[socket.socket | None] = [*process.listeners] or [None] * proxy_count
        proxies: list[EgressProxy] = []
        browser = cls(process, user_agent, proxies, filter_file)
        try:
            proxies += [await EgressProxy.start(policy, listener=listener) for listener in listeners]
            process.listeners.clear()  # the proxies own them now
            await browser._subscribe(proxy_count)
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
    def memory_growth(self) -> int:
        """Bytes of private memory that the browser process has gained since it started."""
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
        """Capture a page within seconds; raises TintypeError, or TargetClosed if the page or the browser crashes."""
        self.captures += 1
        start = asyncio.get_running_loop().time()
        async with self._open_page(blocked) as (tab, traffic):
            filters = self._filter_file.current() if self._filter_file else None
            page = PageContext(tab, shot, traffic, self.user_agent, max_height, filters)
            page.timings["context"] = round((asyncio.get_running_loop().time() - start) * 1000, 1)
            return await PageCapture(page).run(time_limit)

    async def probe(self) -> bool:
        """Return whether Chromium draws an empty page within 3 seconds."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT), self._open_page(None) as (tab, _):
                answer = await tab.session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
                return bool(answer["data"])
        except (TimeoutError, TargetClosed, ProtocolError):
            return False

    async def run_script(self, script: str, *arguments: Any) -> Any:
        """Run one of ``scripts/`` on an empty page behind a proxy; raises TargetClosed, ProtocolError, ScriptFailed."""
        async with self._open_page(None, expect_denials=True) as (tab, _):
            return await tab.evaluate(script, *arguments)

    async def count_targets(self) -> TargetCounts:
        """Count browser contexts and pages, as Chromium reports them; raises TargetClosed."""
        contexts = await self._session.call("Target.getBrowserContexts")
        pages = await self._session.call("Target.getTargets", filter=[{"type": "page"}])
        return TargetCounts(len(contexts["browserContextIds"]), len(pages["targetInfos"]))

    async def close(self) -> None:
        """Kill the process and release everything that belongs to it. Idempotent."""
        self._process.kill()
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

    async def _subscribe(self, proxy_count: int) -> None:
        for proxy in self._proxies:
            self._free_proxies.put_nowait(proxy)
        self._session.on("Target.targetCreated", self._on_target_created)
        self._session.on("Target.targetCrashed", self._on_target_crashed)
        await self._session.call("Target.setDiscoverTargets", discover=True, filter=[{"type": "page"}])
        self._memory_limits = MemoryLimits(tree=browser_tree_limit((proxy_count + 1) * _TREE_BYTES_PER_PROXY))

    @asynccontextmanager
    async def _open_page(
        self, blocked: DomainSet | None, *, expect_denials: bool = False
    ) -> AsyncIterator[tuple[Tab, Traffic]]:
        """Open a page in a new browser context behind a free proxy; after the block, dispose of the context."""
        proxy = await self._free_proxies.get()
        self._count_open_pages(+1)
        created = self._session.post(
            "Target.createBrowserContext",
            proxyServer=f"socks5://127.0.0.1:{proxy.port}",
            proxyBypassList="<-loopback>",
            disposeOnDetach=True,
        )
        try:
            async with proxy.session(blocked, expect_denials=expect_denials) as traffic:
                context_id = (await asyncio.shield(created))["browserContextId"]
                yield await self._create_tab(context_id), traffic
        finally:
            self._spawn(self._dispose(created, proxy))

    async def _create_tab(self, context_id: str) -> Tab:
        context = self._contexts[context_id] = BrowserContext()
        self._session.post("Browser.setDownloadBehavior", behavior="deny", browserContextId=context_id)
        self._session.post("Browser.grantPermissions", permissions=[], browserContextId=context_id)
        created = await self._session.call("Target.createTarget", url="about:blank", browserContextId=context_id)
        context.target = created["targetId"]
        attached = await self._session.call("Target.attachToTarget", targetId=context.target, flatten=True)
        context.tab = Tab(self._process.connection.session(attached["sessionId"]), context.target, context_id)
        return context.tab

    async def _dispose(self, created: asyncio.Future[Json], proxy: EgressProxy) -> None:
        """Dispose of a browser context; a browser that does not do it in time is recycled."""
        try:
            async with asyncio.timeout(_DISPOSE_TIMEOUT):
                context_id = (await created)["browserContextId"]
                context = self._contexts.pop(context_id, BrowserContext())
                if context.tab:
                    self._process.connection.remove(context.tab.session, TargetClosed("the capture has ended"))
                await self._session.call("Target.disposeBrowserContext", browserContextId=context_id)
        except TimeoutError:
            self.undisposed_contexts += 1
            self.recycle_reason = self.recycle_reason or "a browser context was not disposed of in time"
        except ProtocolError as error:
            self.undisposed_contexts += 1
            log.warning("context_dispose_failed", pid=self.pid, reason=str(error))
        except TargetClosed:
            pass  # the browser has exited, and its contexts with it
        self._free_proxies.put_nowait(proxy)
        self._count_open_pages(-1)

    def _count_open_pages(self, change: int) -> None:
        """Check memory limits only while pages are open."""
        self._open_pages += change
        if self._open_pages and not self._memory_watch:
            self._memory_watch = self._spawn(watch(self.pid, self._memory_limits, self.kill))
        elif not self._open_pages and self._memory_watch:
            self._memory_watch.cancel()
            self._memory_watch = None

    def _on_target_created(self, event: Json) -> None:
        """Close every page but the first of a context: the others are windows that a page opened."""
        info = event["targetInfo"]
        context = self._contexts.get(info.get("browserContextId", ""))
        if context is None or info["targetId"] == context.target:
            return
        if not context.target and not info.get("openerId"):
            context.target = info["targetId"]
            return
        self._session.post("Target.closeTarget", targetId=info["targetId"])
        if context.tab:
            context.tab.count_popup()

    def _on_target_crashed(self, event: Json) -> None:
        crashed = (context for context in self._contexts.values() if context.target == event["targetId"])
        context = next(crashed, None)
        if context and context.tab:
            context.tab.session.end(TargetClosed("the page crashed"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
