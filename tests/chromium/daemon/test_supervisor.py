"""Supervision of the captures in progress: CPU priority, and the memory of all browsers."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from tests.support.browsers import FakeBrowser
from tests.support.concurrency import async_test, eventually
from tintype.chromium.browser import Browser
from tintype.chromium.daemon.offenders import Cost
from tintype.chromium.daemon.slots import Holder, Rank
from tintype.chromium.daemon.supervisor import MAX_CPU, MAX_CPU_OF_OFFENDER, Running, Supervisor


def supervise(*browsers: FakeBrowser, limit: int = 1000, **state: Any) -> tuple[Supervisor, list[Running]]:
    """A supervisor of captures in these browsers, which are looked at by the test alone."""
    running = [
        Running(Holder(0.0, Rank.NORMAL), 0.0, browser=cast("Browser", browser), **state) for browser in browsers
    ]
    supervisor = Supervisor(2, cast("list[Browser]", browsers), set(running))
    supervisor.limit = limit
    return supervisor, running


@async_test
async def test_demotes_a_capture_that_computes_too_much() -> None:
    busy, other = FakeBrowser(capture_cpu=MAX_CPU + 1), FakeBrowser(capture_cpu=MAX_CPU - 1)
    supervisor, running = supervise(busy, other)
    supervisor.demote_busy()
    assert (busy.demoted, other.demoted) == (True, False)
    assert running[0].cost is Cost.EXCESSIVE
    assert supervisor.was_disturbed(running[1])
    assert not supervisor.was_disturbed(running[0])


@async_test
async def test_does_not_demote_the_only_capture() -> None:
    busy = FakeBrowser(capture_cpu=MAX_CPU + 1)
    supervisor, _ = supervise(busy)
    supervisor.demote_busy()
    assert not busy.demoted


@async_test
async def test_demotes_an_offender_sooner() -> None:
    busy = FakeBrowser(capture_cpu=MAX_CPU_OF_OFFENDER + 0.1)
    supervisor, _ = supervise(busy, FakeBrowser(), expected_cost=Cost.EXCESSIVE)
    supervisor.demote_busy()
    assert busy.demoted


@async_test
async def test_ends_the_largest_page_if_all_browsers_are_over_the_limit() -> None:
    large, small = FakeBrowser(memory=800), FakeBrowser(memory=300)
    supervisor, running = supervise(large, small)
    supervisor.limit_memory()
    assert (large.page_fault, small.is_alive) == ("memory", True)
    assert supervisor.was_disturbed(running[1])


@async_test
async def test_does_not_blame_a_page_of_an_average_size() -> None:
    browsers = [FakeBrowser(memory=260 + number) for number in range(4)]
    supervisor, _ = supervise(*browsers)
    supervisor.limit_memory()
    assert [browser.is_alive for browser in browsers] == [True, True, True, False]
    assert browsers[3].page_fault == ""


@async_test
async def test_slow_captures_need_memory() -> None:
    supervisor, _ = supervise(FakeBrowser(memory=800))
    assert not supervisor.has_memory()
    supervisor, _ = supervise(FakeBrowser(memory=600))
    assert supervisor.has_memory()


@async_test
async def test_looks_at_captures_until_the_last_has_ended() -> None:
    large = FakeBrowser(memory=2000)
    supervisor, running = supervise(large)
    supervisor.captures.clear()
    supervisor.add(running[0])
    assert await asyncio.to_thread(eventually, lambda: not large.is_alive)
    supervisor.remove(running[0])
    assert supervisor._task is None
