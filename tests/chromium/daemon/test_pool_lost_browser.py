"""The capture pool with fake browsers: whose failure a lost browser, a timeout or a costly page is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.support.browsers import LIMITS, FakeBrowser, FakeLauncher, shot, turn
from tests.support.concurrency import async_test
from tintype.chromium.cdp.connection import ProtocolError, TargetClosed, TargetCrashed
from tintype.chromium.daemon.slots import SLOW_AFTER
from tintype.errors import (
    BackendUnavailable,
    BrowserCrashed,
    CaptureTimeout,
    EngineError,
    PageCrashed,
)

SHORT = replace(LIMITS, timeout=0.1)


class TestLostBrowser:
    @async_test
    async def test_captures_never_share_a_browser(self) -> None:
        launcher = FakeLauncher()
        both = [launcher.capture(name) for name in "ab"]
        await turn()
        culprit, victim = launcher.pending
        assert culprit.browser is not victim.browser
        culprit.browser.end_page("memory")
        with pytest.raises(PageCrashed, match="more memory"):
            await both[0]
        assert not both[1].done()
        launcher.end()
        assert (await both[1]).body == b"png"
        assert launcher.pool.captures == 2

    @async_test
    async def test_retries_a_capture_in_another_browser(self) -> None:
        launcher = FakeLauncher()
        pending = launcher.capture()
        await turn()
        launcher.started[0].die(TargetClosed("gone"))
        await turn()
        launcher.end()
        assert (await pending).body == b"png"
        assert launcher.pending[1].browser is not launcher.pending[0].browser
        assert launcher.started[0].closed
        assert launcher.pool.browsers.restarts == 1

    @async_test
    async def test_retries_once_after_an_error_of_the_protocol(self) -> None:
        launcher = FakeLauncher()
        pending = launcher.capture()
        await turn()
        launcher.end(ProtocolError("Emulation.setUserAgentOverride", "Internal error"))
        await turn()
        launcher.end(ProtocolError("Emulation.setUserAgentOverride", "Internal error"))
        with pytest.raises(EngineError, match="Internal error"):
            await pending
        assert launcher.pool.captures == 2

    @async_test
    async def test_gives_both_attempts_one_time_limit(self) -> None:
        launcher = FakeLauncher()
        pending = launcher.capture()
        await turn()
        next(iter(launcher.pool._supervisor.captures)).started -= 1
        launcher.started[0].die(TargetClosed("gone"))
        await turn()
        first, second = (each.time_limit for each in launcher.pending)
        assert first <= LIMITS.timeout
        assert second <= first - 1
        pending.cancel()

    @pytest.mark.parametrize(("killed", "error"), [(True, BrowserCrashed), (False, PageCrashed)])
    def test_blames_the_page_for_a_second_crash_unless_something_killed_it(
        self, killed: bool, error: type[Exception]
    ) -> None:
        @async_test
        async def scenario() -> None:
            launcher = FakeLauncher(*(FakeBrowser(killed_by_others=killed) for _ in range(3)))
            pending = launcher.capture()
            for _ in range(2):
                await turn()
                launcher.running()[0].browser.die(TargetClosed("gone"))
            with pytest.raises(error):
                await pending

        scenario()

    @async_test
    async def test_blames_the_page_for_the_crash_of_its_renderer(self) -> None:
        launcher = FakeLauncher()
        pending = launcher.capture()
        await turn()
        launcher.end(TargetCrashed(killed=False))
        with pytest.raises(PageCrashed):
            await pending
        assert launcher.pool.captures == 1
        assert launcher.pool.browsers.restarts == 0

    @async_test
    async def test_retries_a_page_whose_renderer_something_killed(self) -> None:
        launcher = FakeLauncher()
        pending = launcher.capture()
        await turn()
        launcher.end(TargetCrashed(killed=True))
        await turn()
        launcher.end()
        assert (await pending).body == b"png"

    def test_caches_a_crash_only_if_the_page_is_the_reason(self) -> None:
        assert PageCrashed.cacheable
        assert not BrowserCrashed.cacheable
        assert not BackendUnavailable.cacheable


class TestTimeLimit:
    @async_test
    async def test_bounds_a_capture_that_a_browser_does_not_end(self) -> None:
        launcher = FakeLauncher(limits=SHORT)
        with pytest.raises(CaptureTimeout):
            await launcher.pool.capture(shot("a"))
        assert launcher.started[0].closed
        assert launcher.pool.in_progress == 0

    @async_test
    async def test_bounds_the_start_of_the_browser(self) -> None:
        launcher = FakeLauncher(limits=SHORT)
        never = asyncio.Event()

        async def hang(**_: object) -> None:
            await never.wait()

        launcher.pool.browsers._start_browser = hang  # type: ignore[assignment]
        with pytest.raises(BackendUnavailable, match="did not start"):
            await launcher.pool.capture(shot("a"))
        await launcher.pool.close()

    @async_test
    async def test_blames_no_page_for_a_timeout_if_another_was_ended(self) -> None:
        launcher = FakeLauncher()
        victim, culprit = launcher.capture("victim"), launcher.capture("culprit")
        await turn()
        launcher.pending[1].browser.end_page("memory")
        with pytest.raises(PageCrashed):
            await culprit
        launcher.end(CaptureTimeout())
        with pytest.raises(BackendUnavailable):
            await victim

    @async_test
    async def test_blames_the_page_if_the_incident_was_earlier(self) -> None:
        launcher = FakeLauncher()
        culprit = launcher.capture("culprit")
        await turn()
        launcher.pending[0].browser.end_page("memory")
        with pytest.raises(PageCrashed):
            await culprit
        supervisor = launcher.pool._supervisor
        supervisor._incidents[0] = (supervisor._incidents[0][0] - 1, None)
        slow = launcher.capture("slow")
        await turn()
        launcher.end(CaptureTimeout())
        with pytest.raises(CaptureTimeout):
            await slow

    @async_test
    async def test_blames_no_page_for_a_timeout_if_a_probe_failed(self) -> None:
        launcher = FakeLauncher(FakeBrowser(), FakeBrowser(draws=False), FakeBrowser())
        victim = launcher.capture("victim")
        await turn()
        with pytest.raises(BackendUnavailable):
            await launcher.pool.check()
        launcher.end(CaptureTimeout())
        with pytest.raises(BackendUnavailable):
            await victim


class TestCostlyPages:
    @async_test
    async def test_slow_captures_give_up_their_slot_to_captures_that_wait(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        launcher = FakeLauncher()
        both = [launcher.capture(name) for name in "ab"]
        await turn()
        for holder in launcher.pool._slots._holders:
            holder.started -= SLOW_AFTER
        quick = launcher.capture("quick")
        await turn()
        assert (launcher.pool.busy, launcher.pool.slow, launcher.pool.queue_length) == (2, 1, 0)
        for _ in range(3):
            launcher.end()
        await asyncio.gather(*both, quick)
        assert launcher.pool.in_progress == 0

    @async_test
    async def test_crashed_pages_wait_behind_the_others(self) -> None:
        launcher = FakeLauncher()
        first = launcher.capture("costly")
        await turn()
        launcher.end(TargetCrashed(killed=False))
        with pytest.raises(PageCrashed):
            await first
        both = [launcher.capture(name) for name in "ab"]
        await turn()
        waiting = [launcher.capture(name) for name in ("costly", "quick")]
        launcher.end()
        await turn()
        assert launcher.running()[-1].shot.url == "http://quick.example.com/"
        for _ in range(2):
            launcher.end()
            await turn()
        launcher.end()
        await asyncio.gather(*both, *waiting)
