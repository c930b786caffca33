"""Work that a page waits for and that virtual time cannot see: workers, sockets, streams, databases, polling.

A visitor's clock runs while such work is done. Virtual time would leap over it, and the page's time limits would expire
before a socket has delivered its first message. While work is pending, a capture therefore runs in real time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError

QUIET = 1.25
"""Real seconds without a message after which an open socket, stream or worker counts as idle."""
_ANSWER_SECONDS = 0.25
"""Real seconds for the report; a page that takes longer is computing."""
_LAST_ANSWER_SECONDS = 2.0
"""Real seconds for the report after the page's last chance."""
_UNFINISHED_SECONDS = 0.5
"""Real seconds without a pause after which work under way means that the page is not finished."""


UnfinishedReason = Literal["computing", "connecting", "loading"]


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """Counts of ``pending_work.js``."""

    operations: int = 0
    """Promises and requests without a result."""
    silent: int = 0
    """Channels that have delivered nothing since they were opened or since the page sent something."""
    open: int = 0
    """Channels that may still deliver."""
    activity: int = 0
    """Changes so far."""
    polling: int = 0
    """Requests for an address that was requested before, after a pause."""
    loading: int = 0
    """Requests of scripts without an answer, but those that are open by nature: long polling, beacons."""
    connecting: int = 0
    """WebSockets that are not open yet."""
    asked: int = 0
    """Dedicated workers that have never answered, and to whose messages the page listens."""
    workers: int = 0
    """Dedicated workers."""
    closed: int = 0
    """Closed shadow trees that the page's scripts have attached."""
    graphics: int = 0
    """Documents that draw by WebGL."""

    @property
    def unfinished(self) -> frozenset[UnfinishedReason]:
        """Kinds of work under way that make the page unfinished if they last."""
        kinds: dict[UnfinishedReason, int] = {
            "computing": self.operations + self.asked,
            "connecting": self.connecting,
            "loading": self.loading,
        }
        return frozenset(kind for kind, count in kinds.items() if count > 0)

    @classmethod
    def of(cls, value: Any) -> WorkCounts:
        """Build from a report; what a page has tampered with counts as nothing."""
        if not isinstance(value, dict):
            return cls()
        return cls(**{name: int(n) for name, n in value.items() if name in _NAMES and isinstance(n, int | float)})


_NAMES = frozenset(WorkCounts.__dataclass_fields__)


class PendingWork:
    """Reads the counts of one page, and remembers when they changed last."""

    def __init__(self, session: CdpSession, key: str) -> None:
        self._session = session
        self._key = key
        self._counts = WorkCounts()
        self._changed_at = 0.0
        self._answer: asyncio.Future[Json] | None = None
        """The reading under way; None if there is none."""
        self._since: dict[UnfinishedReason, float] = {}
        """Times since when all readings have found work of a kind."""
        self.has_operations = False
        """Whether the last reading found work without a result."""

    @property
    def closed_roots(self) -> int:
        """Closed shadow trees that the page's scripts had attached at the last check."""
        return self._counts.closed

    async def is_pending(self) -> bool:
        """Return whether the page waits for something now, or has received something in the last 1.25 s."""
        counts = await self._read(_ANSWER_SECONDS)
        if counts is None:
            self.has_operations = True
            return True
        time = asyncio.get_running_loop().time()
        self.has_operations = counts.operations > 0
        return (
            self.has_operations
            or counts.silent > 0
            or counts.polling > 0
            or counts.graphics > 0
            or self._is_receiving(time)
        )

    async def is_idle(self) -> bool:
        """Return whether the page waits for nothing at all: no request, no worker, and no channel that may deliver."""
        counts = await self._read(_ANSWER_SECONDS)
        return counts is not None and not (
            counts.operations
            or counts.silent
            or counts.open
            or counts.polling
            or counts.loading
            or counts.connecting
            or counts.workers
            or counts.graphics
        )

    async def awaits_answers(self) -> bool:
        """Return whether scripts wait for a request or the end of its body; also if the page does not answer."""
        counts = await self._read(_ANSWER_SECONDS)
        return counts is None or counts.loading > 0 or counts.operations > 0

    async def find_unfinished(self, *, is_stalled: bool) -> tuple[frozenset[UnfinishedReason], int]:
        """Read once more; what the page has been doing for half a second without a pause, and its dedicated workers.

        ``is_stalled``: the page has loaded for longer than a capture waits, so a request need not be older.
        """
        await self._read(_LAST_ANSWER_SECONDS)
        time = asyncio.get_running_loop().time()
        lasting = frozenset(
            kind
            for kind, since in self._since.items()
            if time - since >= _UNFINISHED_SECONDS or (is_stalled and kind == "loading")
        )
        return lasting, self._counts.workers

    def _is_receiving(self, time: float) -> bool:
        return self._counts.open > 0 and time - self._changed_at < QUIET

    async def _read(self, seconds: float) -> WorkCounts | None:
        """Return the counts; None if the page is too busy to answer. A busy page gets one question at a time."""
        asked_at = asyncio.get_running_loop().time()
        if self._answer is None:
            expression = f"globalThis[Symbol.for({self._key!r})]?.counts"
            self._answer = self._session.post("Runtime.evaluate", expression=expression, returnByValue=True)
        try:
            async with asyncio.timeout(seconds):
                answer = await asyncio.shield(self._answer)
        except TimeoutError:
            self._since.setdefault("computing", asked_at)
            return None
        except ProtocolError:  # between two documents
            answer = {"result": {}}
        self._answer = None
        counts = WorkCounts.of(answer["result"].get("value"))
        self._note(counts, asked_at)
        return counts

    def _note(self, counts: WorkCounts, time: float) -> None:
        if counts.activity != self._counts.activity:
            self._changed_at = time
        self._counts = counts
        self._since = {kind: self._since.get(kind, time) for kind in counts.unfinished}
