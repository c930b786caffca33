"""DevTools messages on scripted bytes: no browser, no pipe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.cdp import connection
from tintype.chromium.cdp.connection import Connection, ProtocolError, TargetClosed


class Wire:
    """The other side: what was written, and answers on demand."""

    def __init__(self) -> None:
        self.written = b""
        self.connection = Connection(self._write)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.written.split(b"\0") if message]

    def say(self, **message: Any) -> None:
        self.connection.feed(json.dumps(message).encode() + b"\0")

    def _write(self, data: bytes) -> None:
        self.written += data


@pytest.fixture
def wire() -> Wire:
    return Wire()


@async_test
async def test_a_call_gets_the_answer_with_its_number(wire: Wire) -> None:
    first = wire.connection.browser.post("Browser.getVersion")
    second = wire.connection.browser.post("Target.createTarget", url="about:blank")
    assert [call["method"] for call in wire.calls] == ["Browser.getVersion", "Target.createTarget"]
    assert wire.calls[1]["params"] == {"url": "about:blank"}
    wire.say(id=2, result={"targetId": "T"})
    wire.say(id=1, result={"product": "P"})
    assert await second == {"targetId": "T"}
    assert await first == {"product": "P"}


@async_test
async def test_messages_may_arrive_in_any_pieces(wire: Wire) -> None:
    answers = [wire.connection.browser.post("A"), wire.connection.browser.post("B")]
    stream = b'{"id":1,"result":{"a":"' + b"x" * 1000 + b'"}}\0{"id":2,"result":{}}\0'
    for position in range(0, len(stream), 7):
        wire.connection.feed(stream[position : position + 7])
    assert (await answers[0])["a"] == "x" * 1000
    assert await answers[1] == {}


@async_test
async def test_an_error_answer_is_raised_with_its_words(wire: Wire) -> None:
    answer = wire.connection.browser.post("Page.navigate")
    wire.say(id=1, error={"code": -32000, "message": "Not attached to an active page"})
    with pytest.raises(ProtocolError, match=r"Page\.navigate: Not attached"):
        await answer


@async_test
async def test_sessions_are_told_apart(wire: Wire) -> None:
    page, other = wire.connection.session("S1"), wire.connection.session("S2")
    seen: list[str] = []
    page.on("Page.loadEventFired", lambda _: seen.append("page"))
    other.on("Page.loadEventFired", lambda _: seen.append("other"))
    page.post("Page.enable")
    assert wire.calls[0]["sessionId"] == "S1"
    wire.say(method="Page.loadEventFired", params={}, sessionId="S1")
    wire.say(method="Page.loadEventFired", params={}, sessionId="unknown")
    wire.say(method="Page.loadEventFired", params={})
    assert seen == ["page"]


@async_test
async def test_a_detached_page_fails_what_waits_on_it_and_nothing_else(wire: Wire) -> None:
    page = wire.connection.session("S")
    lost, kept = page.post("Page.enable"), wire.connection.browser.post("Browser.getVersion")
    wire.say(method="Target.detachedFromTarget", params={"sessionId": "S"})
    with pytest.raises(TargetClosed):
        await lost
    with pytest.raises(TargetClosed):
        await page.call("Page.enable")
    wire.say(id=2, result={})
    assert await kept == {}


@async_test
async def test_the_end_of_the_pipe_fails_everything_at_once(wire: Wire) -> None:
    page = wire.connection.session("S")
    waiting = [page.post("Page.enable"), page.create_future(), wire.connection.browser.post("Browser.getVersion")]
    wire.connection.end(TargetClosed("the pipe closed"))
    for future in waiting:
        with pytest.raises(TargetClosed, match="the pipe closed"):
            await future
    sent = len(wire.calls)
    with pytest.raises(TargetClosed):
        await wire.connection.browser.call("Browser.getVersion")
    assert len(wire.calls) == sent


@async_test
async def test_the_first_reason_stays(wire: Wire) -> None:
    page = wire.connection.session("S")
    page.end(TargetClosed("the page crashed"))
    wire.connection.end(TargetClosed("the pipe closed"))
    with pytest.raises(TargetClosed, match="crashed"):
        await page.create_future()


@async_test
async def test_an_answer_nobody_waits_for_any_more_is_dropped(wire: Wire) -> None:
    wire.connection.browser.post("A").cancel()
    wire.say(id=1, result={})
    wire.say(id=77, result={})
    answer = wire.connection.browser.post("B")
    wire.say(id=2, result={"b": 1})
    assert await answer == {"b": 1}


@async_test
async def test_what_is_no_message_is_an_error(wire: Wire) -> None:
    with pytest.raises(ValueError, match="Expecting"):
        wire.connection.feed(b"nonsense\0")


@async_test
async def test_a_message_without_an_end_is_refused(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_BYTES", 1000)
    for _ in range(10):
        wire.connection.feed(b"x" * 100)
    with pytest.raises(ValueError, match="too long"):
        wire.connection.feed(b"x")
