"""Slots: order, slow captures beside them, and captures that are known to be slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.support.browsers import turn
from tests.support.concurrency import async_test
from tintype.chromium.daemon import slots
from tintype.chromium.daemon.slots import EXTRA_SLOW, MAX_OVERLAP, SLOW_AFTER, Holder, Rank, Slots


class Captures:
    """Captures that hold a slot until the test ends them."""

    def __init__(self, granted: Slots) -> None:
        self.slots = granted
        self.started: list[str] = []
        self.holders: dict[str, Holder] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, *names: str, rank: Rank = Rank.NORMAL) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._run(name, rank))
        await turn()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await turn()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await turn()

    async def age(self, *names: str) -> None:
        for name in names:
            self.holders[name].started -= SLOW_AFTER
        self.slots.assign()
        await turn()

    async def _run(self, name: str, rank: Rank) -> None:
        async with self.slots.hold(self.slots.entry(rank)) as holder:
            self.holders[name] = holder
            self.started.append(name)
            await self._ends[name].wait()


def captures(count: int, may_exceed: Callable[[], bool] = lambda: True) -> Captures:
    return Captures(Slots(count, may_exceed))


@async_test
async def test_grants_slots_in_order() -> None:
    running = captures(1)
    await running.start("a", "b", "c")
    await running.end("a")
    await running.end("b")
    assert running.started == ["a", "b", "c"]


@async_test
async def test_grants_the_slot_of_a_cancelled_capture_to_the_next() -> None:
    running = captures(1)
    await running.start("a", "b", "c")
    await running.cancel("b")
    assert running.slots.waiting == 1
    await running.cancel("a")
    assert running.started == ["a", "c"]
    assert running.slots.busy == 1


@async_test
async def test_slow_capture_keeps_its_slot_while_none_waits() -> None:
    running = captures(1)
    await running.start("a")
    await running.age("a")
    assert (running.slots.busy, running.slots.slow) == (1, 0)


@async_test
async def test_slow_capture_gives_up_its_slot_to_one_that_waits() -> None:
    running = captures(1)
    await running.start("slow", "quick")
    assert running.started == ["slow"]
    await running.age("slow")
    assert running.started == ["slow", "quick"]
    assert (running.slots.busy, running.slots.slow) == (1, 1)


@async_test
async def test_a_timer_frees_the_slot_at_that_moment() -> None:
    slots = Slots(1)
    async with AsyncExitStack() as stack:
        holder = await stack.enter_async_context(slots.hold(slots.entry()))
        holder.started -= SLOW_AFTER - 0.3
        async with asyncio.timeout(5), slots.hold(slots.entry()):
            assert holder.slow


@async_test
async def test_limits_the_slow_captures_beside_the_slots() -> None:
    running = captures(2)
    names = [str(number) for number in range(20)]
    await running.start(*names)
    for _ in range(20):
        await running.age(*running.started)
    assert running.slots.slow == 2 + EXTRA_SLOW
    assert running.slots.busy == 2


@async_test
async def test_no_capture_exceeds_the_slots_without_memory() -> None:
    running = captures(1, may_exceed=lambda: False)
    await running.start("slow", "quick")
    await running.age("slow")
    assert running.started == ["slow"]


@async_test
async def test_captures_known_to_be_slow_wait_behind_the_others() -> None:
    running = captures(1)
    await running.start("a")
    await running.start("slow", rank=Rank.KNOWN_SLOW)
    await running.start("quick")
    await running.end("a")
    assert running.started == ["a", "quick"]
    await running.end("quick")
    assert running.started == ["a", "quick", "slow"]


@async_test
async def test_capture_known_to_be_slow_gives_up_its_slot_immediately() -> None:
    running = captures(1)
    await running.start("slow", rank=Rank.KNOWN_SLOW)
    await running.start("quick")
    assert running.started == ["slow", "quick"]


@async_test
async def test_captures_known_to_be_slow_leave_a_slot_that_they_could_not_give_up() -> None:
    running = captures(2, may_exceed=lambda: False)
    await running.start("a", "b", rank=Rank.KNOWN_SLOW)
    assert running.started == ["a"]
    await running.start("quick")
    assert running.started == ["a", "quick"]


class TestLowPriority:
    @pytest.fixture(autouse=True)
    def no_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slots, "AFTER_CLIENT", 0)

    @async_test
    async def test_does_not_begin_before_the_next_request_of_a_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slots, "AFTER_CLIENT", 3600)
        running = captures(3)
        await running.start("client")
        await running.start("job", rank=Rank.LOW_PRIORITY)
        await running.end("client")
        await running.start("next of the client")
        assert running.started == ["client", "next of the client"]

    @async_test
    async def test_begins_when_a_client_has_requested_no_other_capture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(slots, "AFTER_CLIENT", 0.01)
        running = captures(3)
        await running.start("client")
        await running.start("job", rank=Rank.LOW_PRIORITY)
        await running.end("client")
        while running.started != ["client", "job"]:
            await turn()

    @async_test
    async def test_waits_behind_all_others(self) -> None:
        running = captures(1)
        await running.start("a")
        await running.start("job", rank=Rank.LOW_PRIORITY)
        await running.start("slow", rank=Rank.KNOWN_SLOW)
        await running.start("quick")
        for name in ("a", "quick", "slow"):
            await running.end(name)
        assert running.started == ["a", "quick", "slow", "job"]

    @async_test
    async def test_uses_every_slot_while_no_other_waits(self) -> None:
        running = captures(3)
        await running.start("a", "b", "c", "d", rank=Rank.LOW_PRIORITY)
        assert running.started == ["a", "b", "c"]

    @async_test
    async def test_does_not_begin_beside_a_capture_of_a_client_unless_that_is_slow(self) -> None:
        running = captures(3)
        await running.start("client")
        await running.start("job", rank=Rank.LOW_PRIORITY)
        assert running.started == ["client"]
        await running.age("client")
        assert running.started == ["client", "job"]

    @async_test
    async def test_gives_up_its_slot_immediately(self) -> None:
        running = captures(2)
        await running.start("a", "b", rank=Rank.LOW_PRIORITY)
        await running.start("quick")
        assert running.started == ["a", "b", "quick"]
        assert running.holders["a"].slow

    @async_test
    async def test_gives_up_its_slot_before_a_slow_capture_does(self) -> None:
        running = captures(2)
        await running.start("slow")
        await running.start("job", rank=Rank.LOW_PRIORITY)
        await running.age("slow")
        await running.start("quick")
        assert (running.holders["slow"].slow, running.holders["job"].slow) == (False, True)

    @async_test
    async def test_leaves_a_slot_that_it_could_not_give_up(self) -> None:
        running = captures(2, may_exceed=lambda: False)
        await running.start("a", "b", rank=Rank.LOW_PRIORITY)
        await running.start("quick")
        assert running.started == ["a", "quick"]

    @async_test
    async def test_joins_the_normal_queue_when_its_patience_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tintype.chromium.daemon.slots.PATIENCE", 0)
        running = captures(1, may_exceed=lambda: False)
        await running.start("a", "b")
        await running.start("job", rank=Rank.LOW_PRIORITY)
        await running.start("c")
        for name in ("a", "b", "job"):
            await running.end(name)
        assert running.started == ["a", "b", "job", "c"]

    @async_test
    async def test_gives_its_place_to_the_next_when_it_is_cancelled(self) -> None:
        running = captures(1)
        await running.start("a", "b", rank=Rank.LOW_PRIORITY)
        await running.cancel("b")
        assert running.slots.waiting == 0
        await running.cancel("a")
        assert running.slots.busy == 0


def idle_cores(*looks: bool) -> Callable[[], bool]:
    """The results of looks at the cores, one after the other; then none is idle."""
    results = iter(looks)
    return lambda: next(results, False)


@async_test
async def test_more_captures_than_slots_run_while_a_core_is_idle() -> None:
    running = Captures(Slots(1, takes_idle_core=idle_cores(True)))
    await running.start("a", "b", "c")
    assert running.started == ["a", "b"]


@async_test
async def test_a_core_is_looked_at_again_while_captures_wait() -> None:
    slots = Slots(1, takes_idle_core=idle_cores(False, True))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.hold(slots.entry()))
        async with asyncio.timeout(5), slots.hold(slots.entry()):
            assert slots.busy == 2


@async_test
async def test_limits_the_captures_on_idle_cores() -> None:
    running = Captures(Slots(2, takes_idle_core=lambda: True))
    await running.start(*(str(number) for number in range(20)))
    assert running.slots.busy == 2 * MAX_OVERLAP


@async_test
async def test_no_capture_uses_an_idle_core_without_memory() -> None:
    running = Captures(Slots(1, may_exceed=lambda: False, takes_idle_core=lambda: True))
    await running.start("a", "b")
    assert running.started == ["a"]


@async_test
async def test_no_idle_core_is_looked_for_while_a_slot_is_free() -> None:
    running = Captures(Slots(2, takes_idle_core=lambda: pytest.fail("no capture waits")))
    await running.start("a", "b")
    await running.end("a", "b")


@async_test
async def test_captures_on_idle_cores_leave_no_slot_to_the_next() -> None:
    running = Captures(Slots(1, takes_idle_core=idle_cores(True)))
    await running.start("a", "b", "c")
    await running.end("a")
    assert running.started == ["a", "b"]
    await running.end("b")
    assert running.started == ["a", "b", "c"]
