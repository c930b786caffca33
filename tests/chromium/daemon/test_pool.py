"""The capture pool with fake browsers: queue, slots, launches and the blocklist."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.browsers import LIMITS, PICTURE, FakeBrowser, FakeLauncher, shot, turn
from tests.support.concurrency import async_test
from tintype.chromium.process.launch import LaunchFailed
from tintype.chromium.proxy.blocklist import DomainSet
from tintype.errors import (
    BackendUnavailable,
    NotAPage,
    Overloaded,
)
from tintype.options import Credentials, PageChanges

SHORT = replace(LIMITS, timeout=0.1)


@async_test
async def test_adds_the_time_in_the_queue_to_the_timings() -> None:
    launcher = FakeLauncher()
    pending = launcher.capture()
    await turn()
    launcher.end()
    assert (await pending).body == b"png"
    assert set((await pending).timings) == {"queue", "screenshot"}


@async_test
async def test_identical_shots_share_one_capture() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture("a") for _ in range(20)]
    await turn()
    assert len(launcher.pending) == 1
    launcher.end()
    assert {(await one).body for one in pending} == {b"png"}


@async_test
async def test_fresh_capture_does_not_share_one_that_has_begun() -> None:
    launcher = FakeLauncher()
    first = launcher.capture("a")
    await turn()
    others = [launcher.capture("a", fresh=True)]
    await turn()
    assert [each.fresh for each in launcher.pending] == [False, True]
    others.append(launcher.capture("a"))
    launcher.end()
    assert (await first).body == b"png"
    assert not any(other.done() for other in others)
    launcher.end(replace(PICTURE, body=b"new"))
    assert [(await other).body for other in others] == [b"new"] * 2


@async_test
async def test_fresh_captures_share_one_that_is_still_in_the_queue() -> None:
    launcher = FakeLauncher()
    running = [launcher.capture(name) for name in "bc"]
    waiting = [launcher.capture("a", fresh=fresh) for fresh in (False, True, True)]
    await turn()
    assert launcher.pool.queue_length == 1
    for _ in range(3):
        launcher.end()
        await turn()
    assert {(await one).body for one in (*running, *waiting)} == {b"png"}
    assert [each.fresh for each in launcher.pending] == [False, False, True]


@async_test
async def test_reports_when_a_capture_began_relative_to_each_call() -> None:
    launcher = FakeLauncher()
    first = launcher.capture("a")
    await turn()
    second = launcher.capture("a")
    await turn()
    launcher.end()
    assert (await first).begun_after >= 0
    assert (await second).begun_after < 0


@async_test
async def test_close_cancels_captures_that_a_fresh_one_replaced() -> None:
    launcher = FakeLauncher()
    both = [launcher.capture("a")]
    await turn()
    both.append(launcher.capture("a", fresh=True))
    await turn()
    await launcher.pool.close()
    for one in both:
        with pytest.raises(BackendUnavailable):
            await one


@async_test
async def test_identical_shots_share_a_failure() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture("a") for _ in range(3)]
    await turn()
    launcher.end(NotAPage("a download"))
    for one in pending:
        with pytest.raises(NotAPage):
            await one


@async_test
async def test_runs_no_more_captures_than_slots() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture(name) for name in "abc"]
    await turn()
    assert (len(launcher.pending), launcher.pool.busy, launcher.pool.queue_length) == (2, 2, 1)
    launcher.end()
    await turn()
    assert len(launcher.pending) == 3
    for one in pending:
        one.cancel()


@async_test
async def test_rejects_a_capture_with_retry_after_if_the_queue_is_full() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture(name) for name in "abcd"]
    await turn()
    with pytest.raises(Overloaded) as refusal:
        await launcher.pool.capture(shot("e"))
    assert refusal.value.retry_after is not None
    assert 1 <= refusal.value.retry_after <= 60
    same = launcher.capture("a")  # joins the running capture, so it needs no place in the queue
    await turn()
    launcher.end()
    assert (await same).body == b"png"
    for one in pending:
        one.cancel()


@async_test
async def test_cancels_a_capture_without_waiters() -> None:
    launcher = FakeLauncher()
    first, second = launcher.capture("a"), launcher.capture("a")
    await turn()
    first.cancel()
    await turn()
    assert not launcher.pending[0].outcome.cancelled()
    second.cancel()
    await turn()
    assert launcher.pending[0].outcome.cancelled()
    assert launcher.pool.busy == 0
    again = launcher.capture("a")
    await turn()
    assert len(launcher.pending) == 2
    again.cancel()


@async_test
async def test_retries_a_failed_launch_after_a_pause() -> None:
    launcher = FakeLauncher(LaunchFailed("no"), FakeBrowser())
    for _ in range(2):
        with pytest.raises(BackendUnavailable) as failure:
            await launcher.pool.capture(shot("a"))
        assert failure.value.retry_after is not None
        assert 0 < failure.value.retry_after <= 1
    assert launcher.attempts == 1
    launcher.pool.browsers._failed_at -= 1
    pending = launcher.capture("a")
    await turn()
    launcher.end()
    assert (await pending).body == b"png"


@async_test
async def test_check_ends_a_browser_that_fails_the_probe() -> None:
    launcher = FakeLauncher(FakeBrowser(draws=False), FakeBrowser())
    with pytest.raises(BackendUnavailable):
        await launcher.pool.check()
    assert not launcher.started[0].is_alive
    await launcher.pool.check()
    assert len(launcher.started) == 2


@async_test
async def test_blocks_advertising_unless_the_target_is_listed() -> None:
    rules = DomainSet(frozenset({"ads.example.com"}))
    launcher = FakeLauncher(blocked=rules)
    shots = [launcher.capture("a"), launcher.capture("ads")]
    await turn()
    assert [each.blocked for each in launcher.pending] == [rules, None]
    for _ in shots:
        launcher.end()
    await asyncio.gather(*shots)
    pending = launcher.capture("b", page_changes=PageChanges(block_ads=False))
    await turn()
    assert launcher.pending[-1].blocked is None
    launcher.end()
    await pending


@async_test
async def test_close_fails_waiting_captures_and_closes_every_browser() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture(name) for name in "abc"]
    await turn()
    await launcher.pool.close()
    for one in pending:
        with pytest.raises(BackendUnavailable):
            await one
    assert launcher.started[0].closed
    with pytest.raises(BackendUnavailable):
        await launcher.pool.capture(shot("d"))


class TestCredentials:
    @pytest.mark.parametrize("given", [{"basic_auth": ("a", "b")}, {"headers": (("x-key", "1"),)}])
    @async_test
    async def test_open_a_page_in_an_isolated_browser(self, given: dict[str, Any]) -> None:
        launcher = FakeLauncher()
        capture = launcher.capture(credentials=Credentials.model_construct(**given))
        await turn()
        launcher.end()
        await capture
        await turn()
        assert [(browser.isolates_sites, browser.closed) for browser in launcher.started] == [(True, True)]
