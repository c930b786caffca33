"""DevTools messages on scripted bytes: no browser, no pipe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.cdp.connection import (
    EVENT_TOO_LONG,
    MAX_EVENT_BYTES,
    MAX_REPLY_BYTES,
    PAUSED_REQUEST_TOO_LONG,
    Connection,
    MessageTooLong,
    ProtocolError,
    TargetClosed,
)


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


class TestLimits:
    @async_test
    async def test_fails_a_call_whose_reply_is_too_long(self, pipe: FakeBrowserPipe) -> None:
        long, short = pipe.connection.browser.post("Runtime.evaluate"), pipe.connection.browser.post("A")
        feed(
            pipe, b'{"id":1,"result":{"value":"', b"x" * MAX_REPLY_BYTES, b'"},"sessionId":"S"}\0{"id":2,"result":{}}\0'
        )
        with pytest.raises(MessageTooLong):
            await long
        assert await short == {}

    @async_test
    async def test_accepts_a_long_image(self, pipe: FakeBrowserPipe) -> None:
        answer = pipe.connection.browser.post("Page.captureScreenshot")
        feed(pipe, b'{"id":1,"result":{"data":"', b"x" * (MAX_REPLY_BYTES + 1), b'"}}\0')
        assert len((await answer)["data"]) == MAX_REPLY_BYTES + 1

    @async_test
    async def test_copies_the_base64_of_an_image_without_parsing_it(self, pipe: FakeBrowserPipe) -> None:
        image, page = pipe.connection.browser.post("Page.captureScreenshot"), pipe.connection.browser.post("Page.other")
        feed(pipe, b'{"id":2,"result":{"data":"iVBO"}}\0', b'{"id":1,"result":{"data":"iVBO","x":[1]}}\0')
        assert (await image, await page) == ({"data": b"iVBO", "x": [1]}, {"data": "iVBO"})

    @async_test
    async def test_keeps_no_more_of_a_message_than_its_limit(self, pipe: FakeBrowserPipe) -> None:
        pipe.connection.feed(b'{"method":"Page.frameNavigated","params":{"x":"')
        for _ in range(4 * MAX_EVENT_BYTES >> 16):
            pipe.connection.feed(b"x" * (1 << 16))
            assert sum(map(len, pipe.connection._partial)) <= MAX_EVENT_BYTES + (1 << 16)
        assert sum(map(len, pipe.connection._partial)) <= 4096

    @async_test
    async def test_reports_a_paused_request_whose_body_is_too_long(self, pipe: FakeBrowserPipe) -> None:
        session, aborted = pipe.connection.session("S"), list[Any]()
        session.on(PAUSED_REQUEST_TOO_LONG, aborted.append)
        head = b'{"method":"Fetch.requestPaused","params":{"requestId":"interception-job-7.0","request":{"postData":"'
        feed(pipe, head, b"x" * MAX_EVENT_BYTES, b'"}},"sessionId":"S"}\0')
        assert aborted == [{"requestId": "interception-job-7.0"}]

    @async_test
    async def test_does_not_parse_events_that_nothing_listens_to(self, pipe: FakeBrowserPipe) -> None:
        events = list[Any]()
        pipe.connection.browser.on("A.wanted", events.append)
        pipe.connection.feed(
            b'{"method":"Target.targetInfoChanged",not JSON}\0{"method":"A.wanted","params":{"a":1}}\0'
        )
        assert events == [{"a": 1}]

    @async_test
    async def test_parses_for_each_session_the_events_it_needs(self, pipe: FakeBrowserPipe) -> None:
        some, every = list[Any](), list[Any]()
        pipe.connection.session("S").on("A.sent", some.append, (b"password",))
        pipe.connection.session("E").on("A.sent", every.append)
        pipe.connection.feed(
            b'{"method":"A.sent",not JSON,"sessionId":"S"}\0{"method":"A.sent","params":{"a":1},"sessionId":"E"}\0'
            b'{"method":"A.sent","params":{"Password":1},"sessionId":"S"}\0'
        )
        assert (some, every) == ([{"Password": 1}], [{"a": 1}])

    @async_test
    async def test_a_listener_without_words_needs_every_event(self, pipe: FakeBrowserPipe) -> None:
        events = list[Any]()
        session = pipe.connection.session("S")
        for words in ((b"a",), (), (b"b",)):
            session.on("A.sent", events.append, words)
        pipe.connection.feed(b'{"method":"A.sent","params":{"c":1},"sessionId":"S"}\0')
        assert events == [{"c": 1}] * 3

    @async_test
    async def test_reports_an_event_of_the_network_that_is_too_long(self, pipe: FakeBrowserPipe) -> None:
        session, dropped = pipe.connection.session("S"), list[Any]()
        session.on(EVENT_TOO_LONG, dropped.append)
        head = b'{"method":"Network.requestWillBeSent","params":{"requestId":"7.0","request":{"url":"http://a@'
        feed(pipe, head, b"x" * MAX_EVENT_BYTES, b'"}},"sessionId":"S"}\0')
        assert dropped == [{}]


def feed(pipe: FakeBrowserPipe, *parts: bytes) -> None:
    """Send bytes as a pipe does, in pieces of 64 KiB."""
    stream = b"".join(parts)
    for position in range(0, len(stream), 1 << 16):
        pipe.connection.feed(stream[position : position + (1 << 16)])
