"""Jobs in Redis: the contract, clocks that jump, keys that remain, and a Redis that is stopped, full or evicts."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
import structlog

from harness.servers import RedisServer
from tests.support.concurrency import eventually
from tests.support.contracts.jobs import BAD, GOOD, LEASE, LIMITS, JobsContract, OpenJobs, claim, new_job, urls
from tests.support.contracts.sitemap_jobs import SitemapJobsContract
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.jobs.model import JobStatus, NewJob, NewPage, QueueState
from tintype.state import redis_client
from tintype.state.redis_client import client_for
from tintype.state.redis_jobs import RedisJobs


class TestContract(JobsContract, SitemapJobsContract):
    @pytest.fixture
    def open_jobs(self, url: str) -> OpenJobs:
        return functools.partial(RedisJobs, url)


class TestClocks:
    """Only the time of day is replaced, so leases follow the clock that Redis has."""

    @pytest.mark.parametrize("correction", [1e6, -1e6, 3600])
    def test_corrected_clock_ends_no_lease(self, correction: float, url: str) -> None:
        clock = Clock()
        store = RedisJobs(url, clock=clock)
        store.create(new_job("one"))
        lease = claim(store)
        clock.now += correction
        assert store.claim(LIMITS, LEASE) is None
        assert store.extend(lease, LEASE)
        assert store.finish(lease, GOOD)

    @pytest.mark.parametrize("correction", [0, 1e6, -1e6])
    def test_lost_lease_ends_after_its_seconds(self, correction: float, url: str) -> None:
        clock = Clock()
        store = RedisJobs(url, clock=clock)
        store.create(new_job("one"))
        claim(store)
        clock.now += correction
        seconds = 0
        while not store.claim(LIMITS, LEASE):
            clock.now += 1
            seconds += 1
        assert LEASE - 8 <= seconds <= LEASE + 1

    def test_idle_queue_writes_nothing(self, url: str) -> None:
        store = RedisJobs(url)
        store.create(new_job("one"))
        store.finish(claim(store), GOOD)
        client = client_for(url)
        client.config_resetstat()
        for _ in range(20):
            assert store.claim(LIMITS, LEASE) is None
        stats = client.info("commandstats")
        assert not {"cmdstat_hset", "cmdstat_zadd", "cmdstat_set", "cmdstat_hincrby"} & stats.keys()


class TestKeys:
    def test_installations_with_different_prefixes_share_nothing(self, url: str) -> None:
        one, two = RedisJobs(url, prefix="one"), RedisJobs(url, prefix="two")
        one.create(new_job("job"))
        assert (two.job("job"), two.claim(LIMITS, LEASE), two.state().queued) == (None, None, 0)
        assert client_for(url).keys("tintype*") == []

    def test_forgotten_jobs_leave_no_keys(self, url: str) -> None:
        clock = Clock()
        store = RedisJobs(url, clock=clock, monotonic=clock)
        for name in ("ended", "running", "pausing", "queued"):
            store.create(new_job(name, *urls(3, f"{name}.example"), owner="shop"))
        limits = replace(LIMITS, host_pause=1)
        leases = []
        for _ in range(6):
            leases.append(claim(store, limits))
            clock.now += 1.5
        for lease in leases:
            if lease.job == "ended":
                store.finish(lease, GOOD)
            elif lease.job == "pausing":
                store.release(lease, 60, BAD)
        store.cancel("ended")
        assert store.expire(clock.now + 1, 10) == 1
        assert [store.delete(name) for name in ("running", "pausing", "queued")] == [True] * 3
        left = {name.decode() for name in client_for(url).scan_iter()}
        assert left == {"tintype:jobs:totals", "tintype:jobs:starts"}
        assert store.state() == QueueState()

    def test_open_jobs_do_not_expire_but_ended_ones_do(self, url: str) -> None:
        store, client = RedisJobs(url), client_for(url)
        store.create(new_job("one", idempotency_key="k"))

        def lives() -> list[int]:
            return [client.ttl(name) for name in client.keys("tintype:jobs:job:one*")]

        assert set(lives()) == {-1}
        assert 0 < client.ttl(client.keys("tintype:jobs:key:*")[0]) <= 86_400
        store.finish(claim(store), BAD)
        assert min(lives()) > 86_400
        store.retry("one")
        assert set(lives()) == {-1}

    def test_parts_of_a_job_that_was_not_created_expire(self, url: str) -> None:
        store, client = RedisJobs(url), client_for(url)
        store._stage("one", "pages", [(1, "0 0 a.example https://a.example/")])
        assert 0 < client.ttl("tintype:jobs:job:one:pages") <= 600

    def test_claim_costs_the_same_for_any_number_of_pages(self, url: str) -> None:
        store, client = RedisJobs(url), client_for(url)
        costs = []
        for count in (10, 4000):
            for host in ("a.example", "b.example"):
                store.create(new_job(f"{count}-{host}", *urls(count, host), owner=host))
            client.config_resetstat()
            for _ in range(4):
                store.finish(claim(store), GOOD)
            costs.append(sum(stats["calls"] for stats in client.info("commandstats").values()))
            client.flushall()
        assert abs(costs[0] - costs[1]) <= 8

    def test_equal_options_are_stored_once(self, url: str) -> None:
        options = '{"css": "' + "a" * 10_000 + '"}'
        pages = [NewPage(url=each, host="a.example", options=options) for each in urls(500)]
        store = RedisJobs(url)
        store.create(NewJob(id="one", pages=pages))
        assert (client_for(url).memory_usage("tintype:jobs:job:one:pages", samples=0) or 0) < 500_000
        assert claim(store).options == options


def test_each_node_has_its_own_limit(url: str) -> None:
    store = RedisJobs(url)
    store.create(new_job("one", *urls(5)))
    north, south = replace(LIMITS, total=2, node="north"), replace(LIMITS, total=1, node="south")
    leases = [claim(store, north), claim(store, north), claim(store, south)]
    assert (store.claim(north, LEASE), store.claim(south, LEASE)) == (None, None)
    store.finish(leases[0], GOOD)
    assert store.claim(south, LEASE) is None
    assert claim(store, north).number == 4


@pytest.mark.usefixtures("short_pause")
class TestErrors:
    def test_redis_that_lost_its_data_starts_an_empty_queue(self, server: RedisServer) -> None:
        store = RedisJobs(server.url)
        store.create(new_job("one"))
        lease = claim(store)
        server.stop()
        server.start()
        assert eventually(lambda: _works(store), 60)
        assert (store.finish(lease, GOOD), store.extend(lease, LEASE), store.job("one")) == (False, False, None)
        store.create(new_job("two"))
        assert claim(store).job == "two"

    def test_full_redis_rejects_jobs_and_keeps_results(self, server: RedisServer) -> None:
        store, client = RedisJobs(server.url), client_for(server.url)
        store.create(new_job("one", *urls(2)))
        lease = claim(store)
        client.config_set("maxmemory", 1)
        with pytest.raises(BackendUnavailable):
            store.create(new_job("two", *urls(100)))
        assert store.finish(lease, GOOD)
        assert store.cancel("one") == 1
        assert store.delete("one")
        client.config_set("maxmemory", 0)
        store.create(new_job("three"))
        assert store.state().queued == 1

    def test_evicted_job_blocks_no_other(self, url: str) -> None:
        """With ``allkeys-lru``, against the advice, Redis may delete any key."""
        clock = Clock()
        store, client = RedisJobs(url, clock=clock, monotonic=clock), client_for(url)
        store.create(new_job("gone", *urls(3)))
        store.create(new_job("kept", *urls(1)))
        limits = replace(LIMITS, per_host=1, per_owner=1, total=1)
        assert claim(store, limits).job == "gone"
        client.delete(*client.keys("tintype:jobs:job:gone*"))
        clock.now += LEASE + 1
        assert eventually(lambda: (lease := store.claim(limits, LEASE)) is not None and lease.job == "kept", 60)
        assert store.jobs(owner=None)[0].id == "kept"

    def test_pages_that_redis_lost_during_submission_are_an_error(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, stage = RedisJobs(url), RedisJobs._stage

        def lose_pages(store: RedisJobs, job: str, name: str, pairs: list[tuple[str, str]]) -> None:
            stage(store, job, name, pairs)
            if name == "pages":
                client_for(url).flushall()

        monkeypatch.setattr(RedisJobs, "_stage", lose_pages)
        with pytest.raises(BackendUnavailable):
            store.create(new_job("one", *urls(3)))
        assert store.job("one") is None

    def test_repeated_command_creates_no_second_job(self, url: str) -> None:
        store = RedisJobs(url)
        first = store.create(new_job("one", *urls(2)))
        assert store.create(new_job("one", *urls(2))) == first
        assert store.state().queued == 2


def _works(store: RedisJobs) -> bool:
    try:
        store.state()
    except BackendUnavailable:
        return False
    return True


def test_finished_job_is_complete_after_a_killed_redis() -> None:
    with RedisServer(persistent=True) as server:
        store = RedisJobs(server.url)
        store.create(new_job("one", *urls(2)))
        for _ in range(2):
            store.finish(claim(store), GOOD)
        server.stop()
        server.start()
        assert eventually(lambda: _works(store), 60)
        job = store.job("one")
        assert job
        assert job.status is JobStatus.COMPLETED


def test_stopped_redis_is_an_error_and_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_client, "OPEN_SECONDS", 0.05)
    with RedisServer(persistent=True) as server:
        store = RedisJobs(server.url)
        store.create(new_job("one", *urls(3)))
        lease = claim(store)
        server.stop()
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(BackendUnavailable, match="see the log"):
                    store.claim(LIMITS, LEASE)
            with pytest.raises(BackendUnavailable):
                store.finish(lease, GOOD)
            with pytest.raises(BackendUnavailable):
                store.create(new_job("two"))
        assert [log["event"] for log in logs] == ["state_failed"]
        server.start()
        assert eventually(lambda: _works(store), 60)
        assert store.finish(lease, GOOD)
        assert [claim(store).number for _ in range(2)] == [2, 3]
        assert store.job("two") is None
