"""Captures of low priority in the pool: behind those that clients wait for, and in browsers of their own."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

import pytest

from harness import processes
from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.browsers import LIMITS, PICTURE, FakeLauncher, turn
from tests.support.concurrency import async_test
from tintype.chromium.daemon import slots
from tintype.chromium.daemon.offenders import Cost
from tintype.errors import BackendUnavailable, CaptureTimeout, NotAPage, Overloaded
from tintype.low_priority import low_priority
from tintype.options import Navigation, Shot

ONE_SLOT = replace(LIMITS, slots=1)
PARTIAL = replace(PICTURE, partial=True)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures of low priority begin right after those of clients."""
    monkeypatch.setattr(slots, "AFTER_CLIENT", 0)


def hosts(launcher: FakeLauncher) -> list[str]:
    """First letters of the hosts of all attempts so far."""
    return [each.shot.url.removeprefix("http://")[0] for each in launcher.pending]


class TestQueue:
    @async_test
    async def test_lets_captures_that_clients_wait_for_go_first(self) -> None:
        launcher = FakeLauncher(limits=ONE_SLOT)
        running = [launcher.capture("x")]
        await turn()
        running += [launcher.capture("j", low_priority=True), launcher.capture("a")]
        await turn()
        for _ in running:
            launcher.end()
            await turn()
        assert hosts(launcher) == ["x", "a", "j"]

    @async_test
    async def test_fills_no_place_of_the_queue_that_clients_wait_in(self) -> None:
        launcher = FakeLauncher(limits=ONE_SLOT)
        waiting = [launcher.capture(f"a{number}") for number in range(3)]
        await turn()
        waiting += [launcher.capture(f"j{number}", low_priority=True) for number in range(3)]
        await turn()
        assert (launcher.pool.queue_length, launcher.pool.low_priority) == (2, 3)
        for low in (False, True):
            with pytest.raises(Overloaded):
                await launcher.capture("b", low_priority=low)
        for _ in waiting:
            launcher.end()
            await turn()
        assert {(await each).body for each in waiting} == {b"png"}


class TestSharing:
    @async_test
    async def test_client_shares_a_queued_capture_which_then_goes_first(self) -> None:
        launcher = FakeLauncher(limits=ONE_SLOT)
        running = [launcher.capture("x"), launcher.capture("y")]
        await turn()
        running += [launcher.capture(name, low_priority=True) for name in "jk"]
        await turn()
        running.append(launcher.capture("k"))
        await turn()
        for _ in range(4):
            launcher.end()
            await turn()
        assert hosts(launcher) == ["x", "y", "k", "j"]
        assert {(await each).body for each in running} == {b"png"}

    @async_test
    async def test_client_does_not_wait_for_a_capture_that_runs(self) -> None:
        launcher = FakeLauncher()
        job = launcher.capture("j", low_priority=True)
        await turn()
        client = launcher.capture("j")
        await turn()
        assert [each.browser.low_priority for each in launcher.running()] == [True, False]
        launcher.running()[1].outcome.set_result(replace(PICTURE, body=b"new"))
        assert (await client).body == b"new"
        launcher.end()
        assert (await job).body == b"png"

    @async_test
    async def test_job_shares_the_capture_of_a_client(self) -> None:
        launcher = FakeLauncher()
        both = [launcher.capture("j"), launcher.capture("j", low_priority=True)]
        await turn()
        assert len(launcher.pending) == 1
        launcher.end()
        assert {(await each).body for each in both} == {b"png"}


class TestBrowsers:
    @async_test
    async def test_keeps_their_cpu_priority_while_no_client_waits(self) -> None:
        launcher = FakeLauncher()
        for name in "abc":
            job = launcher.capture(name, low_priority=True)
            await turn()
            launcher.end()
            await job
        assert [each.browser.low_priority for each in launcher.pending] == [False] * 3
        assert len(launcher.started) == 1

    @async_test
    async def test_lowers_the_cpu_priority_of_captures_that_run_when_a_client_comes(self) -> None:
        launcher = FakeLauncher()
        job = launcher.capture("j", low_priority=True)
        await turn()
        assert not launcher.running()[0].browser.low_priority
        client = launcher.capture("a")
        await turn()
        assert [each.browser.low_priority for each in launcher.running()] == [True, False]
        launcher.end()
        launcher.end()
        assert {(await each).body for each in (job, client)} == {b"png"}

    @async_test
    async def test_uses_browsers_of_the_lowest_cpu_priority_again(self) -> None:
        launcher = FakeLauncher()
        await self.client(launcher)
        for name in "abc":
            job = launcher.capture(name, low_priority=True)
            await turn()
            launcher.end()
            await job
        assert [each.browser.low_priority for each in launcher.pending] == [False, True, True, True]
        assert len(launcher.started) == 2

    async def client(self, launcher: FakeLauncher) -> None:
        capture = launcher.capture("client")
        await turn()
        launcher.end()
        await capture

    @async_test
    async def test_gives_them_to_no_client(self) -> None:
        launcher = FakeLauncher()
        await self.client(launcher)
        for low in (True, False):
            capture = launcher.capture("a", low_priority=low)
            await turn()
            launcher.end()
            await capture
        assert [each.browser.low_priority for each in launcher.pending] == [False, True, False]

    @async_test
    async def test_takes_an_idle_browser_only_if_another_is_left(self) -> None:
        launcher = FakeLauncher()
        clients = [launcher.capture(name) for name in "ab"]
        await turn()
        for _ in clients:
            launcher.end()
        await turn()
        jobs = [launcher.capture(name, low_priority=True) for name in "jk"]
        await turn()
        assert [browser.low_priority for browser in launcher.started] == [True, False, True]
        for _ in jobs:
            launcher.end()
        await turn()


class TestRepetition:
    @pytest.mark.parametrize("outcome", [PARTIAL, CaptureTimeout(), BackendUnavailable()])
    @async_test
    async def test_repeats_a_capture_that_left_its_cpu_time_to_others(self, outcome: object) -> None:
        launcher = FakeLauncher()
        job = launcher.capture("j", low_priority=True)
        await turn()
        client = launcher.capture("a")
        await turn()
        launcher.end(outcome)  # type: ignore[arg-type]
        launcher.end()
        await turn()
        repeated = launcher.running()
        assert [each.browser.low_priority for each in repeated] == [False]
        launcher.end()
        assert not (await job).partial
        assert (await client).body == b"png"

    @async_test
    async def test_does_not_repeat_it_while_no_other_ran(self) -> None:
        launcher = FakeLauncher()
        jobs = [launcher.capture(name, low_priority=True) for name in "jk"]
        await turn()
        for _ in jobs:
            launcher.end(PARTIAL)
        assert [(await job).partial for job in jobs] == [True, True]

    @async_test
    async def test_does_not_repeat_a_failure_that_is_the_pages_own(self) -> None:
        launcher = FakeLauncher()
        job = launcher.capture("j", low_priority=True)
        await turn()
        client = launcher.capture("a")
        await turn()
        launcher.end(NotAPage("a download"))
        with pytest.raises(NotAPage):
            await job
        launcher.end()
        await client

    @async_test
    async def test_records_no_page_as_slow_that_gave_up_its_slot_for_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded: list[tuple[str, Cost]] = []
        launcher = FakeLauncher(limits=ONE_SLOT)
        monkeypatch.setattr(launcher.pool._offenders, "record", lambda url, cost: recorded.append((url, cost)))
        job = launcher.capture("j", low_priority=True)
        await turn()
        client = launcher.capture("a")
        await turn()
        launcher.end()
        await job
        launcher.end()
        await client
        assert [url for url, _ in recorded] == ["http://a.example.com/"]


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux only")
def test_browsers_of_jobs_get_the_cpu_time_that_no_other_process_wants(
    start_engine: StartEngine, site: SiteServer
) -> None:
    page = site.url("/plain.html")
    engine = start_engine(slots=1, allow_addresses=(f"127.0.0.1:{site.port}",))
    engine.capture(Shot(navigation=Navigation(url=page)))
    with low_priority():
        engine.capture(Shot(navigation=Navigation(url=f"{page}?job")))
    browsers = [pid for pid in processes.tree(engine.status().pid) if _is_browser(pid)]
    policies = {pid: {policy for each in processes.tree(pid) for policy in _policies(each)} for pid in browsers}
    assert {os.SCHED_IDLE} in policies.values()
    assert {os.SCHED_OTHER} in policies.values()


def _policies(pid: int) -> list[int]:
    """The scheduling policy of a process; none if it has ended, as the renderer of a page that was captured."""
    with contextlib.suppress(ProcessLookupError):
        return [os.sched_getscheduler(pid)]
    return []


def _is_browser(pid: int) -> bool:
    command = processes.command_line(pid)
    return "--remote-debugging-pipe" in command and "--type=" not in command
