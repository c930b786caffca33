"""Schedules in Redis: the contract, corrected clocks, a Redis that is stopped, evicted schedules."""

from __future__ import annotations

import functools
import time

import pytest

from harness.servers import RedisServer
from tests.support.contracts.schedules import LEASE, OpenSchedules, SchedulesContract, begin, new_schedule
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.state.redis_client import client_for
from tintype.state.redis_schedules import RedisSchedules


class TestContract(SchedulesContract):
    @pytest.fixture
    def open_schedules(self, url: str) -> OpenSchedules:
        return functools.partial(RedisSchedules, url)


class TestClocks:
    """Only the time of day is replaced, so leases follow the clock that Redis has."""

    @pytest.mark.parametrize("correction", [1e6, -1e6, 3600])
    def test_corrected_clock_ends_no_lease(self, correction: float, url: str) -> None:
        clock = Clock()
        store = RedisSchedules(url, clock=clock)
        store.create(new_schedule("one"))
        lease, run = begin(store)
        clock.now += correction
        assert store.claim_running(LEASE) is None
        assert store.extend(lease, LEASE)
        assert store.finish(lease, run, 30) == []

    def test_lost_lease_ends_after_its_seconds(self, url: str) -> None:
        clock = Clock()
        store = RedisSchedules(url, clock=clock)
        store.create(new_schedule("one"))
        begin(store)
        seconds = 0
        while not store.claim_running(LEASE):
            clock.now += 1
            seconds += 1
        assert LEASE - 8 <= seconds <= LEASE + 1

    def test_time_of_day_is_that_of_redis(self, url: str) -> None:
        assert abs(RedisSchedules(url).now() - time.time()) < 60


class TestKeys:
    def test_deleted_schedules_leave_only_counters(self, url: str) -> None:
        store = RedisSchedules(url, prefix="mine")
        store.create(new_schedule("one"))
        lease, run = begin(store)
        store.finish(lease, run, 30)
        store.delete("one")
        assert client_for(url).keys("*") == [b"mine:schedules:totals"]

    @pytest.mark.parametrize("claim", ["claim_due", "claim_running"])
    def test_evicted_schedule_is_dropped(self, claim: str, url: str) -> None:
        clock = Clock()
        store = RedisSchedules(url, clock=clock, monotonic=clock)
        store.create(new_schedule("one"))
        if claim == "claim_running":
            begin(store)
        client_for(url).delete("tintype:schedules:schedule:one")
        clock.now += LEASE + 1
        assert getattr(store, claim)(LEASE) is None
        store.create(new_schedule("two"))
        begin(store)


@pytest.mark.usefixtures("short_pause")
def test_stopped_redis_is_an_error(server: RedisServer) -> None:
    store = RedisSchedules(server.url)
    store.create(new_schedule("one"))
    server.stop()
    for call in (store.now, lambda: store.claim_due(LEASE), lambda: store.schedule("one")):
        with pytest.raises(BackendUnavailable, match="see the log"):
            call()
