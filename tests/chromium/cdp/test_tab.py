"""Scripts in a page that navigates or breaks, over a scripted DevTools connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.cdp import tab
from tintype.chromium.cdp.connection import Connection, ProtocolError
from tintype.chromium.cdp.tab import ScriptFailed, Tab

FRAME = "F"


class ScriptedPage:
    """A page whose replies to ``Runtime.evaluate`` come from a function of the number of evaluations so far."""

    def __init__(self, reply: Callable[[int], dict[str, Any]]) -> None:
        self.evaluations = 0
        self.connection = Connection(self._write)
        self.tab = Tab(self.connection.session("S"), FRAME, "C")
        self._reply = reply

    def navigate(self) -> None:
        self._send(method="Page.frameNavigated", params={"frame": {"id": FRAME, "url": "http://a.example.com/"}})

    def _write(self, data: bytes) -> None:
        call = json.loads(data.rstrip(b"\0"))
        if call["method"] == "Runtime.evaluate":
            self.evaluations += 1
            self._send(id=call["id"], **self._reply(self.evaluations))
        else:
            self._send(id=call["id"], result={"executionContextId": 1})

    def _send(self, **message: Any) -> None:
        self.connection.feed(json.dumps({"sessionId": "S", **message}).encode() + b"\0")


LOST = {"error": {"code": -32000, "message": "Cannot find context with specified id"}}


def value(result: str) -> dict[str, Any]:
    return {"result": {"result": {"value": result}}}


@pytest.fixture(autouse=True)
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tab, "_RETRY_DELAY", 0)


FAILED = {"result": {"result": {"description": "TypeError: x"}, "exceptionDetails": {}}}


class TestEvaluate:
    @async_test
    async def test_script_that_only_improves_the_screenshot_may_fail(self) -> None:
        assert await ScriptedPage(lambda _: FAILED).tab.evaluate("remember_seen") is None
        with pytest.raises(ScriptFailed, match="TypeError: x"):
            await ScriptedPage(lambda _: FAILED).tab.evaluate("exists", "p")

    @async_test
    async def test_retries_while_a_navigation_replaces_the_world(self) -> None:
        page = ScriptedPage(lambda number: value("done") if number == 3 else LOST)
        assert await page.tab.evaluate("exists", "p") == "done"
        assert page.evaluations == 3

    @async_test
    async def test_gives_up_on_an_error_that_stays(self) -> None:
        page = ScriptedPage(lambda _: LOST)
        with pytest.raises(ProtocolError, match="Cannot find context"):
            await page.tab.evaluate("exists", "p")
        assert page.evaluations == tab._MAX_RETRIES + 1

    @async_test
    async def test_continues_as_long_as_the_page_navigates(self) -> None:
        def reply(number: int) -> dict[str, Any]:
            page.navigate()
            return value("done") if number == 3 * tab._MAX_RETRIES else LOST

        page = ScriptedPage(reply)
        assert await page.tab.evaluate("exists", "p") == "done"

    @async_test
    async def test_reports_a_script_that_throws(self) -> None:
        thrown = {"result": {"result": {"description": "TypeError: no"}, "exceptionDetails": {}}}
        with pytest.raises(ScriptFailed, match="TypeError"):
            await ScriptedPage(lambda _: thrown).tab.evaluate("exists", "p")
