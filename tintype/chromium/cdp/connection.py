"""Chrome DevTools Protocol without I/O: a connection and its sessions; calls, replies, events.

Messages are NUL-terminated JSON. Sessions are flattened: one connection carries the browser's own session and one for
each attached target. When a session ends (the page crashed, the pipe closed), all its pending calls fail. The caller
passes bytes in and out.

A page decides the length of many messages: URLs, request bodies, results of scripts. The rest of a message over its
limit is discarded while it arrives, and a message that nothing listens to is not parsed.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Listener = Callable[[Json], None]

MAX_IMAGE_BYTES = 256 << 20
"""Longest reply with an image or a PDF: a screenshot of 25 million incompressible pixels is 134 MB of base64."""
MAX_REPLY_BYTES = 8 << 20
"""Longest other reply."""
MAX_EVENT_BYTES = 4 << 20
"""Longest event: Chromium's URLs have up to 2 MB."""
PAUSED_REQUEST_TOO_LONG = "Fetch.tooLong"
"""Our own event in place of a ``Fetch.requestPaused`` that is over the limit; it has the ``requestId`` only."""
EVENT_TOO_LONG = "Network.tooLong"
"""Our own event in place of another one of that domain that is over the limit; it has no parameters."""
_IMAGE_METHODS = frozenset({"Page.captureScreenshot", "Page.printToPDF"})
_HEAD_BYTES, _TAIL_BYTES = 4096, 256
"""Parts of a message over its limit that are kept: they hold the ids."""
_REPLY = re.compile(rb'\{"id":(\d+),')
_IMAGE_REPLY = re.compile(rb'\{"id":(\d+),"result":\{"data":"')
_EVENT = re.compile(rb'\{"method":"([A-Za-z.]+)"')
_REQUEST_ID = re.compile(rb'"requestId":"([^"\\]+)"')
_SESSION_ID = re.compile(rb'"sessionId":"([^"\\]+)"\}$')


class ProtocolError(Exception):
    """Chromium replied to a call with an error."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(f"{method}: {message}")
        self.method = method
        self.message = message


class MessageTooLong(ProtocolError):
    """Chromium's reply to a call was over its limit, and was discarded."""


class TargetClosed(Exception):
    """The session or the connection has ended."""


class TargetCrashed(TargetClosed):
    """The renderer of a page has ended; ``killed`` if another process killed it, and it did not crash by itself."""

    def __init__(self, *, killed: bool) -> None:
        super().__init__("the page crashed")
        self.killed = killed


class CdpSession:
    """A session with the browser (empty id) or with an attached target."""

    def __init__(self, connection: Connection, id_: str) -> None:
        self.id = id_
        self.failure: Exception | None = None
        self._connection = connection
        self._pending: set[asyncio.Future[Any]] = set()
        self._listeners: dict[str, list[Listener]] = {}
        self._words: dict[str, tuple[bytes, ...]] = {}
        """By event, words of which one has to be in it; none: the listeners need all events of that name."""
        self._child_sessions: list[CdpSession] = []

    @property
    def browser(self) -> CdpSession:
        """The session of the browser on the same connection."""
        return self._connection.browser

    def post(self, method: str, **parameters: Any) -> asyncio.Future[Json]:
        """Send a call and return a future of its result, which raises ProtocolError; it need not be awaited."""
        answer: asyncio.Future[Json] = self.create_future()
        if not self.failure:
            self._connection.send(self, method, parameters, answer)
        return answer

    async def call(self, method: str, **parameters: Any) -> Json:
        """Send a call and return its result; raises ProtocolError or TargetClosed."""
        return await self.post(method, **parameters)

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future that fails with the session's error when the session ends."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.add_done_callback(self._consume_exception)
        self._pending.add(future)
        if self.failure:
            future.set_exception(self.failure)
        return future

    def on(self, event: str, listener: Listener, containing: tuple[bytes, ...] = ()) -> None:
        """Call a listener with the parameters of every event of that name.

        ``containing``: it needs only events that contain one of these words, in lower case; others need not be parsed.
        """
        others = self._words.get(event, containing)
        self._words[event] = tuple({*others, *containing}) if others and containing else ()
        self._connection.listen_to(event)
        self._listeners.setdefault(event, []).append(listener)

    def needs(self, event: str, message: bytes) -> bool:
        """Whether a listener needs an event, which is in a message."""
        words = self._words.get(event)
        if not words:
            return words is not None
        text = message.lower()
        return any(word in text for word in words)

    def child_session(self, id_: str) -> CdpSession:
        """Create the session of an out-of-process frame attached through this one; it ends with this one."""
        child = self._connection.session(id_)
        self._child_sessions.append(child)
        return child

    def detach(self) -> None:
        """End the session and drop its later events."""
        self._connection.remove(self, TargetClosed("the session is detached"))

    def dispatch(self, event: str, parameters: Json) -> None:
        """Call the listeners of an event."""
        for listener in tuple(self._listeners.get(event, ())):
            listener(parameters)

    def end(self, failure: Exception) -> None:
        """Fail every pending call and every later one. The first failure is kept."""
        if self.failure:
            return
        self.failure = failure
        for child in self._child_sessions:
            self._connection.remove(child, failure)
        for future in tuple(self._pending):
            if not future.done():
                future.set_exception(failure)

    def _consume_exception(self, future: asyncio.Future[Any]) -> None:
        self._pending.discard(future)
        if not future.cancelled():
            future.exception()  # marks it as retrieved: asyncio would log a reply that is not awaited


class Connection:
    """Sends calls and dispatches replies and events; ``write`` gets the bytes of one message."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.browser = CdpSession(self, "")
        self._write = write
        self._sessions: dict[str, CdpSession] = {"": self.browser}
        self._calls: dict[int, tuple[str, asyncio.Future[Json]]] = {}
        self._last_id = 0
        self._listened: set[str] = set()
        self._partial: list[bytes] = []
        self._partial_size = 0
        self._tail = b""
        """The end of a message that is being discarded; empty otherwise."""
        self.browser.on("Target.detachedFromTarget", self._on_detached)

    def session(self, id_: str) -> CdpSession:
        """Create the session of a target that was just attached."""
        session = self._sessions[id_] = CdpSession(self, id_)
        return session

    def remove(self, session: CdpSession, failure: Exception) -> None:
        """End a session and drop its later events."""
        self._sessions.pop(session.id, None)
        session.end(failure)

    def send(self, session: CdpSession, method: str, parameters: Json, answer: asyncio.Future[Json]) -> None:
        """Write one call; its reply sets the future."""
        self._last_id += 1
        message: Json = {"id": self._last_id, "method": method, "params": parameters}
        if session.id:
            message["sessionId"] = session.id
        self._calls[self._last_id] = method, answer
        self._write(json.dumps(message, separators=(",", ":")).encode() + b"\0")

    def listen_to(self, event: str) -> None:
        """Parse events of that name from now on, if their session needs them."""
        self._listened.add(event)

    def feed(self, data: bytes) -> None:
        """Process received bytes, which may hold parts of messages; raises ValueError for an invalid message."""
        *whole, rest = data.split(b"\0")
        for text in whole:
            self._receive(text)
            message, tail = b"".join(self._partial), self._tail
            self._partial, self._partial_size, self._tail = [], 0, b""
            if tail:
                self._discard(message, tail)
            elif self._is_wanted(message):
                self._dispatch(self._parse(message))
        if rest:
            self._receive(rest)

    def _parse(self, message: bytes) -> Json:
        """The message; the base64 of an image or a PDF is copied as bytes, and not parsed: it is nearly all of it."""
        image = _IMAGE_REPLY.match(message)
        if image and self._calls.get(int(image[1]), ("", None))[0] in _IMAGE_METHODS:
            end = message.index(b'"', image.end())
            rest: Json = json.loads(b"".join((message[: image.end()], message[end:])))
            rest["result"]["data"] = message[image.end() : end]
            return rest
        whole: Json = json.loads(message)
        return whole

    def _receive(self, data: bytes) -> None:
        """Keep a part of a message, or of one over its limit only its head and its tail."""
        if self._tail:
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
            return
        self._partial.append(data)
        self._partial_size += len(data)
        if self._partial_size > MAX_EVENT_BYTES:
            head = b"".join(self._partial)[:_HEAD_BYTES] if len(self._partial[0]) < _HEAD_BYTES else self._partial[0]
            if self._partial_size > self._limit(head):
                self._partial, self._tail = [head[:_HEAD_BYTES]], data[-_TAIL_BYTES:]

    def _limit(self, head: bytes) -> int:
        """The limit of a message, from its first bytes."""
        reply = _REPLY.match(head)
        if not reply:
            return MAX_EVENT_BYTES
        method, _ = self._calls.get(int(reply[1]), ("", None))
        return MAX_IMAGE_BYTES if method in _IMAGE_METHODS else MAX_REPLY_BYTES

    def _is_wanted(self, message: bytes) -> bool:
        event = _EVENT.match(message)
        if event is None:
            return True
        name = event[1].decode()
        if name not in self._listened:
            return False
        id_ = _SESSION_ID.search(message[-_TAIL_BYTES:])
        session = self._sessions.get(id_[1].decode() if id_ else "")
        return session is not None and session.needs(name, message)

    def _discard(self, head: bytes, tail: bytes) -> None:
        """Fail the call whose reply was too long, or report the request that stays paused; drop other events."""
        if reply := _REPLY.match(head):
            method, answer = self._calls.pop(int(reply[1]), ("", None))
            if answer and not answer.done():
                answer.set_exception(MessageTooLong(method, "the reply is too long"))
            return
        session, request = _SESSION_ID.search(tail), _REQUEST_ID.search(head)
        if head.startswith(b'{"method":"Fetch.requestPaused"') and session and request:
            paused = self._sessions.get(session[1].decode())
            if paused:
                paused.dispatch(PAUSED_REQUEST_TOO_LONG, {"requestId": request[1].decode()})
        elif head.startswith(b'{"method":"Network.') and session:
            source = self._sessions.get(session[1].decode())
            if source:
                source.dispatch(EVENT_TOO_LONG, {})

    def end(self, failure: Exception) -> None:
        """End every session."""
        for session in tuple(self._sessions.values()):
            self.remove(session, failure)
        self._calls.clear()

    def _dispatch(self, message: Json) -> None:
        if "id" in message:
            self._resolve(message)
            return
        session = self._sessions.get(message.get("sessionId", ""))
        if session:
            session.dispatch(message["method"], message.get("params", {}))

    def _resolve(self, message: Json) -> None:
        method, answer = self._calls.pop(message["id"], ("", None))
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(ProtocolError(method, str(message["error"].get("message", ""))))
        else:
            answer.set_result(message.get("result", {}))

    def _on_detached(self, parameters: Json) -> None:
        session = self._sessions.get(parameters.get("sessionId", ""))
        if session and session is not self.browser:
            self.remove(session, TargetClosed("the target was detached"))
