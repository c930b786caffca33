"""How does time pass in the page? Once it has loaded, as we say: charts grow and entries fade in before the picture.

Chromium's virtual time runs ahead of ours as fast as the page's work allows and stands still in between, so a settled
picture costs no waiting. While the page waits for the network it waits too, for so long.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tintype.chromium.cdp import Json, Refused, Session

_STARVED = 100
"""Tasks without any time passing after which it passes anyway: pages can keep themselves busy for ever."""
_LAST_PATIENCE = 0.5


class Clock:
    """The time of one page. Before the first call it passes as ours does."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._expired: asyncio.Future[Any] | None = None
        session.on("Emulation.virtualTimeBudgetExpired", self._expire)

    @property
    def begun(self) -> bool:
        """Whether time passes as we say."""
        return self._expired is not None

    async def skip(self, milliseconds: float, patience: float) -> None:
        """Let so much time pass at once, waiting up to ``patience`` seconds for what the page is loading."""
        if not await self._pass("pauseIfNetworkFetchesPending", milliseconds, patience):
            await self._pass("advance", milliseconds, _LAST_PATIENCE)

    async def keep_pace(self, seconds: float) -> None:
        """Let as much time pass in the page as for us."""
        await asyncio.gather(self._pass("advance", seconds * 1000, seconds), asyncio.sleep(seconds))

    async def _pass(self, policy: str, milliseconds: float, patience: float) -> bool:
        """Whether the time has passed."""
        self._expired = self._session.promise()
        # Refused while the page is between two documents: there is no time to pass.
        with contextlib.suppress(TimeoutError, Refused):
            async with asyncio.timeout(patience):
                await self._session.call(
                    "Emulation.setVirtualTimePolicy",
                    policy=policy,
                    budget=milliseconds,
                    maxVirtualTimeTaskStarvationCount=_STARVED,
                )
                await self._expired
                return True
        return False

    def _expire(self, _: Json) -> None:
        if self._expired and not self._expired.done():
            self._expired.set_result(None)
