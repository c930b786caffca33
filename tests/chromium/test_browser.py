"""Browser contexts over a scripted DevTools connection."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tests.support.concurrency import async_test
from tintype.chromium import browser_contexts
from tintype.chromium.browser import Browser
from tintype.chromium.cdp.connection import Connection, TargetClosed
from tintype.chromium.process.process import Process
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy

REPLIES: dict[str, dict[str, Any]] = {
    "Target.createBrowserContext": {"browserContextId": "C"},
    "Target.createTarget": {"targetId": "T"},
    "Target.attachToTarget": {"sessionId": "S"},
    "Page.captureScreenshot": {"data": "iVBO"},
}


class FakeProcess:
    """Replies to every call; ``on_dispose`` replies to ``Target.disposeBrowserContext``."""

    pid = 0

    def __init__(self, on_dispose: str) -> None:
        self.connection = Connection(self._write)
        self._on_dispose = on_dispose

    def kill(self) -> None:
        self.connection.end(TargetClosed("the browser was killed"))

    async def close(self) -> None:
        self.kill()

    def _write(self, data: bytes) -> None:
        call = json.loads(data.rstrip(b"\0"))
        reply: dict[str, Any] = {"result": REPLIES.get(call["method"], {})}
        if call["method"] == "Target.disposeBrowserContext":
            if self._on_dispose == "hang":
                return
            if self._on_dispose == "crash":
                self.kill()
                return
            if self._on_dispose == "error":
                reply = {"error": {"code": -32000, "message": "Failed to find context"}}
        session = {"sessionId": call["sessionId"]} if "sessionId" in call else {}
        self.connection.feed(json.dumps({"id": call["id"], **session, **reply}).encode() + b"\0")


@pytest.mark.parametrize(
    ("on_dispose", "undisposed", "recycled"),
    [("succeed", 0, False), ("error", 1, False), ("hang", 1, True), ("crash", 0, False)],
)
def test_counts_browser_contexts_that_are_not_disposed_of(
    on_dispose: str, undisposed: int, recycled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_contexts, "_DISPOSE_TIMEOUT", 0.05)

    @async_test
    async def scenario() -> None:
        proxy = await EgressProxy.start(EgressPolicy())
        process = cast("Process", FakeProcess(on_dispose))
        browser = Browser(process, "HeadlessChrome/1", [proxy], isolate_sites=True)
        await browser._subscribe()
        assert await browser.probe() is True
        assert await browser._contexts._free_proxies.get() is proxy  # is put back when the disposal has ended
        assert browser.undisposed_contexts == undisposed
        assert bool(browser.recycle_reason) is recycled
        await browser.close()

    scenario()
