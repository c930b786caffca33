"""The browser contexts of one browser: opens one for each page, keeps a spare page, disposes of contexts or keeps them.

Each context has one page and is behind a proxy of its own. A browser without a page opens a spare one, which loads
nothing, so that the next capture need not wait for a browser context and a renderer.

A context may be kept for the next capture of its site, for the sake of its HTTP cache. Then its page is closed, and the
processes of the page end; or, if the page leaves nothing behind, its tab stays with an empty document. Everything else
is removed from the context: now, and again before the next page loads anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from tintype.chromium.capture import lasting_state
from tintype.chromium.cdp.connection import CdpSession, Connection, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import SHARED_WORKERS, Tab
from tintype.chromium.kept_contexts import ContextHistory, KeptContext, KeptContexts, KeptTab
from tintype.chromium.process.watchdog import private_memory, renderers_of, service_memory
from tintype.chromium.proxy.server import EgressProxy

log = structlog.get_logger("tintype.chromium")

_DISPOSE_TIMEOUT = 5.0
_SPARE_TIMEOUT = 5.0
_EMPTY_TIMEOUT = 5.0
"""Seconds for emptying a context; one that takes longer is disposed of."""
_FIRST_POLL = 0.02
MAX_SERVICE_MEMORY = 200 << 20
"""Bytes of the processes beside browser, GPU process and renderers, mostly the network process with the HTTP caches. At
more, no context is kept: a hostile server may send header fields that need more memory than they had bytes."""
_TAB = "tab"
"""Type of a target that contains a page, and is closed with it."""


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
    history: ContextHistory
    """Captures in the browser context before this page."""
    tab: Tab | None = None
    """None until :meth:`BrowserContexts.create_tab`."""
    kept_tab: KeptTab | None = None
    """The page that was kept with its browser context, if any."""
    may_keep_tab: bool = False
    """Whether the page itself may be kept, too."""
    renderers: set[int] = field(default_factory=set)
    """Processes that ran before the page, and until :meth:`BrowserContexts.end` that is its own processes."""
    site: str = ""
    """Captures for which its browser context is to be kept; empty: none, it is disposed of."""
    reason_to_dispose: Callable[[], str] = str
    """Why the browser context may not be kept, when the page is closed; empty if it may."""


class BrowserContexts:
    """Opens and disposes of browser contexts. Methods raise TargetClosed if the browser has exited."""

    def __init__(self, connection: Connection, pid: int, site_cache: int = 0, tab_memory: int = 0) -> None:
        self.undisposed = 0
        """Browser contexts that Chromium did not dispose of, in time or at all."""
        self.timed_out = False
        """Whether one of them was not disposed of in time."""
        self._connection = connection
        self._session: CdpSession = connection.browser
        self._pid = pid
        self._free_proxies: asyncio.Queue[EgressProxy] = asyncio.Queue()
        self._contexts: dict[str, BrowserContext] = {}
        self._kept = KeptContexts(site_cache, tab_memory)
        self._expiry: asyncio.TimerHandle | None = None
        self._spare: asyncio.Task[OpenPage] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def spares(self) -> int:
        """Number of spare pages that are open: 0 or 1."""
        return int(self._spare is not None and self._spare.done())

    @property
    def kept(self) -> int:
        """Number of kept contexts."""
        return len(self._kept)

    @property
    def kept_tabs(self) -> int:
        """Number of kept contexts with a page."""
        return len(self._kept.tabs)

    def drop_crashed(self, target: str) -> bool:
        """Dispose of the kept context whose tab has crashed; returns whether there was one."""
        if context := self._kept.take_tab(target):
            self._dispose_of([context])
        return context is not None

    def keeps_context_of(self, site: str) -> bool:
        """Whether a context is kept for a site."""
        return site in self._kept

    async def subscribe(self, proxies: Sequence[EgressProxy]) -> None:
        """Use these proxies, and close the windows that pages open."""
        for proxy in proxies:
            self._free_proxies.put_nowait(proxy)
        self._session.on("Target.targetCreated", self._on_target_created)
        self._session.on("Target.attachedToTarget", self._on_attached)
        targets = [{"type": kind} for kind in ("page", *SHARED_WORKERS)]
        await self._session.call("Target.setDiscoverTargets", discover=True, filter=targets)

    async def open(self, site: str = "") -> OpenPage:
        """Take the kept context of a site, or the spare page, or create a browser context behind a free proxy."""
        self._remove_expired()
        if kept := self._kept.take(site):
            if self._spare:
                await asyncio.wait([self._spare])  # its renderer is not one of the new page
            return _reopened(kept)
        return await self._take_spare() or self._create(await self._free_proxies.get())

    async def create_tab(self, page: OpenPage) -> Tab:
        """The tab of a page, created if it is not spare; raises ProtocolError."""
        if page.tab:
            return page.tab
        context_id = (await asyncio.shield(page.created))["browserContextId"]
        context = self._contexts[context_id] = BrowserContext()
        page.renderers = renderers_of(self._pid) - (page.kept_tab.renderers if page.kept_tab else frozenset())
        self._session.post("Browser.setDownloadBehavior", behavior="deny", browserContextId=context_id)
        self._session.post("Browser.grantPermissions", permissions=[], browserContextId=context_id)
        context.target = page.kept_tab.target if page.kept_tab else await self._create_target(context_id)
        attached = await self._session.call("Target.attachToTarget", targetId=context.target, flatten=True)
        page.tab = context.tab = Tab(self._connection.session(attached["sessionId"]), context.target, context_id)
        return page.tab

    async def _create_target(self, context_id: str) -> str:
        created = await self._session.call("Target.createTarget", url="about:blank", browserContextId=context_id)
        return str(created["targetId"])

    def end(self, page: OpenPage) -> None:
        """Take note of the processes of a page whose capture has ended; call it before another page is opened."""
        page.renderers = renderers_of(self._pid) - page.renderers if page.site else set()

    async def keep(self, page: OpenPage) -> bool:
        """Close a page, empty its browser context and keep it; returns False if it has to be disposed of."""
        try:
            async with asyncio.timeout(_EMPTY_TIMEOUT):
                reason = page.reason_to_dispose() or await self._empty(page)
        except (TimeoutError, ProtocolError, TargetClosed) as error:
            reason = str(error) or "time"
        if reason or not page.tab:
            log.debug("context_disposed", pid=self._pid, reason=reason)
            return False
        context_id = page.tab.browser_context
        self._contexts.pop(context_id, None)
        now = asyncio.get_running_loop().time()
        if page.kept_tab and not self._kept.has_room_for(page.kept_tab.memory):  # another one was kept meanwhile
            self._session.post("Target.closeTarget", targetId=page.kept_tab.target)
            page.kept_tab = None
        kept = KeptContext(context_id, page.proxy, page.site, page.history, page.kept_tab)
        self._dispose_of(self._kept.add(kept, now))
        if service_memory(self._pid) > MAX_SERVICE_MEMORY:
            self._dispose_of(self._kept.remove_all())
        self._schedule_expiry()
        return True

    async def _empty(self, page: OpenPage) -> str:
        """Close a page and remove what it has left but the HTTP cache; returns why that is not possible."""
        assert page.tab  # noqa: S101 - captures have one
        context_id = page.tab.browser_context
        page.tab.session.post("Emulation.setScriptExecutionDisabled", value=True)  # also of handlers of its end
        had_tab, page.kept_tab = page.kept_tab is not None, None
        if page.may_keep_tab and (had_tab or self._make_room(page)):
            reason = await self._empty_tab(page, page.tab)
            if reason is not None:
                return reason
        await asyncio.gather(*lasting_state.clear(page.tab))
        pause = _FIRST_POLL
        while await self._close_targets(context_id) or renderers_of(self._pid) & page.renderers:
            await asyncio.sleep(pause)
            pause *= 1.5  # a renderer with handlers of its end takes half a second
        await self._session.call("Browser.resetPermissions", browserContextId=context_id)
        return page.reason_to_dispose()

    def _make_room(self, page: OpenPage) -> bool:
        """Close tabs that are not in use; returns whether there is memory to keep the tab of a page."""
        memory = sum(private_memory(pid) for pid in page.renderers)
        for tab in self._kept.remove_idle_tabs(memory, asyncio.get_running_loop().time()):
            self._session.post("Target.closeTarget", targetId=tab.target)
        return self._kept.has_room_for(memory)

    async def _empty_tab(self, page: OpenPage, tab: Tab) -> str | None:
        """Leave an empty document in a tab and remove all but the HTTP cache from its context.

        Returns why the context may not be kept, empty if it may, or None if the tab has to be closed first.
        """
        if not await tab.evaluate("leaves_nothing"):
            return None
        navigations = tab.navigations
        await tab.session.call("Page.navigate", url="about:blank")
        await tab.wait_for_navigation(navigations)
        await self._reset_history(tab)
        await asyncio.gather(*lasting_state.clear(tab))
        targets = await self._session.call("Target.getTargets", filter=[{"type": _TAB, "exclude": True}, {}])
        others = [each for each in targets["targetInfos"] if each.get("browserContextId") == tab.browser_context]
        renderers = frozenset(renderers_of(self._pid) & page.renderers)
        if len(others) != 1 or len(renderers) != 1:  # workers, or a page that has changed its process
            return None
        (renderer,) = renderers
        if not self._kept.has_room_for(private_memory(renderer)):
            await tab.session.call("HeapProfiler.collectGarbage")  # half of the memory belonged to earlier documents
        memory = private_memory(renderer)
        if not self._kept.has_room_for(memory):
            return None
        page.kept_tab = KeptTab(others[0]["targetId"], renderers, memory, asyncio.get_running_loop().time())
        await self._session.call("Browser.resetPermissions", browserContextId=tab.browser_context)
        reason = page.reason_to_dispose()
        await self._session.call("Target.detachFromTarget", sessionId=tab.session.id)  # ends its emulation and scripts
        return reason

    async def _reset_history(self, tab: Tab) -> None:
        """Remove the documents before the current one; Chromium rejects the call while it exchanges the document.

        The time to empty a context bounds the attempts.
        """
        while True:
            with contextlib.suppress(ProtocolError):
                await tab.session.call("Page.resetNavigationHistory")
                return
            await asyncio.sleep(_FIRST_POLL)

    async def _close_targets(self, context_id: str) -> int:
        """Close pages and workers of any kind in a context; returns how many there were.

        A service worker does not end by itself while a session is attached to it.
        """
        found = await self._session.call("Target.getTargets", filter=[{}])
        targets = [each for each in found["targetInfos"] if each.get("browserContextId") == context_id]
        for target in targets:
            if target["type"] != _TAB:
                self._session.post("Target.closeTarget", targetId=target["targetId"])
        return len(targets)

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
        if self._expiry:
            self._expiry.cancel()
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
        return OpenPage(proxy, created, ContextHistory(asyncio.get_running_loop().time()))

    def _dispose_of(self, contexts: Iterable[KeptContext]) -> None:
        for context in contexts:
            self._spawn(self.dispose(_reopened(context)))

    def _remove_expired(self) -> None:
        self._dispose_of(self._kept.remove_expired(asyncio.get_running_loop().time()))

    def _schedule_expiry(self) -> None:
        """Dispose of a kept context in time, also if no capture comes."""
        loop = asyncio.get_running_loop()
        seconds = self._kept.seconds_until_expiry(loop.time())
        if self._expiry is None and seconds is not None:
            self._expiry = loop.call_later(seconds, self._on_expiry)

    def _on_expiry(self) -> None:
        self._expiry = None
        self._remove_expired()
        self._schedule_expiry()

    async def _open_spare(self, proxy: EgressProxy) -> OpenPage:
        """Open a page and wait for its renderer, which would count as one of the next page if it started later."""
        page = self._create(proxy)
        try:
            async with asyncio.timeout(_SPARE_TIMEOUT):
                tab = await self.create_tab(page)
                await tab.session.call("Runtime.evaluate", expression="0")
        except (TimeoutError, ProtocolError, TargetClosed):  # or the renderer alone has crashed
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
        """Close every page but the first of a context: the others are windows that a page opened. Note workers."""
        info = event["targetInfo"]
        context = self._contexts.get(info.get("browserContextId", ""))
        if info.get("type") in SHARED_WORKERS:
            if context and context.tab:
                context.tab.has_shared_workers = True
            return
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


def _reopened(kept: KeptContext) -> OpenPage:
    """A page that is to be created in a kept context, or with which the context is disposed of."""
    created: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
    created.set_result({"browserContextId": kept.id})
    return OpenPage(kept.proxy, created, kept.history, kept_tab=kept.tab)
