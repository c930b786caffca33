"""Deliveries in Redis: the contracts, keys that remain, and a Redis that is full."""

from __future__ import annotations

import functools

import pytest

from tests.support.contracts.deliveries import (
    DELIVERED,
    LEASE,
    LIMITS,
    STOPPED,
    DeliveriesContract,
    JobEventsContract,
    OpenDeliveries,
    OpenJobs,
    again,
    hooked,
    new_delivery,
    take,
)
from tests.support.contracts.jobs import GOOD, claim
from tests.support.fakes import Clock
from tintype.state.redis_client import client_for
from tintype.state.redis_deliveries import RedisDeliveries
from tintype.state.redis_jobs import RedisJobs


class TestContract(DeliveriesContract):
    @pytest.fixture
    def open_deliveries(self, url: str) -> OpenDeliveries:
        return functools.partial(RedisDeliveries, url)


class TestJobEvents(JobEventsContract):
    @pytest.fixture
    def open_deliveries(self, url: str) -> OpenDeliveries:
        return functools.partial(RedisDeliveries, url)

    @pytest.fixture
    def open_jobs(self, url: str) -> OpenJobs:
        return functools.partial(RedisJobs, url)


class TestClocks:
    """Only the time of day is replaced, so leases follow the clock that Redis has."""

    def test_lost_lease_ends_although_no_job_runs(self, url: str) -> None:
        clock = Clock()
        store = RedisDeliveries(url, clock=clock)
        store.add([new_delivery("one")])
        take(store)
        seconds = 0
        while not store.claim(LIMITS, LEASE):
            clock.now += 1
            seconds += 1
            assert seconds < 10 * LEASE
        assert LEASE - 8 <= seconds <= LEASE + 1


class TestKeys:
    def test_installations_with_different_prefixes_share_nothing(self, url: str) -> None:
        one, two = RedisDeliveries(url, prefix="one"), RedisDeliveries(url, prefix="two")
        one.add([new_delivery("one")])
        assert (two.delivery("one"), two.claim(LIMITS, LEASE)) == (None, None)

    def test_idle_queue_writes_nothing(self, url: str) -> None:
        store = RedisDeliveries(url)
        store.add([new_delivery("one")])
        store.finish(take(store), DELIVERED)
        client = client_for(url)
        client.config_resetstat()
        for _ in range(20):
            assert store.claim(LIMITS, LEASE) is None
        stats = client.info("commandstats")
        assert not {"cmdstat_hset", "cmdstat_zadd", "cmdstat_set", "cmdstat_hincrby"} & stats.keys()

    def test_forgotten_deliveries_leave_no_keys(self, url: str) -> None:
        clock = Clock()
        jobs, store = RedisJobs(url, clock=clock, monotonic=clock), RedisDeliveries(url, clock=clock, monotonic=clock)
        jobs.create(hooked("one"))
        jobs.finish(claim(jobs), GOOD)
        jobs.delete("one")
        store.add([new_delivery(name, f"https://{name}.example/", subject=name) for name in ("failed", "stopped")])
        results = {"failed": again(5), "stopped": STOPPED}
        for _ in range(4):
            lease = take(store)
            store.finish(lease, results.get(lease.delivery.id, DELIVERED))
        clock.now += 6
        store.finish(take(store), DELIVERED)
        assert store.queue() == (0, 0, 0.0)
        assert store.expire(clock.now + 1, keep=10, limit=10) == 4
        left = {name.decode() for name in client_for(url).scan_iter()}
        assert left == {"tintype:jobs:totals", "tintype:jobs:deliveries:stopped"}
        assert store.deliveries(owner=None) == []
