"""The line, the slots and the replacing of browsers, with browsers made of futures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tintype.chromium.browser import Browser
from tintype.chromium.cdp.connection import TargetClosed
from tintype.chromium.daemon.pool import Pool, PoolLimits
from tintype.chromium.process.launch import LaunchFailed
from tintype.chromium.proxy.blocklist import Blocklists, DomainSet
from tintype.errors import BackendUnavailable, BrowserCrashed, CaptureTimeout, NotAPage, Overloaded
from tintype.model import Capture
from tintype.options import Navigation, PageChanges, Shot

TERMS = PoolLimits(slots=2, queue=2, timeout=5, recycle_after=100, recycle_age=1000, max_page_height=16_000)
PICTURE = Capture(body=b"png", width=1, height=1, taken_at=1.0, timings={"expose": 1.0})


@dataclass(eq=False)
class FakeBrowser:
    """Every capture waits until it is told how to end."""

    draws: bool = True
    alive: bool = True
    worn: str = ""
    captures: int = 0
    tenants: int = 0
    born: float = 0.0
    growth: int = 0
    pid: int = 1
    version: str = "fake"
    closed: bool = False
    asked: list[tuple[Shot, DomainSet | None, asyncio.Future[Capture]]] = field(default_factory=list)

    async def capture(self, shot: Shot, blocked: DomainSet | None, within: float, max_height: int) -> Capture:
        self.captures += 1
        future: asyncio.Future[Capture] = asyncio.get_running_loop().create_future()
        self.asked.append((shot, blocked, future))
        return await future

    async def probe(self) -> bool:
        await asyncio.sleep(0)
        return self.draws

    def kill(self, reason: str) -> None:
        self.alive = False

    async def close(self) -> None:
        self.closed = True

    def end(self, outcome: Capture | Exception = PICTURE) -> None:
        """End the oldest capture under way."""
        future = next(future for _, _, future in self.asked if not future.done())
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def die(self) -> None:
        self.alive = False
        self.end(TargetClosed("gone"))


class Stable:
    """Where browsers come from: each start takes the next of these, or fails with it."""

    def __init__(
        self, *horses: FakeBrowser | Exception, terms: PoolLimits = TERMS, blocked: DomainSet | None = None
    ) -> None:
        self.horses = list(horses) or [FakeBrowser() for _ in range(3)]
        self.started: list[FakeBrowser] = []
        self.pool = Pool(self._start, terms, Blocklists(ads=blocked or DomainSet()))

    @property
    def browser(self) -> FakeBrowser:
        return self.started[-1]

    def ask(self, name: str = "a", **parts: Any) -> asyncio.Task[Capture]:
        return asyncio.create_task(self.pool.capture(shot(name, **parts)))

    async def _start(self) -> Browser:
        await asyncio.sleep(0)
        horse = self.horses.pop(0)
        if isinstance(horse, Exception):
            raise horse
        horse.born = asyncio.get_running_loop().time()
        self.started.append(horse)
        return cast("Browser", horse)


def shot(name: str, **parts: Any) -> Shot:
    return Shot(navigate=Navigation(url=f"http://{name}.example.com/"), **parts)


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    return lambda: asyncio.run(scenario())


@run
async def test_a_capture_is_handed_on_with_its_time_in_line() -> None:
    stable = Stable()
    asked = stable.ask()
    await turn()
    stable.browser.end()
    assert (await asked).body == b"png"
    assert set((await asked).timings) == {"queue", "expose"}


@run
async def test_identical_shots_share_one_capture() -> None:
    stable = Stable()
    asked = [stable.ask("a") for _ in range(20)]
    await turn()
    assert len(stable.browser.asked) == 1
    stable.browser.end()
    assert {(await one).body for one in asked} == {b"png"}


@run
async def test_identical_shots_share_a_failure() -> None:
    stable = Stable()
    asked = [stable.ask("a") for _ in range(3)]
    await turn()
    stable.browser.end(NotAPage("a download"))
    for one in asked:
        with pytest.raises(NotAPage):
            await one


@run
async def test_no_more_captures_at_once_than_slots() -> None:
    stable = Stable()
    asked = [stable.ask(name) for name in "abc"]
    await turn()
    assert (len(stable.browser.asked), stable.pool.busy, stable.pool.waiting) == (2, 2, 1)
    stable.browser.end()
    await turn()
    assert len(stable.browser.asked) == 3
    for one in asked:
        one.cancel()


@run
async def test_a_full_line_turns_callers_away_with_a_time_to_come_back() -> None:
    stable = Stable()
    asked = [stable.ask(name) for name in "abcd"]
    await turn()
    with pytest.raises(Overloaded) as refusal:
        await stable.pool.capture(shot("e"))
    assert refusal.value.retry_after is not None
    assert 1 <= refusal.value.retry_after <= 60
    same = stable.ask("a")  # who asks for what is under way needs no place in line
    await turn()
    stable.browser.end()
    assert (await same).body == b"png"
    for one in asked:
        one.cancel()


@run
async def test_a_capture_nobody_waits_for_is_given_up() -> None:
    stable = Stable()
    first, second = stable.ask("a"), stable.ask("a")
    await turn()
    first.cancel()
    await turn()
    assert not stable.browser.asked[0][2].cancelled()
    second.cancel()
    await turn()
    assert stable.browser.asked[0][2].cancelled()
    assert stable.pool.busy == 0
    again = stable.ask("a")
    await turn()
    assert len(stable.browser.asked) == 2
    again.cancel()


@run
async def test_a_lost_browser_is_replaced_and_the_capture_tried_again() -> None:
    stable = Stable()
    asked = stable.ask()
    await turn()
    stable.browser.die()
    await turn()
    assert len(stable.started) == 2
    stable.browser.end()
    assert (await asked).body == b"png"
    assert stable.started[0].closed
    assert stable.pool.restarts == 1


@run
async def test_a_capture_that_loses_two_browsers_is_given_up() -> None:
    stable = Stable()
    asked = stable.ask()
    for _ in range(2):
        await turn()
        stable.browser.die()
    with pytest.raises(BrowserCrashed):
        await asked


@run
async def test_a_launch_that_failed_is_tried_again_by_the_next_capture() -> None:
    stable = Stable(LaunchFailed("no"), FakeBrowser())
    with pytest.raises(BackendUnavailable):
        await stable.pool.capture(shot("a"))
    asked = stable.ask("a")
    await turn()
    stable.browser.end()
    assert (await asked).body == b"png"


@run
async def test_a_browser_that_draws_no_more_is_replaced_without_hurting_neighbours() -> None:
    stable = Stable(FakeBrowser(draws=False), FakeBrowser())
    troubled, neighbour = stable.ask("a"), stable.ask("b")
    await turn()
    old = stable.browser
    old.end(CaptureTimeout())
    with pytest.raises(CaptureTimeout):
        await troubled
    following = stable.ask("c")
    await turn()
    assert stable.browser is not old
    assert not old.closed
    old.end()
    assert (await neighbour).body == b"png"
    await turn()
    assert old.closed
    stable.browser.end()
    await following


@run
async def test_a_browser_that_still_draws_is_kept_after_a_timeout() -> None:
    stable = Stable()
    asked = stable.ask("a")
    await turn()
    stable.browser.end(CaptureTimeout())
    with pytest.raises(CaptureTimeout):
        await asked
    asked = stable.ask("b")
    await turn()
    stable.browser.end()
    await asked
    assert len(stable.started) == 1


def test_a_browser_that_has_grown_while_idle_is_replaced() -> None:
    @run
    async def scenario() -> None:
        stable = Stable()
        first = stable.ask("a")
        await turn()
        old = stable.browser
        old.end()
        await first
        old.growth = 200 << 20
        second = stable.ask("b")
        await turn()
        assert stable.browser is not old
        old.end()
        await second
        await turn()
        assert old.closed

    scenario()


@pytest.mark.parametrize("change", [{"recycle_after": 1}, {"recycle_age": 0.0}])
def test_a_browser_that_served_its_time_is_replaced_behind_the_callers_back(change: dict[str, Any]) -> None:
    @run
    async def scenario() -> None:
        stable = Stable(terms=replace(TERMS, **change))
        first = stable.ask("a")
        await turn()
        old = stable.browser
        old.end()
        await first
        second = stable.ask("b")  # served by the old one, which starts the new one
        await turn()
        third = stable.ask("c")
        await turn()
        assert stable.browser is not old
        assert [asked[0].url for asked in stable.browser.asked] == ["http://c.example.com/"]
        old.end()
        stable.browser.end()
        await asyncio.gather(second, third)
        await turn()
        assert old.closed

    scenario()


@run
async def test_a_worn_browser_gets_no_new_captures() -> None:
    stable = Stable()
    await stable.pool.start()
    stable.browser.worn = "too much memory"
    asked = stable.ask()
    await turn()
    assert len(stable.started) == 2
    stable.browser.end()
    await asked


@run
async def test_advertising_is_blocked_unless_it_is_what_was_asked_for() -> None:
    rules = DomainSet(frozenset({"ads.example.com"}))
    stable = Stable(blocked=rules)
    shots = [stable.ask("a"), stable.ask("ads")]
    await turn()
    assert [blocked for _, blocked, _ in stable.browser.asked] == [rules, None]
    for _ in shots:
        stable.browser.end()
    await asyncio.gather(*shots)
    asked = stable.ask("b", retouch=PageChanges(block_ads=False))
    await turn()
    assert stable.browser.asked[-1][1] is None
    stable.browser.end()
    await asked


@run
async def test_a_check_draws_and_replaces_a_browser_that_does_not() -> None:
    stable = Stable(FakeBrowser(draws=False), FakeBrowser())
    with pytest.raises(BackendUnavailable):
        await stable.pool.check()
    await stable.pool.check()
    assert len(stable.started) == 2


@run
async def test_closing_tells_whoever_waits_and_ends_every_browser() -> None:
    stable = Stable()
    asked = [stable.ask(name) for name in "abc"]
    await turn()
    await stable.pool.close()
    for one in asked:
        with pytest.raises(BackendUnavailable):
            await one
    assert stable.browser.closed
    with pytest.raises(BackendUnavailable):
        await stable.pool.capture(shot("d"))
