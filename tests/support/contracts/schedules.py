"""Contract of all schedule stores, mixed into the tests of each backend."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Protocol

import pytest

from tests.support.concurrency import in_processes, process_context
from tests.support.fakes import Clock
from tintype.schedules.model import (
    Notify,
    Run,
    RunPage,
    RunStatus,
    Schedule,
    ScheduleLease,
    ScheduleSpec,
    ScheduleStore,
)

LEASE = 15.0
SPEC = ScheduleSpec(
    job={"pages": ["https://a.example/"], "options": {"width": 800}},
    pages=1,
    name="front page",
    every=900.0,
    notify=Notify.ALWAYS,
    webhook={"url": "https://receiver.example/"},
    ignore_selectors=(".clock",),
    ignore_regions=((0, 0, 10, 10.5),),
)
PAGE = RunPage(number=1, url="https://a.example/", key="thumbs/a-b.png", width=800, height=600, change=0.0)


class OpenSchedules(Protocol):
    """Opens stores on the same backend at each call; picklable without clocks."""

    def __call__(self, **clocks: Callable[[], float]) -> ScheduleStore: ...


def new_schedule(name: str, due_at: float | None = 0.0, owner: str = "", spec: ScheduleSpec = SPEC) -> Schedule:
    return Schedule(id=name, owner=owner, spec=spec, created_at=5.0, due_at=due_at)


def new_run(lease: ScheduleLease, name: str = "run") -> Run:
    return Run(id=name, schedule=lease.schedule.id, due_at=lease.schedule.due_at or 0, started_at=10.0)


def claim_due(store: ScheduleStore) -> ScheduleLease:
    lease = store.claim_due(LEASE)
    assert lease
    return lease


def begin(store: ScheduleStore, name: str = "run", next_due: float | None = None) -> tuple[ScheduleLease, Run]:
    lease = claim_due(store)
    run = new_run(lease, name)
    assert store.begin(lease, run, next_due)
    return lease, run


def end(store: ScheduleStore, name: str, keep: int = 30) -> list[Run]:
    """A whole run; returns the runs that it made the store forget."""
    lease, run = begin(store, name, next_due=0.0)
    forgotten = store.finish(lease, replace(run, status=RunStatus.COMPLETED, ended_at=20.0, pages=(PAGE,)), keep)
    assert forgotten is not None
    return forgotten


def start_all(open_schedules: OpenSchedules) -> list[str]:
    """Start runs until none is due; returns the schedules."""
    store, started = open_schedules(), []
    while lease := store.claim_due(LEASE):
        if store.begin(lease, new_run(lease), None):
            started.append(lease.schedule.id)
    return started


def claim_and_hang(open_schedules: OpenSchedules, results: Connection, begins: bool) -> None:
    store = open_schedules()
    lease = claim_due(store)
    if begins:
        store.begin(lease, new_run(lease), None)
    results.send(lease)
    signal.pause()


class SchedulesContract:
    @pytest.fixture
    def open_schedules(self) -> OpenSchedules:
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, open_schedules: OpenSchedules, clock: Clock) -> ScheduleStore:
        return open_schedules(clock=clock, monotonic=clock)

    def test_created_schedule_is_found(self, store: ScheduleStore) -> None:
        created = new_schedule("one", due_at=1234.5, owner="shop")
        store.create(created)
        assert store.schedule("one") == created

    def test_unknown_schedule_is_none(self, store: ScheduleStore) -> None:
        assert store.schedule("one") is None
        assert (store.update("one", SPEC), store.delete("one"), store.run("one", "run")) == (None, None, None)
        assert (store.runs("one"), store.move("one", 5.0, 4.0)) == ([], False)

    def test_lists_schedules_of_an_owner_newest_first(self, store: ScheduleStore) -> None:
        for name, owner in (("one", "shop"), ("two", "blog"), ("three", "shop")):
            store.create(new_schedule(name, owner=owner))
        assert [each.id for each in store.schedules(owner="shop")] == ["three", "one"]
        assert [each.id for each in store.schedules(owner=None)] == ["three", "two", "one"]
        assert [each.id for each in store.schedules(owner=None, before="three", limit=1)] == ["two"]
        assert store.schedules(owner="other") == []

    def test_update_keeps_the_due_time(self, store: ScheduleStore) -> None:
        store.create(new_schedule("one", due_at=77.0))
        changed = store.update("one", replace(SPEC, name="other"))
        assert changed
        assert (changed.spec.name, changed.due_at) == ("other", 77.0)
        assert store.schedule("one") == changed

    def test_move_needs_the_expected_due_time(self, store: ScheduleStore) -> None:
        store.create(new_schedule("one", due_at=77.0))
        assert not store.move("one", 99.0, 78.0)
        assert store.move("one", None, 77.0)
        assert store.move("one", 99.25, None)
        found = store.schedule("one")
        assert found
        assert found.due_at == 99.25

    def test_schedule_is_claimed_when_it_is_due(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one", due_at=clock.now + 60))
        assert store.claim_due(LEASE) is None
        clock.now += 60
        lease = claim_due(store)
        assert (lease.schedule.id, lease.run) == ("one", None)
        assert store.claim_due(LEASE) is None

    def test_longest_due_schedule_is_first(self, store: ScheduleStore, clock: Clock) -> None:
        for name, late in (("one", 5), ("two", 50), ("three", 20)):
            store.create(new_schedule(name, due_at=clock.now - late))
        assert [claim_due(store).schedule.id for _ in range(3)] == ["two", "three", "one"]

    def test_paused_schedule_is_never_due(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one", due_at=None))
        clock.now += 1e6
        assert store.claim_due(LEASE) is None

    def test_schedule_is_not_due_while_its_run_is_in_progress(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one"))
        lease, run = begin(store, next_due=clock.now + 10)
        assert store.release(lease, run, 0)
        clock.now += 100
        assert store.claim_due(LEASE) is None
        again = store.claim_running(LEASE)
        assert again
        assert store.finish(again, run, 30) == []
        assert claim_due(store).schedule.due_at == clock.now - 90

    def test_run_in_progress_is_followed_after_its_pause(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one"))
        lease, run = begin(store)
        assert store.claim_running(LEASE) is None
        assert store.release(lease, replace(run, submitted=True), 30)
        clock.now += 29
        assert store.claim_running(LEASE) is None
        clock.now += 2
        followed = store.claim_running(LEASE)
        assert followed
        assert followed.run == replace(run, submitted=True)
        assert followed.schedule.run == run.id

    def test_lost_lease_of_a_due_schedule_is_claimed_again(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one", due_at=clock.now))
        lost = claim_due(store)
        clock.now += LEASE + 1
        again = claim_due(store)
        assert again.schedule.due_at == lost.schedule.due_at
        assert not store.begin(lost, new_run(lost), None)
        assert not store.extend(lost, LEASE)
        assert store.begin(again, new_run(again), None)

    def test_lost_lease_of_a_run_is_claimed_again(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one"))
        lost, run = begin(store)
        clock.now += LEASE + 1
        again = store.claim_running(LEASE)
        assert again
        assert again.run == run
        assert (store.release(lost, run, 1), store.finish(lost, run, 30)) == (False, None)
        assert store.finish(again, run, 30) == []

    def test_extended_lease_is_not_claimed_again(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one"))
        lease, run = begin(store)
        for _ in range(4):
            clock.now += LEASE - 1
            assert store.extend(lease, LEASE)
            assert store.claim_running(LEASE) is None
        assert store.finish(lease, run, 30) == []

    def test_begin_keeps_a_due_time_that_was_changed(self, store: ScheduleStore, clock: Clock) -> None:
        store.create(new_schedule("one", due_at=clock.now))
        lease = claim_due(store)
        assert store.move("one", clock.now + 5, clock.now)
        assert store.begin(lease, new_run(lease), clock.now + 900)
        found = store.schedule("one")
        assert found
        assert found.due_at == clock.now + 5

    def test_ended_run_is_stored(self, store: ScheduleStore) -> None:
        store.create(new_schedule("one"))
        assert end(store, "first") == []
        found, schedule = store.run("one", "first"), store.schedule("one")
        assert found
        assert (found.status, found.pages, found.ended_at) == (RunStatus.COMPLETED, (PAGE,), 20.0)
        assert schedule
        assert schedule.run == ""
        assert store.run("one", "second") is None

    def test_lists_runs_newest_first(self, store: ScheduleStore) -> None:
        store.create(new_schedule("one"))
        names = [f"run{number}" for number in range(45)]
        for name in names:
            end(store, name, keep=50)
        assert [run.id for run in store.runs("one", limit=100)] == names[::-1]
        assert [run.id for run in store.runs("one", before="run44", limit=2)] == ["run43", "run42"]

    def test_keeps_the_last_runs_only(self, store: ScheduleStore) -> None:
        store.create(new_schedule("one"))
        forgotten = [[run.id for run in end(store, f"run{number}", keep=2)] for number in range(4)]
        assert forgotten == [[], [], ["run0"], ["run1"]]
        assert [run.id for run in store.runs("one")] == ["run3", "run2"]

    def test_delete_forgets_a_schedule_and_its_runs(self, store: ScheduleStore) -> None:
        store.create(new_schedule("one"))
        end(store, "first")
        lease, run = begin(store, "second")
        deleted = store.delete("one")
        assert deleted
        assert sorted(each.id for each in deleted) == ["first", "second"]
        assert (store.schedule("one"), store.runs("one"), store.claim_running(LEASE)) == (None, [], None)
        assert (store.finish(lease, run, 30), store.release(lease, run, 1)) == (None, False)

    def test_processes_start_every_run_once(self, open_schedules: OpenSchedules) -> None:
        store = open_schedules()
        for number in range(40):
            store.create(new_schedule(f"one{number}"))
        started = [each for part in in_processes(start_all, [(open_schedules,)] * 3) for each in part]
        assert sorted(started) == sorted(f"one{number}" for number in range(40))

    @pytest.mark.parametrize("begins", [False, True], ids=["claimed", "begun"])
    def test_killed_process_loses_no_run(self, begins: bool, open_schedules: OpenSchedules) -> None:
        open_schedules().create(new_schedule("one"))
        context = process_context()
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=claim_and_hang, args=(open_schedules, sender, begins))
        process.start()
        lost: ScheduleLease = receiver.recv()
        process.kill()
        process.join()
        later = open_schedules(monotonic=lambda: 1e12)
        again = later.claim_running(LEASE) if begins else later.claim_due(LEASE)
        assert again
        assert bool(again.run) is begins
        assert not later.extend(lost, LEASE)
