"""Contract of all job stores, mixed into the tests of each backend."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from random import Random
from typing import Protocol

import pytest

from tests.support.concurrency import in_processes, process_context
from tests.support.fakes import Clock
from tintype.jobs.model import (
    ClaimLimits,
    JobStatus,
    JobStore,
    Lease,
    NewJob,
    NewPage,
    PageResult,
    PageStatus,
    QueueState,
)

LIMITS = ClaimLimits(total=100, per_owner=100, per_host=100)
GOOD = PageResult(verdict="ok", width=1280, height=720, bytes=12345)
BAD = PageResult(error="target-unreachable", detail="the host does not accept the connection")
LEASE = 15.0


class OpenJobs(Protocol):
    """Opens stores on the same backend at each call; picklable without clocks."""

    def __call__(self, **clocks: Callable[[], float]) -> JobStore: ...


def new_job(name: str, *urls: str, owner: str = "", idempotency_key: str = "", fingerprint: str = "") -> NewJob:
    pages = [NewPage(url=url, host=url.split("/")[2], options="{}") for url in urls or (f"https://{name}.example/",)]
    return NewJob(
        id=name, owner=owner, name=name, pages=pages, idempotency_key=idempotency_key, fingerprint=fingerprint
    )


def urls(count: int, host: str = "a.example") -> Sequence[str]:
    return [f"https://{host}/{number}" for number in range(1, count + 1)]


def claim(store: JobStore, limits: ClaimLimits = LIMITS) -> Lease:
    lease = store.claim(limits, LEASE)
    assert lease
    return lease


def capture_all(open_jobs: OpenJobs) -> list[tuple[str, int]]:
    """Work until nothing is left; returns job and number of each captured page."""
    store, captured = open_jobs(), []
    while lease := store.claim(LIMITS, LEASE):
        if store.finish(lease, GOOD):
            captured.append((lease.job, lease.number))
    return captured


def claim_and_hang(open_jobs: OpenJobs, results: Connection) -> None:
    results.send(open_jobs().claim(LIMITS, LEASE))
    signal.pause()


class JobsContract:
    @pytest.fixture
    def open_jobs(self) -> OpenJobs:
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, open_jobs: OpenJobs, clock: Clock) -> JobStore:
        return open_jobs(clock=clock, monotonic=clock)

    def test_new_job_is_queued_with_all_pages(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(3)))
        job = store.job("one")
        assert job
        assert (job.status, job.counts.total, job.counts.queued) == (JobStatus.QUEUED, 3, 3)
        assert [(page.number, page.url, page.status) for page in store.pages("one")] == [
            (number, url, PageStatus.QUEUED) for number, url in enumerate(urls(3), 1)
        ]

    def test_unknown_job_is_none(self, store: JobStore) -> None:
        assert store.job("one") is None
        assert (store.pages("one"), store.retry("one"), store.cancel("one"), store.delete("one")) == ([], 0, 0, False)

    def test_pages_are_claimed_once_in_order(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(3)))
        leases = [claim(store) for _ in range(3)]
        assert [(lease.url, lease.attempt, lease.retried) for lease in leases] == [(url, 1, False) for url in urls(3)]
        assert store.claim(LIMITS, LEASE) is None

    def test_finished_pages_keep_their_results(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(2)))
        for result in (GOOD, BAD):
            assert store.finish(claim(store), result)
        assert [(page.status, page.result) for page in store.pages("one")] == [
            (PageStatus.CAPTURED, GOOD),
            (PageStatus.FAILED, BAD),
        ]
        assert [page.number for page in store.pages("one", status=PageStatus.FAILED)] == [2]

    @pytest.mark.parametrize(
        ("results", "status"),
        [
            ((GOOD, GOOD), JobStatus.COMPLETED),
            ((GOOD, BAD), JobStatus.PARTIAL),
            ((BAD, BAD), JobStatus.FAILED),
        ],
    )
    def test_job_ends_with_its_last_page(
        self, results: tuple[PageResult, ...], status: JobStatus, store: JobStore, clock: Clock
    ) -> None:
        store.create(new_job("one", *urls(2)))
        store.finish(claim(store), results[0])
        job = store.job("one")
        assert job
        assert (job.status, job.ended_at) == (JobStatus.RUNNING, 0)
        clock.now += 5
        store.finish(claim(store), results[1])
        job = store.job("one")
        assert job
        assert (job.status, job.ended_at) == (status, clock.now)

    def test_released_page_is_due_after_its_pause(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one"))
        assert store.release(claim(store), 30, BAD)
        clock.now += 29
        assert store.claim(LIMITS, LEASE) is None
        clock.now += 2
        assert claim(store).attempt == 2

    def test_lost_lease_is_claimed_again(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one"))
        lost = claim(store)
        clock.now += LEASE + 1
        again = claim(store)
        assert (again.number, again.attempt) == (lost.number, 2)
        assert not store.finish(lost, BAD)
        assert not store.extend(lost, LEASE)
        assert store.finish(again, GOOD)
        assert store.pages("one")[0].result == GOOD

    def test_claim_with_limits_of_zero_returns_lost_pages_only(self, store: JobStore, clock: Clock) -> None:
        nothing = ClaimLimits(total=0, per_owner=0, per_host=0)
        store.create(new_job("one"))
        claim(store)
        assert store.claim(nothing, LEASE) is None
        assert store.state()[:2] == (0, 1)
        clock.now += LEASE + 1
        assert store.claim(nothing, LEASE) is None
        assert store.state()[:2] == (1, 0)

    def test_extended_lease_is_not_claimed_again(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one"))
        lease = claim(store)
        for _ in range(4):
            clock.now += LEASE - 1
            assert store.extend(lease, LEASE)
            assert store.claim(LIMITS, LEASE) is None
        assert store.finish(lease, GOOD)

    def test_page_that_loses_every_worker_fails(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one"))
        for attempt in (1, 2, 3):
            assert claim(store).attempt == attempt
            clock.now += LEASE + 1
        assert store.claim(LIMITS, LEASE) is None
        page, job = store.pages("one")[0], store.job("one")
        assert page.result
        assert (page.status, page.result.error) == (PageStatus.FAILED, "worker-lost")
        assert job
        assert (job.status, job.ended_at) == (JobStatus.FAILED, clock.now)

    def test_result_is_stored_once(self, store: JobStore) -> None:
        store.create(new_job("one"))
        lease = claim(store)
        assert store.finish(lease, GOOD)
        assert not store.finish(lease, BAD)
        assert not store.release(lease, 0, BAD)

    def test_cancel_keeps_what_has_begun(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(3)))
        running = claim(store)
        assert store.cancel("one") == 2
        assert store.claim(LIMITS, LEASE) is None
        assert store.finish(running, GOOD)
        job = store.job("one")
        assert job
        assert job.ended_at
        assert (job.status, job.counts.captured, job.counts.cancelled) == (JobStatus.CANCELLED, 1, 2)

    @pytest.mark.parametrize("ends", ["released", "lost"])
    def test_page_of_a_cancelled_job_is_not_queued_again(self, ends: str, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one", *urls(2)))
        running = claim(store)
        store.cancel("one")
        if ends == "released":
            assert store.release(running, 5, BAD)
        clock.now += LEASE + 1
        assert store.claim(LIMITS, LEASE) is None
        job = store.job("one")
        assert job
        assert (job.counts.cancelled, job.ended_at > 0) == (2, True)

    def test_cancel_includes_pages_that_pause(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one", *urls(2)))
        store.release(claim(store), 30, BAD)
        assert store.cancel("one") == 2
        clock.now += 31
        assert store.claim(LIMITS, LEASE) is None
        assert store.retry("one") == 2
        assert [claim(store).number for _ in range(2)] == [1, 2]
        assert store.claim(LIMITS, LEASE) is None

    def test_retry_queues_failed_and_cancelled_pages(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(3)))
        store.finish(claim(store), GOOD)
        store.finish(claim(store), BAD)
        store.cancel("one")
        assert store.retry("one") == 2
        job = store.job("one")
        assert job
        assert (job.status, job.counts.queued, job.ended_at) == (JobStatus.RUNNING, 2, 0)
        assert [(lease.number, lease.retried) for lease in (claim(store), claim(store))] == [(2, True), (3, True)]

    def test_pages_that_return_are_captured_with_all_others(self, store: JobStore, clock: Clock) -> None:
        """Pages of three hosts return in every way, again and again; each ends once."""
        hosts = [f"https://{'abc'[number % 3]}.example/{number}" for number in range(60)]
        store.create(new_job("one", *hosts))
        choices, captured = Random(7), Counter[int]()
        for _ in range(2000):
            clock.now += 1
            lease = store.claim(LIMITS, LEASE)
            if lease is None:
                continue
            match choices.randrange(5):
                case 0:
                    store.release(lease, choices.choice((0, 1, 40)), BAD)
                case 1:
                    store.finish(lease, BAD)
                    store.retry("one")
                case 2 if lease.attempt == 1:
                    clock.now += LEASE + 1  # the worker was killed
                case _:
                    captured[lease.number] += store.finish(lease, GOOD)
        assert captured == dict.fromkeys(range(1, 61), 1)
        job = store.job("one")
        assert job
        assert job.status is JobStatus.COMPLETED
        assert (store.state(), store.queued("")) == (QueueState(), 0)

    def test_lists_many_pages_in_order(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(1200)))
        assert [page.number for page in store.pages("one", limit=1100, after=50)] == [*range(51, 1151)]
        assert store.cancel("one") == 1200
        assert len(store.pages("one", limit=5000, status=PageStatus.CANCELLED)) == 1200
        assert store.retry("one") == 1200
        assert [claim(store).number for _ in range(3)] == [1, 2, 3]

    def test_delete_forgets_a_job_and_frees_its_hosts(self, store: JobStore) -> None:
        store.create(new_job("one"))
        limits = replace(LIMITS, per_host=1)
        lease = claim(store, limits)
        assert store.delete("one")
        assert store.job("one") is None
        assert not store.finish(lease, GOOD)
        store.create(new_job("two", "https://one.example/"))
        assert claim(store, limits).job == "two"

    def test_expire_forgets_old_ended_jobs_only(self, store: JobStore, clock: Clock) -> None:
        for name in ("old", "open", "new"):
            store.create(new_job(name))
        store.finish(claim(store), GOOD)
        clock.now += 100
        assert store.cancel("new") == 1
        assert store.expire(clock.now - 50, limit=10) == 1
        assert [bool(store.job(name)) for name in ("old", "open", "new")] == [False, True, True]

    def test_lists_jobs_of_an_owner_newest_first(self, store: JobStore) -> None:
        for name, owner in (("one", "shop"), ("two", "blog"), ("three", "shop")):
            store.create(new_job(name, owner=owner))
        assert [job.id for job in store.jobs(owner="shop")] == ["three", "one"]
        assert [job.id for job in store.jobs(owner=None)] == ["three", "two", "one"]
        assert [job.id for job in store.jobs(owner=None, before="three", limit=1)] == ["two"]

    def test_idempotency_key_creates_one_job_a_day(self, store: JobStore, clock: Clock) -> None:
        first = store.create(new_job("one", owner="shop", idempotency_key="k", fingerprint="f"))
        assert store.create(new_job("two", owner="shop", idempotency_key="k", fingerprint="other")) == first
        assert store.create(new_job("three", owner="blog", idempotency_key="k")).id == "three"
        clock.now += 86_401
        assert store.create(new_job("four", owner="shop", idempotency_key="k")).id == "four"

    def test_owners_take_turns(self, store: JobStore) -> None:
        store.create(new_job("big", *urls(6, "a.example"), owner="shop"))
        store.create(new_job("small", *urls(3, "b.example"), owner="blog"))
        turns = Counter(claim(store).owner for _ in range(6))
        assert turns == {"shop": 3, "blog": 3}

    def test_jobs_of_one_owner_take_turns(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("big", *urls(4, "a.example")))
        store.create(new_job("small", *urls(2, "b.example")))
        order = []
        for _ in range(4):
            order.append(claim(store).job)
            clock.now += 1
        assert order == ["big", "small", "big", "small"]

    @pytest.mark.parametrize(
        "limits",
        [replace(LIMITS, total=2), replace(LIMITS, per_owner=2), replace(LIMITS, per_host=2)],
        ids=["total", "owner", "host"],
    )
    def test_claims_stop_at_each_limit(self, limits: ClaimLimits, store: JobStore) -> None:
        store.create(new_job("one", *urls(5)))
        leases = [claim(store, limits) for _ in range(2)]
        assert store.claim(limits, LEASE) is None
        store.finish(leases[0], GOOD)
        assert claim(store, limits).number == 3

    def test_busy_host_delays_no_other_host(self, store: JobStore) -> None:
        store.create(new_job("one", *urls(3, "a.example"), *urls(1, "b.example")))
        limits = replace(LIMITS, per_host=1)
        assert [claim(store, limits).number for _ in range(2)] == [1, 4]
        assert store.claim(limits, LEASE) is None

    def test_busy_hosts_delay_no_other_host(self, store: JobStore) -> None:
        hosts = [f"https://{number}.example/" for number in range(50)]
        store.create(new_job("one", *hosts, *hosts, "https://last.example/"))
        limits = replace(LIMITS, per_host=1)
        assert [claim(store, limits).number for _ in range(51)] == [*range(1, 51), 101]
        assert store.claim(limits, LEASE) is None

    def test_pause_between_captures_of_a_host(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one", *urls(2)))
        limits = replace(LIMITS, host_pause=2.0)
        store.finish(claim(store, limits), GOOD)
        assert store.claim(limits, LEASE) is None
        clock.now += 2.1
        assert claim(store, limits).number == 2

    def test_state_reports_the_queue_and_its_age(self, store: JobStore, clock: Clock) -> None:
        assert store.state() == QueueState()
        store.create(new_job("one", *urls(3)))
        clock.now += 30
        claim(store)
        assert store.state() == QueueState(queued=2, running=1, oldest_age=30.0, jobs=1)

    def test_state_reports_how_long_no_process_has_looked_for_a_page(self, store: JobStore, clock: Clock) -> None:
        store.create(new_job("one", *urls(2)))
        clock.now += 30
        assert store.state().unclaimed == 30
        claim(store)
        clock.now += 7
        assert store.state().unclaimed == 7
        assert store.claim(replace(LIMITS, per_host=1), LEASE) is None
        assert store.state().unclaimed == 0
        clock.now += 3
        store.cancel("one")
        assert store.state().unclaimed == 0

    def test_processes_capture_every_page_once(self, open_jobs: OpenJobs) -> None:
        open_jobs().create(new_job("one", *urls(60)))
        captured = [page for pages in in_processes(capture_all, [(open_jobs,)] * 3) for page in pages]
        assert sorted(captured) == [("one", number) for number in range(1, 61)]

    def test_killed_worker_loses_no_page(self, open_jobs: OpenJobs) -> None:
        open_jobs().create(new_job("one", *urls(2)))
        context = process_context()
        receiver, sender = context.Pipe(duplex=False)
        worker = context.Process(target=claim_and_hang, args=(open_jobs, sender))
        worker.start()
        lost: Lease = receiver.recv()
        worker.kill()
        worker.join()
        clock = Clock()
        later = open_jobs(monotonic=lambda: clock.now + 10 * LEASE + 1e9)
        assert sorted(claim(later).number for _ in range(2)) == [1, 2]
        assert not later.finish(lost, BAD)
