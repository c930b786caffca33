"""Spare pages over a scripted DevTools connection."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.browser_contexts import BrowserContexts, OpenPage
from tintype.chromium.cdp.connection import Connection, ProtocolError, TargetClosed, TargetCrashed
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy


class FakeBrowser:
    """Replies to every call with new ids, unless the method fails or is silent."""

    def __init__(self) -> None:
        self.connection = Connection(self._write)
        self.contexts = BrowserContexts(self.connection, pid=0)
        self.calls: Counter[str] = Counter()
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.is_waiting = asyncio.Event()
        """Set by a call of a silent method."""

    def _write(self, data: bytes) -> None:
        call = json.loads(data.rstrip(b"\0"))
        self.calls[call["method"]] += 1
        if call["method"] in self.silent:
            self.is_waiting.set()
            return
        number = f"{self.calls[call['method']]}"
        ids = {"browserContextId": number, "targetId": number, "sessionId": number}
        reply: dict[str, Any] = {"result": ids}
        if call["method"] in self.failing:
            reply = {"error": {"code": -32000, "message": "no"}}
        self.connection.feed(json.dumps({"id": call["id"], **reply}).encode() + b"\0")

    async def open_spare_without_renderer(self) -> None:
        """Begin to open a spare page whose renderer does not reply."""
        self.silent = {"Runtime.evaluate"}
        self.contexts.open_spare()
        await self.is_waiting.wait()

    async def opened(self) -> OpenPage:
        page = await self.contexts.open()
        await self.contexts.create_tab(page)
        return page


@asynccontextmanager
async def running(*, spare: bool = False) -> AsyncIterator[FakeBrowser]:
    """A browser with two proxies; with a spare page that is open or has failed."""
    browser = FakeBrowser()
    proxies = [await EgressProxy.start(EgressPolicy()) for _ in range(2)]
    await browser.contexts.subscribe(proxies)
    if spare:
        browser.contexts.open_spare()
        assert browser.contexts._spare
        await asyncio.wait([browser.contexts._spare])
    try:
        yield browser
    finally:
        await browser.contexts.close()
        for proxy in proxies:
            await proxy.close()


@async_test
async def test_a_capture_takes_the_spare_page() -> None:
    async with running(spare=True) as browser:
        assert browser.contexts.spares == 1
        page = await browser.opened()
        assert (browser.contexts.spares, browser.calls["Target.createTarget"]) == (0, 1)
        assert page.tab
        assert page.tab.browser_context == "1"


@async_test
async def test_waits_for_a_spare_page_that_is_being_opened() -> None:
    async with running() as browser:
        browser.contexts.open_spare()
        await browser.opened()
        assert browser.calls["Target.createBrowserContext"] == 1


@async_test
async def test_two_captures_never_share_a_spare_page() -> None:
    async with running() as browser:
        browser.contexts.open_spare()
        one, other = await asyncio.gather(browser.opened(), browser.opened())
        assert one.proxy is not other.proxy
        assert browser.calls["Target.createBrowserContext"] == 2


@async_test
async def test_opens_no_second_spare_page_and_none_without_a_proxy() -> None:
    async with running(spare=True) as browser:
        browser.contexts.open_spare()
        await browser.opened()
        await browser.opened()
        browser.contexts.open_spare()
        assert (browser.contexts.spares, browser.calls["Target.createBrowserContext"]) == (0, 2)


@async_test
async def test_replaces_a_spare_page_that_has_crashed() -> None:
    async with running(spare=True) as browser:
        tab = browser.contexts.find_tab("1")
        assert tab
        tab.session.end(TargetCrashed(killed=True))
        page = await browser.opened()
        assert page.tab
        assert (page.tab.browser_context, page.tab.session.failure) == ("2", None)
        await asyncio.gather(*browser.contexts._tasks)
        assert browser.calls["Target.disposeBrowserContext"] == 1


@async_test
async def test_opens_another_page_if_the_spare_one_could_not_be_opened() -> None:
    async with running() as browser:
        browser.failing = {"Target.createTarget"}
        browser.contexts.open_spare()
        await asyncio.wait(browser.contexts._tasks)
        browser.failing = set()
        assert browser.contexts.spares == 0
        assert (await browser.opened()).tab


@async_test
async def test_a_spare_page_is_open_once_its_renderer_runs() -> None:
    async with running() as browser:
        await browser.open_spare_without_renderer()
        assert browser.contexts.spares == 0


@async_test
async def test_opens_another_page_if_the_renderer_of_the_spare_one_crashes() -> None:
    async with running() as browser:
        await browser.open_spare_without_renderer()
        tab = browser.contexts.find_tab("1")
        assert tab
        tab.session.end(TargetCrashed(killed=True))
        page = await browser.opened()
        assert page.tab
        assert page.tab.browser_context == "2"
        await asyncio.gather(*browser.contexts._tasks)
        assert browser.calls["Target.disposeBrowserContext"] == 1


@async_test
async def test_an_error_of_a_page_is_raised() -> None:
    async with running() as browser:
        browser.failing = {"Target.attachToTarget"}
        with pytest.raises(ProtocolError, match="attachToTarget"):
            await browser.opened()


@async_test
async def test_a_capture_that_waits_while_the_browser_is_closed_can_be_retried() -> None:
    async with running() as browser:
        browser.silent = {"Target.createTarget"}
        browser.contexts.open_spare()
        capture = asyncio.create_task(browser.opened())
        await asyncio.sleep(0)
        assert browser.contexts._spare
        browser.contexts._spare.cancel()
        with pytest.raises(TargetClosed):
            await capture


@async_test
async def test_opens_no_spare_page_in_a_browser_that_has_exited() -> None:
    async with running() as browser:
        browser.connection.end(TargetClosed("the browser exited"))
        browser.contexts.open_spare()
        with pytest.raises(TargetClosed):
            await browser.opened()
