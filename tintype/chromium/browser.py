"""One running Chromium: starts, gives out fresh pages behind a filter each, answers probes, ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import structlog

from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import Tab
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.process import Process
from tintype.chromium.process.watchdog import MemoryLimits, memory, watch
from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.traffic import Traffic
from tintype.filters.engine import FilterFile
from tintype.model import Capture
from tintype.options import Shot

log = structlog.get_logger("tintype.chromium")

_DISPOSE_WITHIN = 5.0
_PROBE_WITHIN = 3.0
_TREE_PER_LANE = 1 << 30


@dataclass(slots=True)
class BrowserContext:
    """A browser context and the one page that belongs in it."""

    target: str = ""
    tab: Tab | None = None


class Browser:
    """A process, its filters, and the pages in it."""

    def __init__(
        self, process: Process, user_agent: str, filters: list[EgressProxy], lists: FilterFile | None = None
    ) -> None:
        self.user_agent = user_agent
        self.born = asyncio.get_running_loop().time()
        self.captures = 0
        self.tenants = 0
        """Captures under way."""
        self.worn = ""
        """Why it should be replaced; empty while it need not."""
        self._process = process
        self._newborn = memory(process.pid)
        self._session: CdpSession = process.connection.browser
        self._filters = filters
        self._lists = lists
        self._lanes: asyncio.Queue[EgressProxy] = asyncio.Queue()
        self._guests: dict[str, BrowserContext] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._pages = 0
        self._watch: asyncio.Task[None] | None = None
        self._bounds = MemoryLimits()

    @classmethod
    async def start(cls, launcher: Launcher, judge: EgressPolicy, lanes: int, lists: FilterFile | None = None) -> Self:
        """Start one that can serve ``lanes`` pages at a time; raises LaunchFailed."""
        process, user_agent = await launcher.launch()
        doors: list[socket.socket | None] = [*process.listeners] or [None] * lanes
        filters: list[EgressProxy] = []
        browser = cls(process, user_agent, filters, lists)
        try:
            filters += [await EgressProxy.start(judge, listener=door) for door in doors]
            process.listeners.clear()  # the filters own them now
            await browser._settle_in(lanes)
        except BaseException:
            await browser.close()
            raise
        log.info("browser_started", pid=process.pid, version=browser.version, enclosed=launcher.recipe.enclosed)
        return browser

    @property
    def alive(self) -> bool:
        """Whether it can still be talked to."""
        return self._session.failure is None

    @property
    def growth(self) -> int:
        """Bytes the browser process itself holds more than when it was new."""
        return memory(self.pid) - self._newborn

    @property
    def version(self) -> str:
        """Such as ``HeadlessChrome/156.0.8078.79``."""
        return next((word for word in self.user_agent.split() if "Chrome/" in word), self.user_agent)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def capture(self, shot: Shot, blocked: DomainSet | None, within: float, max_height: int) -> Capture:
        """One picture; raises TintypeError, or Ended when the page or the browser crashed under it."""
        self.captures += 1
        start = asyncio.get_running_loop().time()
        permissions = ["geolocation"] if shot.emulate.geolocation else []
        async with self._page(blocked, permissions) as (tab, traffic):
            filters = self._lists.current() if self._lists else None
            page = PageCapture(tab, shot, traffic, self.user_agent, max_height, filters)
            page.timings["context"] = round((asyncio.get_running_loop().time() - start) * 1000, 1)
            return await page.capture(within)

    async def probe(self) -> bool:
        """Whether a tiny page is drawn in good time."""
        try:
            async with asyncio.timeout(_PROBE_WITHIN), self._page(None) as (tab, _):
                answer = await tab.session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
                return bool(answer["data"])
        except (TimeoutError, TargetClosed, ProtocolError):
            return False

    async def attempt(self, script: str, *arguments: Any) -> Any:
        """Run a script of ours on an empty page behind the filter; raises Ended, Refused, ScriptFailed."""
        async with self._page(None, quiet=True) as (tab, _):
            return await tab.evaluate(script, *arguments)

    async def inventory(self) -> dict[str, int]:
        """How many contexts and pages there are by Chromium's own account; raises Ended."""
        contexts = await self._session.call("Target.getBrowserContexts")
        pages = await self._session.call("Target.getTargets", filter=[{"type": "page"}])
        return {"contexts": len(contexts["browserContextIds"]), "pages": len(pages["targetInfos"])}

    async def close(self) -> None:
        """End the process and all that belongs to it. Idempotent."""
        self._process.kill()
        for chore in tuple(self._chores):
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        for filter_ in self._filters:
            await filter_.close()
        await self._process.close()

    def kill(self, reason: str) -> None:
        """End it at once; captures under way fail and are tried elsewhere."""
        self.worn = self.worn or reason
        self._process.kill()

    async def _settle_in(self, lanes: int) -> None:
        on, call = self._session.on, self._session.call
        for filter_ in self._filters:
            self._lanes.put_nowait(filter_)
        on("Target.targetCreated", self._target_created)
        on("Target.targetCrashed", self._target_crashed)
        await call("Target.setDiscoverTargets", discover=True, filter=[{"type": "page"}])
        self._bounds = MemoryLimits(tree=(lanes + 1) * _TREE_PER_LANE)

    @asynccontextmanager
    async def _page(
        self, blocked: DomainSet | None, permissions: Sequence[str] = (), *, quiet: bool = False
    ) -> AsyncIterator[tuple[Tab, Traffic]]:
        """A fresh page in a fresh context behind a filter of its own; cleared away off the caller's time."""
        lane = await self._lanes.get()
        self._watch_over(+1)
        context = self._session.post(
            "Target.createBrowserContext",
            proxyServer=f"socks5://127.0.0.1:{lane.port}",
            proxyBypassList="<-loopback>",
            disposeOnDetach=True,
        )
        try:
            async with lane.session(blocked, quiet=quiet) as traffic:
                id_ = (await asyncio.shield(context))["browserContextId"]
                yield await self._open(id_, permissions), traffic
        finally:
            self._chore(self._clear(context, lane))

    async def _open(self, context: str, permissions: Sequence[str]) -> Tab:
        guest = self._guests[context] = BrowserContext()
        self._session.post("Browser.setDownloadBehavior", behavior="deny", browserContextId=context)
        self._session.post("Browser.grantPermissions", permissions=[*permissions], browserContextId=context)
        created = await self._session.call("Target.createTarget", url="about:blank", browserContextId=context)
        guest.target = created["targetId"]
        attached = await self._session.call("Target.attachToTarget", targetId=guest.target, flatten=True)
        guest.tab = Tab(self._process.connection.session(attached["sessionId"]), guest.target)
        return guest.tab

    async def _clear(self, context: asyncio.Future[Json], lane: EgressProxy) -> None:
        """Dispose of a context; a browser that cannot is replaced."""
        try:
            async with asyncio.timeout(_DISPOSE_WITHIN):
                id_ = (await context)["browserContextId"]
                guest = self._guests.pop(id_, BrowserContext())
                if guest.tab:
                    self._process.connection.forget(guest.tab.session, TargetClosed("the capture is over"))
                await self._session.call("Target.disposeBrowserContext", browserContextId=id_)
        except TimeoutError:
            self.worn = self.worn or "a page could not be closed"
        except (TargetClosed, ProtocolError):
            pass
        self._lanes.put_nowait(lane)
        self._watch_over(-1)

    def _watch_over(self, more: int) -> None:
        """Watch the memory while there are pages; an idle browser is left in peace."""
        self._pages += more
        if self._pages and not self._watch:
            self._watch = self._chore(watch(self.pid, self._bounds, self.kill))
        elif not self._pages and self._watch:
            self._watch.cancel()
            self._watch = None

    def _target_created(self, event: Json) -> None:
        """The first page of a context is ours; every other is a window that a page opened."""
        info = event["targetInfo"]
        guest = self._guests.get(info.get("browserContextId", ""))
        if guest is None or info["targetId"] == guest.target:
            return
        if not guest.target and not info.get("openerId"):
            guest.target = info["targetId"]
            return
        self._session.post("Target.closeTarget", targetId=info["targetId"])
        if guest.tab:
            guest.tab.popup_closed()

    def _target_crashed(self, event: Json) -> None:
        guest = next((guest for guest in self._guests.values() if guest.target == event["targetId"]), None)
        if guest and guest.tab:
            guest.tab.session.end(TargetClosed("the page crashed"))

    def _chore(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        return task
