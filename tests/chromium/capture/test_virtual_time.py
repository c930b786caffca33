"""Budgets of virtual time, against a fake browser."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.capture.virtual_time import VirtualTime
from tintype.chromium.cdp.connection import Connection


class FakePage:
    """A page whose budgets end when the test calls ``expire``."""

    def __init__(self) -> None:
        self.budgets: list[tuple[str, float | None]] = []
        self._changed = asyncio.Condition()
        self._connection = Connection(self._on_call)
        self.virtual_time = VirtualTime(self._connection.session("page"))

    def expire(self) -> None:
        """End the current budget."""
        self._send(sessionId="page", method="Emulation.virtualTimeBudgetExpired", params={})

    async def wait_for_budgets(self, count: int) -> None:
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: len(self.budgets) >= count)

    def _on_call(self, message: bytes) -> None:
        call = json.loads(message.rstrip(b"\0"))
        self.budgets.append((call["params"]["policy"], call["params"].get("budget")))
        asyncio.get_running_loop().call_soon(self._answer, call["id"])

    def _answer(self, call: int) -> None:
        self._send(id=call, result={})
        self._notifying = asyncio.create_task(self._notify())

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _send(self, **message: Any) -> None:
        self._connection.feed(json.dumps(message).encode() + b"\0")


@async_test
async def test_each_budget_has_its_own_end() -> None:
    page = FakePage()
    cancelled = asyncio.create_task(page.virtual_time.sync_with_wall_clock(0.001))
    await page.wait_for_budgets(1)
    cancelled.cancel()
    advancing = asyncio.create_task(page.virtual_time.advance(3000, 30))
    await page.wait_for_budgets(2)
    assert page.budgets[1] == ("advance", None), "the rest of the first budget"
    page.expire()
    await page.wait_for_budgets(3)
    assert page.budgets[2] == ("pauseIfNetworkFetchesPending", 3000)
    assert not advancing.done()
    page.expire()
    await asyncio.wait_for(advancing, 30)


@async_test
async def test_advances_without_the_network_after_max_wait() -> None:
    page = FakePage()
    advancing = asyncio.create_task(page.virtual_time.advance(3000, 0.01))
    await page.wait_for_budgets(2)
    assert page.budgets == [("pauseIfNetworkFetchesPending", 3000), ("advance", None)], "the same budget"
    page.expire()
    await asyncio.wait_for(advancing, 30)


@async_test
async def test_the_clock_catches_up_with_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    page = FakePage()
    first = asyncio.create_task(page.virtual_time.sync_with_wall_clock(0.001))
    await page.wait_for_budgets(1)
    loop, now = asyncio.get_running_loop(), asyncio.get_running_loop().time
    monkeypatch.setattr(loop, "time", lambda: now() + 0.2)
    page.expire()
    await first
    second = asyncio.create_task(page.virtual_time.sync_with_wall_clock(0.001))
    await page.wait_for_budgets(2)
    assert (page.budgets[1][1] or 0) > 150
    page.expire()
    await second
