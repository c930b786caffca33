"""How does time pass in the page? Once it has loaded, as we say: charts grow and entries fade in before the picture.

Chromium's virtual time runs ahead of ours as fast as the page's work allows and stands still in between, so a settled
picture costs no waiting. While the page waits for the network it waits too, for so long.

Time is granted in portions, one after the other: the end of one halts the clock, whatever else was granted meanwhile.
The clock must not fall behind ours: frames are due by ours, and one that is due in the page's future is never drawn.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError

_MAX_STARVATION_TASKS = 100
"""Tasks without any time passing after which it passes anyway: pages can keep themselves busy for ever."""
_FORCED_SECONDS = 0.5


class VirtualTime:
    """The time of one page. Before the first call it passes as ours does."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._expired: asyncio.Future[Any] | None = None
        """The end of the portion granted last."""
        self._started_at = 0.0
        self._granted_seconds = 0.0
        session.on("Emulation.virtualTimeBudgetExpired", self._on_budget_expired)

    @property
    def started(self) -> bool:
        """Whether time passes as we say."""
        return self._expired is not None

    async def advance(self, milliseconds: float, max_wait: float) -> None:
        """Let so much time pass at once, waiting up to ``max_wait`` seconds for what the page is loading."""
        if not await self._grant("pauseIfNetworkFetchesPending", milliseconds, max_wait):
            await self._wait_budget("advance", _FORCED_SECONDS)

    async def sync_with_wall_clock(self, seconds: float) -> None:
        """Let as much time pass in the page as for us, and what it has fallen behind."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(seconds)
        behind = loop.time() - self._started_at - self._granted_seconds if self.started else 0
        await self._grant("advance", max(seconds, behind) * 1000, _FORCED_SECONDS)

    async def _grant(self, policy: str, milliseconds: float, max_wait: float) -> bool:
        """Whether the time has passed."""
        if self._expired is None:
            self._started_at = asyncio.get_running_loop().time()
        elif not self._expired.done():
            await self._wait_budget("advance", _FORCED_SECONDS)
        self._expired = self._session.create_future()
        self._granted_seconds += milliseconds / 1000
        return await self._wait_budget(policy, max_wait, budget=milliseconds)

    async def _wait_budget(self, policy: str, max_wait: float, **grant: float) -> bool:
        """Wait for the end of the portion under way, or of the one granted here."""
        # Refused while the page is between two documents: there is no time to pass.
        with contextlib.suppress(TimeoutError, ProtocolError):
            async with asyncio.timeout(max_wait):
                await self._session.call(
                    "Emulation.setVirtualTimePolicy",
                    policy=policy,
                    maxVirtualTimeTaskStarvationCount=_MAX_STARVATION_TASKS,
                    **grant,
                )
                if self._expired:
                    await asyncio.shield(self._expired)
                return True
        return False

    def _on_budget_expired(self, _: Json) -> None:
        if self._expired and not self._expired.done():
            self._expired.set_result(None)
