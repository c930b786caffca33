"""The browser pool with fake browsers: queue, slots, recycling and restarts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tests.support.concurrency import async_test
from tintype.chromium.browser import Browser
from tintype.chromium.cdp.connection import TargetClosed
from tintype.chromium.daemon.pool import Pool, PoolLimits
from tintype.chromium.process.launch import LaunchFailed
from tintype.chromium.proxy.blocklist import Blocklists, DomainSet
from tintype.errors import BackendUnavailable, BrowserCrashed, CaptureTimeout, NotAPage, Overloaded
from tintype.model import Capture
from tintype.options import Navigation, PageChanges, Shot

LIMITS = PoolLimits(slots=2, queue=2, timeout=5, recycle_after=100, recycle_age=1000, max_page_height=16_000)
PICTURE = Capture(body=b"png", width=1, height=1, taken_at=1.0, timings={"screenshot": 1.0})


@dataclass(eq=False)
class FakeBrowser:
    """A browser whose captures end when the test sets their result."""

    draws: bool = True
    is_alive: bool = True
    recycle_reason: str = ""
    captures: int = 0
    active_captures: int = 0
    started_at: float = 0.0
    memory_growth: int = 0
    undisposed_contexts: int = 0
    pid: int = 1
    version: str = "fake"
    closed: bool = False
    pending: list[tuple[Shot, DomainSet | None, asyncio.Future[Capture]]] = field(default_factory=list)

    async def capture(self, shot: Shot, blocked: DomainSet | None, time_limit: float, max_height: int) -> Capture:
        self.captures += 1
        future: asyncio.Future[Capture] = asyncio.get_running_loop().create_future()
        self.pending.append((shot, blocked, future))
        return await future

    async def probe(self) -> bool:
        await asyncio.sleep(0)
        return self.draws

    def kill(self, reason: str) -> None:
        self.is_alive = False

    async def close(self) -> None:
        self.closed = True

    def end(self, outcome: Capture | Exception = PICTURE) -> None:
        """End the oldest running capture."""
        future = next(future for _, _, future in self.pending if not future.done())
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def die(self) -> None:
        self.is_alive = False
        self.end(TargetClosed("gone"))


class FakeLauncher:
    """Where browsers come from: each start takes the next of these, or fails with it."""

    def __init__(
        self, *browsers: FakeBrowser | Exception, limits: PoolLimits = LIMITS, blocked: DomainSet | None = None
    ) -> None:
        self.browsers = list(browsers) or [FakeBrowser() for _ in range(3)]
        self.started: list[FakeBrowser] = []
        self.pool = Pool(self._start, limits, Blocklists(ads=blocked or DomainSet()))

    @property
    def browser(self) -> FakeBrowser:
        return self.started[-1]

    def capture(self, name: str = "a", *, fresh: bool = False, **parts: Any) -> asyncio.Task[Capture]:
        return asyncio.create_task(self.pool.capture(shot(name, **parts), fresh=fresh))

    async def _start(self) -> Browser:
        await asyncio.sleep(0)
        browser = self.browsers.pop(0)
        if isinstance(browser, Exception):
            raise browser
        browser.started_at = asyncio.get_running_loop().time()
        self.started.append(browser)
        return cast("Browser", browser)


def shot(name: str, **parts: Any) -> Shot:
    return Shot(navigation=Navigation(url=f"http://{name}.example.com/"), **parts)


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@async_test
async def test_adds_the_time_in_the_queue_to_the_timings() -> None:
    launcher = FakeLauncher()
    pending = launcher.capture()
    await turn()
    launcher.browser.end()
    assert (await pending).body == b"png"
    assert set((await pending).timings) == {"queue", "screenshot"}


@async_test
async def test_identical_shots_share_one_capture() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture("a") for _ in range(20)]
    await turn()
    assert len(launcher.browser.pending) == 1
    launcher.browser.end()
    assert {(await one).body for one in pending} == {b"png"}


@async_test
async def test_fresh_capture_does_not_share_one_that_has_begun() -> None:
    launcher = FakeLauncher()
    first = launcher.capture("a")
    await turn()
    others = [launcher.capture("a", fresh=True)]
    await turn()
    assert len(launcher.browser.pending) == 2
    others.append(launcher.capture("a"))
    launcher.browser.end()
    assert (await first).body == b"png"
    assert not any(other.done() for other in others)
    launcher.browser.end(replace(PICTURE, body=b"new"))
    assert [(await other).body for other in others] == [b"new"] * 2


@async_test
async def test_fresh_captures_share_one_that_is_still_in_the_queue() -> None:
    launcher = FakeLauncher()
    running = [launcher.capture(name) for name in "bc"]
    waiting = [launcher.capture("a", fresh=fresh) for fresh in (False, True, True)]
    await turn()
    assert launcher.pool.queue_length == 1
    for _ in range(3):
        launcher.browser.end()
        await turn()
    assert {(await one).body for one in (*running, *waiting)} == {b"png"}
    assert launcher.pool.captures == 3


@async_test
async def test_reports_when_a_capture_began_relative_to_each_call() -> None:
    launcher = FakeLauncher()
    first = launcher.capture("a")
    await turn()
    second = launcher.capture("a")
    await turn()
    launcher.browser.end()
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
    launcher.browser.end(NotAPage("a download"))
    for one in pending:
        with pytest.raises(NotAPage):
            await one


@async_test
async def test_runs_no_more_captures_than_slots() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture(name) for name in "abc"]
    await turn()
    assert (len(launcher.browser.pending), launcher.pool.busy, launcher.pool.queue_length) == (2, 2, 1)
    launcher.browser.end()
    await turn()
    assert len(launcher.browser.pending) == 3
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
    launcher.browser.end()
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
    assert not launcher.browser.pending[0][2].cancelled()
    second.cancel()
    await turn()
    assert launcher.browser.pending[0][2].cancelled()
    assert launcher.pool.busy == 0
    again = launcher.capture("a")
    await turn()
    assert len(launcher.browser.pending) == 2
    again.cancel()


@async_test
async def test_restarts_a_lost_browser_and_retries_the_capture() -> None:
    launcher = FakeLauncher()
    pending = launcher.capture()
    await turn()
    launcher.browser.die()
    await turn()
    assert len(launcher.started) == 2
    launcher.browser.end()
    assert (await pending).body == b"png"
    assert launcher.started[0].closed
    assert launcher.pool.restarts == 1


@async_test
async def test_gives_up_a_capture_that_loses_two_browsers() -> None:
    launcher = FakeLauncher()
    pending = launcher.capture()
    for _ in range(2):
        await turn()
        launcher.browser.die()
    with pytest.raises(BrowserCrashed):
        await pending


@async_test
async def test_retries_a_failed_launch_for_the_next_capture() -> None:
    launcher = FakeLauncher(LaunchFailed("no"), FakeBrowser())
    with pytest.raises(BackendUnavailable):
        await launcher.pool.capture(shot("a"))
    pending = launcher.capture("a")
    await turn()
    launcher.browser.end()
    assert (await pending).body == b"png"


@async_test
async def test_replaces_a_browser_that_fails_a_probe_after_its_captures() -> None:
    launcher = FakeLauncher(FakeBrowser(draws=False), FakeBrowser())
    troubled, neighbour = launcher.capture("a"), launcher.capture("b")
    await turn()
    old = launcher.browser
    old.end(CaptureTimeout())
    with pytest.raises(CaptureTimeout):
        await troubled
    following = launcher.capture("c")
    await turn()
    assert launcher.browser is not old
    assert not old.closed
    old.end()
    assert (await neighbour).body == b"png"
    await turn()
    assert old.closed
    launcher.browser.end()
    await following


@async_test
async def test_keeps_a_browser_that_passes_the_probe_after_a_timeout() -> None:
    launcher = FakeLauncher()
    pending = launcher.capture("a")
    await turn()
    launcher.browser.end(CaptureTimeout())
    with pytest.raises(CaptureTimeout):
        await pending
    pending = launcher.capture("b")
    await turn()
    launcher.browser.end()
    await pending
    assert len(launcher.started) == 1


def test_recycles_an_idle_browser_that_has_gained_memory() -> None:
    @async_test
    async def scenario() -> None:
        launcher = FakeLauncher()
        first = launcher.capture("a")
        await turn()
        old = launcher.browser
        old.end()
        await first
        old.memory_growth = 200 << 20
        second = launcher.capture("b")
        await turn()
        assert launcher.browser is not old
        old.end()
        await second
        await turn()
        assert old.closed

    scenario()


@pytest.mark.parametrize("change", [{"recycle_after": 1}, {"recycle_age": 0.0}])
def test_recycles_a_browser_in_the_background_at_its_limits(change: dict[str, Any]) -> None:
    @async_test
    async def scenario() -> None:
        launcher = FakeLauncher(limits=replace(LIMITS, **change))
        first = launcher.capture("a")
        await turn()
        old = launcher.browser
        old.end()
        await first
        second = launcher.capture("b")  # served by the old one, which starts the new one
        await turn()
        third = launcher.capture("c")
        await turn()
        assert launcher.browser is not old
        assert [pending[0].url for pending in launcher.browser.pending] == ["http://c.example.com/"]
        old.end()
        launcher.browser.end()
        await asyncio.gather(second, third)
        await turn()
        assert old.closed

    scenario()


@async_test
async def test_gives_no_captures_to_a_browser_with_a_recycle_reason() -> None:
    launcher = FakeLauncher()
    await launcher.pool.start()
    launcher.browser.recycle_reason = "too much memory"
    pending = launcher.capture()
    await turn()
    assert len(launcher.started) == 2
    launcher.browser.end()
    await pending


@async_test
async def test_blocks_advertising_unless_the_target_is_listed() -> None:
    rules = DomainSet(frozenset({"ads.example.com"}))
    launcher = FakeLauncher(blocked=rules)
    shots = [launcher.capture("a"), launcher.capture("ads")]
    await turn()
    assert [blocked for _, blocked, _ in launcher.browser.pending] == [rules, None]
    for _ in shots:
        launcher.browser.end()
    await asyncio.gather(*shots)
    pending = launcher.capture("b", page_changes=PageChanges(block_ads=False))
    await turn()
    assert launcher.browser.pending[-1][1] is None
    launcher.browser.end()
    await pending


@async_test
async def test_check_replaces_a_browser_that_fails_the_probe() -> None:
    launcher = FakeLauncher(FakeBrowser(draws=False), FakeBrowser())
    with pytest.raises(BackendUnavailable):
        await launcher.pool.check()
    await launcher.pool.check()
    assert len(launcher.started) == 2


@async_test
async def test_close_fails_waiting_captures_and_closes_every_browser() -> None:
    launcher = FakeLauncher()
    pending = [launcher.capture(name) for name in "abc"]
    await turn()
    await launcher.pool.close()
    for one in pending:
        with pytest.raises(BackendUnavailable):
            await one
    assert launcher.browser.closed
    with pytest.raises(BackendUnavailable):
        await launcher.pool.capture(shot("d"))


@async_test
async def test_undisposed_contexts_of_closed_browsers_stay_counted() -> None:
    launcher = FakeLauncher(FakeBrowser(undisposed_contexts=2), FakeBrowser(undisposed_contexts=1))
    await launcher.pool.start()
    launcher.browser.recycle_reason = "too much memory"
    pending = launcher.capture("a")
    await turn()
    assert len(launcher.started) == 2
    assert launcher.pool.undisposed_contexts == 3
    launcher.browser.end()
    await pending
