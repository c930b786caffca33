"""Captures that their clients follow: steps, cancellation, and what is remembered of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.support.browsers import LIMITS, FakeLauncher, shot, turn
from tests.support.concurrency import async_test
from tintype.chromium.daemon.followed import MAX_CANCELLED, FollowedCaptures
from tintype.errors import CaptureCancelled, NotAPage
from tintype.model import Capture

ID, OTHER = "a" * 32, "b" * 32


class Followed:
    """Followed captures of a pool with fake browsers."""

    def __init__(self) -> None:
        self.launcher = FakeLauncher(limits=replace(LIMITS, queue=9))
        self.captures = FollowedCaptures()

    async def start(self, progress_id: str, name: str = "a") -> asyncio.Task[Capture]:
        """Request a capture of a shot under an id."""
        key = shot(name).key
        capture = self.launcher.pool.capture(shot(name))
        task = asyncio.ensure_future(self.captures.run(progress_id, key, capture))
        await turn()
        return task

    def step(self, progress_id: str) -> tuple[str, int]:
        return self.launcher.pool.progress(self.captures.key_of(progress_id))


@async_test
async def test_reports_the_step_until_the_capture_ends() -> None:
    followed = Followed()
    task = await followed.start(ID)
    assert followed.step(ID) == ("navigate", 0)
    followed.launcher.end()
    assert (await task).body == b"png"
    assert followed.step(ID) == ("", 0)
    assert len(followed.captures) == 0


@async_test
async def test_reports_the_captures_before_it_in_the_queue() -> None:
    followed = Followed()
    running = [followed.launcher.capture(name) for name in "xy"]
    await turn()
    tasks = [await followed.start(number * 32, name) for number, name in (("1", "a"), ("2", "b"), ("3", "c"))]
    assert [followed.step(number * 32) for number in "123"] == [("queue", 0), ("queue", 1), ("queue", 2)]
    followed.launcher.end()
    await turn()
    assert [followed.step(number * 32) for number in "123"] == [("navigate", 0), ("queue", 0), ("queue", 1)]
    for task in (*running, *tasks):
        task.cancel()
    await asyncio.gather(*running, *tasks, return_exceptions=True)


@async_test
async def test_reports_nothing_under_another_id() -> None:
    followed = Followed()
    task = await followed.start(ID)
    assert followed.step(OTHER) == ("", 0)
    assert not followed.captures.cancel(OTHER)
    assert not task.done()
    followed.launcher.end()
    await task


@async_test
async def test_cancellation_ends_the_capture() -> None:
    followed = Followed()
    task = await followed.start(ID)
    assert followed.captures.cancel(ID)
    with pytest.raises(CaptureCancelled):
        await task
    await turn()
    assert followed.launcher.pool.in_progress == 0
    assert len(followed.captures) == 0


@async_test
async def test_cancellation_spares_other_clients_of_the_same_capture() -> None:
    followed = Followed()
    first, second = await followed.start(ID), await followed.start(OTHER)
    assert followed.captures.cancel(ID)
    with pytest.raises(CaptureCancelled):
        await first
    followed.launcher.end()
    assert (await second).body == b"png"


@async_test
async def test_cancellation_that_arrives_first_prevents_the_capture() -> None:
    followed = Followed()
    assert not followed.captures.cancel(ID)
    with pytest.raises(CaptureCancelled):
        await (await followed.start(ID))
    assert followed.launcher.pool.captures == 0


@async_test
async def test_remembers_a_bounded_number_of_cancellations() -> None:
    followed = Followed()
    followed.captures.cancel(ID)
    for number in range(MAX_CANCELLED):
        followed.captures.cancel(f"{number:032x}")
    task = await followed.start(ID)
    followed.launcher.end()
    assert (await task).body == b"png"


@async_test
async def test_client_that_disconnects_cancels_its_capture() -> None:
    followed = Followed()
    task = await followed.start(ID)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await turn()
    assert followed.launcher.pool.in_progress == 0


@async_test
async def test_failure_is_raised_unchanged() -> None:
    followed = Followed()
    task = await followed.start(ID)
    followed.launcher.end(NotAPage())
    with pytest.raises(NotAPage):
        await task


@async_test
async def test_capture_without_an_id_is_not_followed() -> None:
    followed = Followed()
    task = await followed.start("")
    assert len(followed.captures) == 0
    followed.launcher.end()
    await task
