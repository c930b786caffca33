"""DevTools messages on scripted bytes: no browser, no pipe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.cdp import connection
from tintype.chromium.cdp.connection import Connection, ProtocolError, TargetClosed


class FakeBrowserPipe:
    """The other side: what was written, and answers on demand."""

    def __init__(self) -> None:
        self.written = b""
        self.connection = Connection(self._write)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.written.split(b"\0") if message]

    def send(self, **message: Any) -> None:
        self.connection.feed(json.dumps(message).encode() + b"\0")

    def _write(self, data: bytes) -> None:
        self.written += data


@pytest.fixture
def pipe() -> FakeBrowserPipe:
    return FakeBrowserPipe()


@async_test
async def test_resolves_a_call_by_its_id(pipe: FakeBrowserPipe) -> None:
    first = pipe.connection.browser.post("Browser.getVersion")
    second = pipe.connection.browser.post("Target.createTarget", url="about:blank")
    assert [call["method"] for call in pipe.calls] == ["Browser.getVersion", "Target.createTarget"]
    assert pipe.calls[1]["params"] == {"url": "about:blank"}
    pipe.send(id=2, result={"targetId": "T"})
    pipe.send(id=1, result={"product": "P"})
    assert await second == {"targetId": "T"}
    assert await first == {"product": "P"}


@async_test
async def test_accepts_messages_in_any_chunks(pipe: FakeBrowserPipe) -> None:
    answers = [pipe.connection.browser.post("A"), pipe.connection.browser.post("B")]
    stream = b'{"id":1,"result":{"a":"' + b"x" * 1000 + b'"}}\0{"id":2,"result":{}}\0'
    for position in range(0, len(stream), 7):
        pipe.connection.feed(stream[position : position + 7])
    assert (await answers[0])["a"] == "x" * 1000
    assert await answers[1] == {}


@async_test
async def test_raises_the_error_of_a_call(pipe: FakeBrowserPipe) -> None:
    answer = pipe.connection.browser.post("Page.navigate")
    pipe.send(id=1, error={"code": -32000, "message": "Not attached to an active page"})
    with pytest.raises(ProtocolError, match=r"Page\.navigate: Not attached"):
        await answer


@async_test
async def test_dispatches_events_by_session(pipe: FakeBrowserPipe) -> None:
    page, other = pipe.connection.session("S1"), pipe.connection.session("S2")
    seen: list[str] = []
    page.on("Page.loadEventFired", lambda _: seen.append("page"))
    other.on("Page.loadEventFired", lambda _: seen.append("other"))
    page.post("Page.enable")
    assert pipe.calls[0]["sessionId"] == "S1"
    pipe.send(method="Page.loadEventFired", params={}, sessionId="S1")
    pipe.send(method="Page.loadEventFired", params={}, sessionId="unknown")
    pipe.send(method="Page.loadEventFired", params={})
    assert seen == ["page"]


@async_test
async def test_fails_the_calls_of_a_detached_target_only(pipe: FakeBrowserPipe) -> None:
    page = pipe.connection.session("S")
    lost, kept = page.post("Page.enable"), pipe.connection.browser.post("Browser.getVersion")
    pipe.send(method="Target.detachedFromTarget", params={"sessionId": "S"})
    with pytest.raises(TargetClosed):
        await lost
    with pytest.raises(TargetClosed):
        await page.call("Page.enable")
    pipe.send(id=2, result={})
    assert await kept == {}


@async_test
async def test_fails_every_call_when_the_pipe_closes(pipe: FakeBrowserPipe) -> None:
    page = pipe.connection.session("S")
    waiting = [page.post("Page.enable"), page.create_future(), pipe.connection.browser.post("Browser.getVersion")]
    pipe.connection.end(TargetClosed("the pipe closed"))
    for future in waiting:
        with pytest.raises(TargetClosed, match="the pipe closed"):
            await future
    sent = len(pipe.calls)
    with pytest.raises(TargetClosed):
        await pipe.connection.browser.call("Browser.getVersion")
    assert len(pipe.calls) == sent


@async_test
async def test_keeps_the_first_failure(pipe: FakeBrowserPipe) -> None:
    page = pipe.connection.session("S")
    page.end(TargetClosed("the page crashed"))
    pipe.connection.end(TargetClosed("the pipe closed"))
    with pytest.raises(TargetClosed, match="crashed"):
        await page.create_future()


@async_test
async def test_drops_the_reply_to_a_cancelled_call(pipe: FakeBrowserPipe) -> None:
    pipe.connection.browser.post("A").cancel()
    pipe.send(id=1, result={})
    pipe.send(id=77, result={})
    answer = pipe.connection.browser.post("B")
    pipe.send(id=2, result={"b": 1})
    assert await answer == {"b": 1}


@async_test
async def test_rejects_an_invalid_message(pipe: FakeBrowserPipe) -> None:
    with pytest.raises(ValueError, match="Expecting"):
        pipe.connection.feed(b"nonsense\0")


@async_test
async def test_rejects_an_endless_message(pipe: FakeBrowserPipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_BYTES", 1000)
    for _ in range(10):
        pipe.connection.feed(b"x" * 100)
    with pytest.raises(ValueError, match="too long"):
        pipe.connection.feed(b"x")
