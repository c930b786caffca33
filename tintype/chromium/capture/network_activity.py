"""Requests of a page that are under way, for ``wait_until=networkidle``.

Chromium's own event ``networkIdle`` counts event streams, which stay open by nature, so pages that use one never become
idle. Beacons, answers that are read as a stream, polling and long polling do not count here either.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from tintype.chromium.cdp.connection import CdpSession, Json

IDLE_SECONDS = 0.5
"""Seconds without a request under way; the value of Chromium's ``networkIdle``."""
_STREAM_SECONDS = 1.0
"""Seconds after its header fields in which an answer ends; one that takes longer is a stream."""
_STREAM_TYPES = frozenset(
    ("text/event-stream", "application/x-ndjson", "application/grpc-web", "multipart/x-mixed-replace")
)
_OPEN_BY_NATURE = frozenset(("EventSource", "Ping", "WebSocket", "WebTransport", "CSPViolationReport"))
_OF_SCRIPTS = frozenset(("Fetch", "XHR"))
_MAX_REQUESTS = 10_000
"""Requests that are tracked; further ones of a hostile page do not count."""
_MAX_ADDRESSES, _MAX_ADDRESS = 1_000, 500
"""Addresses of answered requests that are remembered, and characters of each."""
_NUMBERS = re.compile(r"\d{9,}|0\.\d{6,}")
"""Times and random numbers, which make no other address."""


class NetworkActivity:
    """Counts the requests of one page and its frames."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._requests: dict[str, float | None] = {}
        """Requests under way by id, with the time on the event loop's clock at which the answer began."""
        self._of_scripts: dict[str, str] = {}
        """Addresses of the requests of scripts under way, by id."""
        self._answered: set[str] = set()
        """Addresses of requests of scripts that have been answered: another request for one is polling."""
        self._changed_at = 0.0

    def enable(self) -> asyncio.Future[Json]:
        """Subscribe to the page's requests; call before navigation."""
        on = self._session.on
        on("Network.requestWillBeSent", self._on_request)
        on("Network.responseReceived", self._on_response)
        on("Network.loadingFinished", self._on_end)
        on("Network.loadingFailed", self._on_end)
        return self._session.post("Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0)

    async def wait_idle(self, awaits_answers: Callable[[], Awaitable[bool]]) -> None:
        """Wait until no request but streams has been under way for half a second.

        ``awaits_answers``: whether the page's scripts wait for a request that is not open by nature.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._drop_streams(loop.time())
            idle_for = loop.time() - self._changed_at
            if self._requests and (not self._of_scripts.keys() >= self._requests.keys() or await awaits_answers()):
                idle_for = 0.0
            if idle_for >= IDLE_SECONDS:
                return
            await asyncio.sleep(min(IDLE_SECONDS - idle_for, 0.1))

    def _drop_streams(self, time: float) -> None:
        streams = [id_ for id_, begun in self._requests.items() if begun is not None and time - begun > _STREAM_SECONDS]
        for id_ in streams:
            del self._requests[id_]  # no change of the network: the page was waiting for nothing else
            self._of_scripts.pop(id_, None)

    def _on_request(self, event: Json) -> None:
        kind, id_ = event.get("type"), event["requestId"]
        if kind in _OPEN_BY_NATURE or len(self._requests) >= _MAX_REQUESTS:
            return
        if kind == "Script" and not event["loaderId"]:  # of a worker, whose session alone reports the end
            return
        if kind in _OF_SCRIPTS:
            address = _NUMBERS.sub("", str(event["request"]["url"])[:_MAX_ADDRESS])
            if address in self._answered:
                return
            self._of_scripts[id_] = address
        self._requests[id_] = None
        self._change()

    def _on_response(self, event: Json) -> None:
        id_ = event["requestId"]
        self._remember_answer(id_)
        if event["response"].get("mimeType") in _STREAM_TYPES:
            self._on_end(event)
        elif id_ in self._requests:
            self._requests[id_] = asyncio.get_running_loop().time()

    def _on_end(self, event: Json) -> None:
        self._remember_answer(event["requestId"])
        self._of_scripts.pop(event["requestId"], None)
        if self._requests.pop(event["requestId"], 0) != 0:
            self._change()

    def _remember_answer(self, id_: str) -> None:
        if id_ in self._of_scripts and len(self._answered) < _MAX_ADDRESSES:
            self._answered.add(self._of_scripts[id_])

    def _change(self) -> None:
        self._changed_at = asyncio.get_running_loop().time()
