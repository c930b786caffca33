"""How time is granted to a page, portion by portion, against a browser that is played."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.capture.virtual_time import VirtualTime
from tintype.chromium.cdp.connection import Connection


class Played:
    """A page whose time runs out when the test says so."""

    def __init__(self) -> None:
        self.portions: list[tuple[str, float | None]] = []
        self._asked = asyncio.Condition()
        self._connection = Connection(self._take)
        self.clock = VirtualTime(self._connection.session("page"))

    def run_out(self) -> None:
        """The portion under way has passed."""
        self._say(sessionId="page", method="Emulation.virtualTimeBudgetExpired", params={})

    async def until_granted(self, count: int) -> None:
        async with asyncio.timeout(30), self._asked:
            await self._asked.wait_for(lambda: len(self.portions) >= count)

    def _take(self, message: bytes) -> None:
        call = json.loads(message.rstrip(b"\0"))
        self.portions.append((call["params"]["policy"], call["params"].get("budget")))
        asyncio.get_running_loop().call_soon(self._granted, call["id"])

    def _granted(self, call: int) -> None:
        self._say(id=call, result={})
        self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        async with self._asked:
            self._asked.notify_all()

    def _say(self, **message: Any) -> None:
        self._connection.feed(json.dumps(message).encode() + b"\0")


@async_test
async def test_each_budget_has_its_own_end() -> None:
    page = Played()
    cut_short = asyncio.create_task(page.clock.sync_with_wall_clock(0.001))
    await page.until_granted(1)
    cut_short.cancel()
    skipping = asyncio.create_task(page.clock.advance(3000, 30))
    await page.until_granted(2)
    assert page.portions[1] == ("advance", None), "what is left of the first passes first"
    page.run_out()
    await page.until_granted(3)
    assert page.portions[2] == ("pauseIfNetworkFetchesPending", 3000)
    assert not skipping.done()
    page.run_out()
    await asyncio.wait_for(skipping, 30)


@async_test
async def test_advances_without_the_network_after_max_wait() -> None:
    page = Played()
    skipping = asyncio.create_task(page.clock.advance(3000, 0.01))
    await page.until_granted(2)
    assert page.portions == [("pauseIfNetworkFetchesPending", 3000), ("advance", None)], "the same portion"
    page.run_out()
    await asyncio.wait_for(skipping, 30)


@async_test
async def test_the_clock_catches_up_with_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Played()
    first = asyncio.create_task(page.clock.sync_with_wall_clock(0.001))
    await page.until_granted(1)
    loop, now = asyncio.get_running_loop(), asyncio.get_running_loop().time
    monkeypatch.setattr(loop, "time", lambda: now() + 0.2)
    page.run_out()
    await first
    second = asyncio.create_task(page.clock.sync_with_wall_clock(0.001))
    await page.until_granted(2)
    assert (page.portions[1][1] or 0) > 150
    page.run_out()
    await second
