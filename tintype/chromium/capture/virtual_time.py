"""Chromium's virtual time: advances a page's clock faster than real time before the screenshot.

Before the first call the page's time is real time. Then it advances only by budgets: as fast as the page's own work
allows, and it stands still in between. Charts grow and elements fade in without costing real seconds. While the page
loads something, virtual time can wait for the network, up to a limit.

Budgets must not overlap: the end of one stops the clock, even if another was granted meanwhile. The clock must not
fall behind real time: animation frames are due in real time, and Chromium never draws one that is due in the page's
future.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Coroutine
from typing import Any, TypeVar

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed

_Result = TypeVar("_Result")

POLL_INTERVAL = 0.05
"""Seconds between two checks of a page, during which its time advances."""
_MAX_STARVATION_TASKS = 100
"""Tasks after which Chromium advances virtual time in any case: some pages are never idle."""
_FORCED_SECONDS = 0.5
"""Seconds to wait for a budget that does not depend on the network."""
MAX_ISOLATED = 30
"""Frames in processes of their own whose time is virtual; a hostile page can have any number."""


class VirtualTime:
    """The clock of one page, and of its frames in other processes."""

    def __init__(self, session: CdpSession, *, is_page: bool = True) -> None:
        self._session = session
        self._is_page = is_page
        self._expired: asyncio.Future[Any] | None = None
        """Resolves at the end of the last budget."""
        self._started_at = 0.0
        self._granted_seconds = 0.0
        self.stalled = False
        """Whether the page has loaded for longer than a budget was to wait."""
        self._isolated: list[VirtualTime] = []
        """Clocks of frames in processes of their own, which get the budgets of the page."""
        session.on("Emulation.virtualTimeBudgetExpired", self._on_budget_expired)

    @property
    def started(self) -> bool:
        """Whether the page's time is virtual already."""
        return self._expired is not None

    def include(self, session: CdpSession) -> None:
        """Give a frame in another process the same budgets from now on."""
        if len(self._isolated) < MAX_ISOLATED:
            self._isolated.append(VirtualTime(session, is_page=False))

    async def advance(self, milliseconds: float, max_wait: float) -> None:
        """Advance the page's time, waiting up to ``max_wait`` seconds for what the page is loading."""
        advance = VirtualTime._advance
        await asyncio.gather(*(advance(clock, milliseconds, max_wait) for clock in (self, *self._isolated)))

    async def sync_with_wall_clock(self, seconds: float) -> None:
        """Sleep, then advance the page's time by the same time, or further if it is behind real time."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(seconds)
        behind = loop.time() - self._started_at - self._granted_seconds if self.started else 0
        grant, budget = VirtualTime._grant, max(seconds, behind) * 1000
        clocks = (self, *self._isolated)
        await asyncio.gather(*(grant(clock, "advance", budget, _FORCED_SECONDS) for clock in clocks))

    async def pass_real_time(self, seconds: float) -> None:
        """Sleep; the page's time advances by as much. Before the first budget it does by itself."""
        if self.started:
            await self.sync_with_wall_clock(seconds)
        else:
            await asyncio.sleep(seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait in real time with the page's time running, so that what the page does meanwhile is drawn."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            await self.sync_with_wall_clock(min(POLL_INTERVAL, left))

    async def with_time_running(self, work: Coroutine[Any, Any, _Result], after: float = 0) -> _Result:
        """Await ``work``; the page's time runs from ``after`` seconds on until it is done.

        While virtual time stands still, nothing that is loading arrives, and no frame that is due in the page's future
        is drawn.
        """

        async def run_time() -> None:
            with contextlib.suppress(TargetClosed):
                await asyncio.sleep(after)
                if self.started:
                    await self.sleep(math.inf)

        running = asyncio.create_task(run_time())
        try:
            return await work
        finally:
            running.cancel()

    async def _advance(self, milliseconds: float, max_wait: float) -> None:
        if not await self._grant("pauseIfNetworkFetchesPending", milliseconds, max_wait):
            self.stalled = True
            await self._wait_budget("advance", _FORCED_SECONDS)

    async def _grant(self, policy: str, milliseconds: float, max_wait: float) -> bool:
        """Grant a budget after the last one has ended; returns whether it ended within ``max_wait`` seconds."""
        if self._expired is None:
            self._started_at = asyncio.get_running_loop().time()
        elif not self._expired.done():
            await self._wait_budget("advance", _FORCED_SECONDS)
        self._expired = self._session.create_future()
        self._granted_seconds += milliseconds / 1000
        return await self._wait_budget(policy, max_wait, budget=milliseconds)

    async def _wait_budget(self, policy: str, max_wait: float, **grant: float) -> bool:
        """Wait for the end of the current budget, or of the one in ``grant``; returns whether it ended in time."""
        # Chromium rejects the call while the page is between two documents: then there is no clock to advance.
        ended = () if self._is_page else (TargetClosed,)
        with contextlib.suppress(TimeoutError, ProtocolError, *ended):
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
