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

_STARVED = 100
"""Tasks without any time passing after which it passes anyway: pages can keep themselves busy for ever."""
_LAST_PATIENCE = 0.5


class VirtualTime:
    """The time of one page. Before the first call it passes as ours does."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._expired: asyncio.Future[Any] | None = None
        """The end of the portion granted last."""
        self._begin = 0.0
        self._granted = 0.0
        session.on("Emulation.virtualTimeBudgetExpired", self._expire)

    @property
    def begun(self) -> bool:
        """Whether time passes as we say."""
        return self._expired is not None

    async def skip(self, milliseconds: float, patience: float) -> None:
        """Let so much time pass at once, waiting up to ``patience`` seconds for what the page is loading."""
        if not await self._pass("pauseIfNetworkFetchesPending", milliseconds, patience):
            await self._run_out("advance", _LAST_PATIENCE)

    async def keep_pace(self, seconds: float) -> None:
        """Let as much time pass in the page as for us, and what it has fallen behind."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(seconds)
        behind = loop.time() - self._begin - self._granted if self.begun else 0
        await self._pass("advance", max(seconds, behind) * 1000, _LAST_PATIENCE)

    async def _pass(self, policy: str, milliseconds: float, patience: float) -> bool:
        """Whether the time has passed."""
        if self._expired is None:
            self._begin = asyncio.get_running_loop().time()
        elif not self._expired.done():
            await self._run_out("advance", _LAST_PATIENCE)
        self._expired = self._session.create_future()
        self._granted += milliseconds / 1000
        return await self._run_out(policy, patience, budget=milliseconds)

    async def _run_out(self, policy: str, patience: float, **grant: float) -> bool:
        """Wait for the end of the portion under way, or of the one granted here."""
        # Refused while the page is between two documents: there is no time to pass.
        with contextlib.suppress(TimeoutError, ProtocolError):
            async with asyncio.timeout(patience):
                await self._session.call(
                    "Emulation.setVirtualTimePolicy",
                    policy=policy,
                    maxVirtualTimeTaskStarvationCount=_STARVED,
                    **grant,
                )
                if self._expired:
                    await asyncio.shield(self._expired)
                return True
        return False

    def _expire(self, _: Json) -> None:
        if self._expired and not self._expired.done():
            self._expired.set_result(None)
