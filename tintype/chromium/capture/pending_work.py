"""Work that a page waits for and that virtual time cannot see: workers, sockets, streams, databases, polling.

A visitor's clock runs while such work is done. Virtual time would leap over it, and the page's time limits would expire
before a socket has delivered its first message. While work is pending, a capture therefore runs in real time.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Any

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError
from tintype.chromium.cdp.tab import call_expression

QUIET = 1.25
"""Real seconds without a message after which an open socket, stream or worker counts as idle."""
_ANSWER_SECONDS = 0.25
"""Real seconds for the report; a page that takes longer is computing."""


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

    @classmethod
    def of(cls, value: Any) -> WorkCounts:
        """Build from a report; what a page has tampered with counts as nothing."""
        if not isinstance(value, dict):
            return cls()
        return cls(**{name: int(n) for name, n in value.items() if name in _NAMES and isinstance(n, int | float)})


_NAMES = frozenset(WorkCounts.__dataclass_fields__)


class PendingWork:
    """Reads the counts of one page, and remembers when they changed last."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._key = secrets.token_hex(8)
        self._counts = WorkCounts()
        self._changed_at = 0.0
        self._answer: asyncio.Future[Json] | None = None
        """The reading under way; None if there is none."""
        self.unfinished = False
        """Whether the last reading found work without a result."""

    def preload(self) -> asyncio.Future[Json]:
        """Post the script that counts; call before navigation."""
        source = call_expression("pending_work", self._key)
        return self._session.post("Page.addScriptToEvaluateOnNewDocument", source=source)

    async def is_pending(self) -> bool:
        """Return whether the page waits for something now, or has received something in the last 1.25 s."""
        counts, time = await self._read(), asyncio.get_running_loop().time()
        if counts is None:
            self.unfinished = True
            return True
        if counts.activity != self._counts.activity:
            self._changed_at = time
        self._counts = counts
        self.unfinished = counts.operations > 0
        return self.unfinished or counts.silent > 0 or counts.polling > 0 or self._is_receiving(time)

    def _is_receiving(self, time: float) -> bool:
        return self._counts.open > 0 and time - self._changed_at < QUIET

    async def _read(self) -> WorkCounts | None:
        """Return the counts; None if the page is too busy to answer. A busy page gets one question at a time."""
        if self._answer is None:
            expression = f"globalThis[Symbol.for({self._key!r})]?.counts"
            self._answer = self._session.post("Runtime.evaluate", expression=expression, returnByValue=True)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await asyncio.shield(self._answer)
        except TimeoutError:
            return None
        except ProtocolError:  # between two documents
            answer = {"result": {}}
        self._answer = None
        return WorkCounts.of(answer["result"].get("value"))
