"""The browser contexts of one browser: opens one for each page, keeps a spare page, disposes of them.

Each context has one page, is behind a proxy of its own and is used once. A browser without a page opens a spare one,
which loads nothing, so that the next capture need not wait for a browser context and a renderer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from tintype.chromium.cdp.connection import CdpSession, Connection, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import SHARED_WORKERS, Tab
from tintype.chromium.proxy.server import EgressProxy

log = structlog.get_logger("tintype.chromium")

_DISPOSE_TIMEOUT = 5.0


@dataclass(slots=True)
class BrowserContext:
    """A browser context of Chromium and the one page that may exist in it."""

    target: str = ""
    tab: Tab | None = None


@dataclass(slots=True)
class OpenPage:
    """An empty page in a browser context of its own."""

    proxy: EgressProxy
    created: asyncio.Future[Json]
    """The reply with the id of the browser context."""
    tab: Tab | None = None
    """None until :meth:`BrowserContexts.create_tab`."""


class BrowserContexts:
    """Opens and disposes of browser contexts. Methods raise TargetClosed if the browser has exited."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self.undisposed = 0
        """Browser contexts that Chromium did not dispose of, in time or at all."""
        self.timed_out = False
        """Whether one of them was not disposed of in time."""
        self._connection = connection
        self._session: CdpSession = connection.browser
        self._pid = pid
        self._free_proxies: asyncio.Queue[EgressProxy] = asyncio.Queue()
        self._contexts: dict[str, BrowserContext] = {}
        self._spare: asyncio.Task[OpenPage] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def spares(self) -> int:
        """Number of spare pages that are open: 0 or 1."""
        return int(self._spare is not None and self._spare.done())

    async def subscribe(self, proxies: Sequence[EgressProxy]) -> None:
        """Use these proxies, and close the windows that pages open."""
        for proxy in proxies:
            self._free_proxies.put_nowait(proxy)
        self._session.on("Target.targetCreated", self._on_target_created)
        self._session.on("Target.attachedToTarget", self._on_attached)
        await self._session.call("Target.setDiscoverTargets", discover=True, filter=[{"type": "page"}])

    async def open(self) -> OpenPage:
        """Take the spare page, or create a browser context behind a free proxy."""
        return await self._take_spare() or self._create(await self._free_proxies.get())

    async def create_tab(self, page: OpenPage) -> Tab:
        """The tab of a page, created if it is not spare; raises ProtocolError."""
        if page.tab:
            return page.tab
        context_id = (await asyncio.shield(page.created))["browserContextId"]
        context = self._contexts[context_id] = BrowserContext()
        self._session.post("Browser.setDownloadBehavior", behavior="deny", browserContextId=context_id)
        self._session.post("Browser.grantPermissions", permissions=[], browserContextId=context_id)
        created = await self._session.call("Target.createTarget", url="about:blank", browserContextId=context_id)
        context.target = created["targetId"]
        attached = await self._session.call("Target.attachToTarget", targetId=context.target, flatten=True)
        page.tab = context.tab = Tab(self._connection.session(attached["sessionId"]), context.target, context_id)
        return page.tab

    async def dispose(self, page: OpenPage) -> None:
        """Dispose of a page and its browser context; its proxy is free then."""
        try:
            async with asyncio.timeout(_DISPOSE_TIMEOUT):
                context_id = (await page.created)["browserContextId"]
                context = self._contexts.pop(context_id, BrowserContext())
                if context.tab:
                    self._connection.remove(context.tab.session, TargetClosed("the capture has ended"))
                await self._session.call("Target.disposeBrowserContext", browserContextId=context_id)
        except TimeoutError:
            self.undisposed += 1
            self.timed_out = True
        except ProtocolError as error:
            self.undisposed += 1
            log.warning("context_dispose_failed", pid=self._pid, reason=str(error))
        except TargetClosed:
            pass  # the browser has exited, and its contexts with it
        self._free_proxies.put_nowait(page.proxy)

    def open_spare(self) -> None:
        """Begin to open a spare page, unless there is one."""
        if self._spare is None and not self._session.failure and not self._free_proxies.empty():
            self._spare = self._spawn(self._open_spare(self._free_proxies.get_nowait()))
            self._spare.add_done_callback(self._on_spare_opened)

    def find_tab(self, target: str) -> Tab | None:
        """The tab of a target; None for a window that a page has opened."""
        return next((context.tab for context in self._contexts.values() if context.target == target), None)

    async def close(self) -> None:
        """End all work. Idempotent."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _create(self, proxy: EgressProxy) -> OpenPage:
        created = self._session.post(
            "Target.createBrowserContext",
            proxyServer=f"socks5://127.0.0.1:{proxy.port}",
            proxyBypassList="<-loopback>",
            disposeOnDetach=True,
        )
        return OpenPage(proxy, created)

    async def _open_spare(self, proxy: EgressProxy) -> OpenPage:
        page = self._create(proxy)
        try:
            await self.create_tab(page)
        except ProtocolError:
            self._spawn(self.dispose(page))
            raise
        return page

    def _on_spare_opened(self, spare: asyncio.Task[OpenPage]) -> None:
        if (spare.cancelled() or spare.exception()) and self._spare is spare:
            self._spare = None

    async def _take_spare(self) -> OpenPage | None:
        """The spare page once it is open; None if there is none, or if its renderer has crashed."""
        spare = self._spare
        if spare is None:
            return None
        await asyncio.wait([spare])  # it goes on if the capture is cancelled
        if spare.cancelled():
            raise TargetClosed("the browser was closed")
        if self._spare is not spare or spare.exception():  # another capture has taken it, or it was not opened
            return None
        self._spare, page = None, spare.result()
        if page.tab and page.tab.session.failure:
            self._spawn(self.dispose(page))
            return None
        return page

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

    def _on_attached(self, event: Json) -> None:
        """Prepare and start a shared worker or service worker that :meth:`Tab.attach_to_shared_workers` has paused."""
        info = event["targetInfo"]
        if info["type"] in SHARED_WORKERS:
            worker = self._connection.session(event["sessionId"])
            context = self._contexts.get(info.get("browserContextId", ""))
            if context and context.tab:
                context.tab.prepare_shared_worker(worker)
            worker.post("Runtime.runIfWaitingForDebugger")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
