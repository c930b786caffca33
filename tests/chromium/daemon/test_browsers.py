"""The browsers of a daemon: started on demand, used again, recycled, closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.browsers import FakeBrowser, FakeLauncher, turn
from tests.support.concurrency import async_test
from tintype.chromium.daemon.browsers import MAX_MEMORY_GROWTH, Browsers
from tintype.chromium.process.launch import LaunchFailed
from tintype.errors import BackendUnavailable


def browsers_of(launcher: FakeLauncher, **limits: Any) -> Browsers:
    return Browsers(launcher.start, **{"recycle_after": 100, "recycle_age": 1000.0, **limits})


class TestStart:
    @async_test
    async def test_starts_no_browser_while_one_is_idle(self) -> None:
        launcher = FakeLauncher()
        browsers = browsers_of(launcher)
        for _ in range(3):
            browsers.release(await browsers.acquire())
        assert launcher.attempts == 1

    @async_test
    async def test_gives_each_capture_a_browser(self) -> None:
        launcher = FakeLauncher()
        browsers = browsers_of(launcher)
        acquired = await asyncio.gather(*(browsers.acquire() for _ in range(3)))
        assert len(set(map(id, acquired))) == 3

    @async_test
    async def test_hands_a_released_browser_to_the_first_that_waits(self) -> None:
        launcher = FakeLauncher(FakeBrowser(), LaunchFailed("no"))
        browsers = browsers_of(launcher)
        first = await browsers.acquire()
        waiting = asyncio.create_task(browsers.acquire())
        await asyncio.sleep(0)
        browsers.release(first)
        assert await waiting is first

    @async_test
    async def test_shares_one_failed_start_among_all_that_wait(self) -> None:
        launcher = FakeLauncher(LaunchFailed("no"), FakeBrowser())
        browsers = browsers_of(launcher)
        results = await asyncio.gather(*(browsers.acquire() for _ in range(20)), return_exceptions=True)
        assert all(isinstance(result, BackendUnavailable) for result in results)
        assert launcher.attempts == 1

    @async_test
    async def test_doubles_the_pause_with_every_failure(self) -> None:
        launcher = FakeLauncher(*(LaunchFailed("no") for _ in range(8)))
        browsers = browsers_of(launcher)
        pauses = []
        for _ in range(8):
            with pytest.raises(BackendUnavailable) as failure:
                await browsers.acquire()
            pauses.append(round(failure.value.retry_after or 0))
            browsers._failed_at -= 100
        assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]

    @async_test
    async def test_keeps_a_browser_for_which_nothing_waits_any_more(self) -> None:
        launcher = FakeLauncher()
        browsers = browsers_of(launcher)
        waiting = asyncio.create_task(browsers.acquire())
        await asyncio.sleep(0)
        waiting.cancel()
        await turn()
        await browsers.acquire()
        assert launcher.attempts == 1


class TestSiteCache:
    @async_test
    async def test_prefers_the_idle_browser_that_keeps_a_context_of_the_site(self) -> None:
        launcher = FakeLauncher(FakeBrowser(kept_sites={"a"}), FakeBrowser(kept_sites={"b"}), FakeBrowser())
        browsers = browsers_of(launcher)
        acquired = await asyncio.gather(*(browsers.acquire() for _ in range(3)))
        for browser in acquired:
            browsers.release(browser)
        first = await browsers.acquire(site="b")
        assert first is acquired[1]
        assert await browsers.acquire(site="b") is acquired[2], "no capture waits for a context, this one was used last"
        assert await browsers.acquire(site="a") is acquired[0]

    @async_test
    async def test_counts_captures_in_kept_contexts_of_closed_browsers(self) -> None:
        launcher = FakeLauncher(FakeBrowser(kept_context_captures=2), FakeBrowser(kept_context_captures=1))
        browsers = browsers_of(launcher, recycle_after=0)
        browsers.release(await browsers.acquire())
        await turn()
        assert browsers.kept_context_captures == 3


class TestIsolated:
    @async_test
    async def test_serves_one_capture(self) -> None:
        launcher = FakeLauncher()
        browsers = browsers_of(launcher)
        browsers.release(await browsers.acquire())
        isolated = await browsers.start_isolated()
        assert [browser.isolates_sites for browser in launcher.started] == [False, True]
        browsers.release(isolated)
        await asyncio.sleep(0)
        assert [browser.closed for browser in launcher.started] == [False, True]
        assert len(browsers.all) == 1

    @async_test
    async def test_failed_start_delays_the_next_one(self) -> None:
        launcher = FakeLauncher(LaunchFailed("no"), FakeBrowser())
        browsers = browsers_of(launcher)
        for _ in range(2):
            with pytest.raises(BackendUnavailable):
                await browsers.start_isolated()
        assert launcher.attempts == 1


class TestRelease:
    @pytest.mark.parametrize(
        ("state", "restarts"),
        [
            ({"is_alive": False}, 1),
            ({"recycle_reason": "a probe failed"}, 1),
            ({"page_fault": "memory"}, 1),
            ({"demoted": True}, 0),
            ({"captures": 100}, 0),
            ({"started_at": -1e9}, 0),
            ({"memory_growth": MAX_MEMORY_GROWTH}, 0),
        ],
    )
    def test_replaces_a_browser(self, state: dict[str, Any], restarts: int) -> None:
        @async_test
        async def scenario() -> None:
            launcher = FakeLauncher()
            browsers = browsers_of(launcher)
            browser = await browsers.acquire()
            for name, value in state.items():
                setattr(browser, name, value)
            browsers.release(browser)
            await turn()
            assert launcher.started[0].closed
            assert (browsers.restarts, browsers.recycles) == (restarts, 1 - restarts)
            assert browsers.all == [await browsers.acquire()]  # started before it was needed
            assert browsers.all != [browser]

        scenario()

    @async_test
    async def test_replaces_an_idle_browser_that_has_crashed(self) -> None:
        launcher = FakeLauncher()
        browsers = browsers_of(launcher)
        browsers.release(await browsers.acquire())
        launcher.started[0].is_alive = False
        await browsers.acquire()
        assert len(launcher.started) == 2
        assert browsers.restarts == 1

    @async_test
    async def test_closes_idle_browsers_except_the_one_used_last(self) -> None:
        launcher = FakeLauncher()
        browsers = browsers_of(launcher)
        acquired = await asyncio.gather(*(browsers.acquire() for _ in range(3)))
        for browser in acquired:
            browsers.release(browser)
        browsers._shrink()
        await turn()
        assert browsers.all == [acquired[-1]]
        assert [browser.closed for browser in launcher.started] == [True, True, False]
        await browsers.close()

    @async_test
    async def test_undisposed_contexts_of_closed_browsers_stay_counted(self) -> None:
        launcher = FakeLauncher(FakeBrowser(undisposed_contexts=2), FakeBrowser(undisposed_contexts=1))
        browsers = browsers_of(launcher, recycle_after=0)
        browsers.release(await browsers.acquire())
        await turn()
        assert browsers.undisposed_contexts == 3
