"""Contracts of delivery stores, and of the events that job stores add to them; mixed into the tests of each backend."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any, Protocol

import pytest

from tests.support.concurrency import in_processes, process_context
from tests.support.contracts.jobs import BAD, GOOD, LEASE, claim, new_job, urls
from tests.support.contracts.jobs import LIMITS as JOB_LIMITS
from tests.support.fakes import Clock
from tintype.jobs.model import JobStore, NewJob
from tintype.jobs.report import job_members, page_members
from tintype.webhooks.model import (
    JOB_EVENTS,
    MAX_ATTEMPTS,
    PAGE_EVENTS,
    AttemptResult,
    DeliveryLease,
    DeliveryLimits,
    DeliveryState,
    DeliveryStore,
    Event,
    NewDelivery,
    WebhookTarget,
)

LIMITS = DeliveryLimits(total=100, per_receiver=100)
HOOK = "https://hooks.example/tintype"
ALL = WebhookTarget(url=HOOK, events=(*PAGE_EVENTS, *JOB_EVENTS), base_url="https://tintype.example")
DELIVERED = AttemptResult(state=DeliveryState.DELIVERED, http_status=204)
STOPPED = AttemptResult(state=DeliveryState.STOPPED, http_status=410, error="the receiver returned status 410")
FAILED = AttemptResult(state=DeliveryState.FAILED, error="the last attempt failed")


def again(seconds: float = 0.0) -> AttemptResult:
    return AttemptResult(
        state=DeliveryState.PENDING, retry_after=seconds, http_status=500, error="the receiver returned status 500"
    )


class OpenDeliveries(Protocol):
    """Opens stores on the same backend at each call; picklable without clocks."""

    def __call__(self, **clocks: Callable[[], float]) -> DeliveryStore: ...


class OpenJobs(Protocol):
    """Opens job stores on the backend of the deliveries."""

    def __call__(self, **clocks: Callable[[], float]) -> JobStore: ...


def new_delivery(name: str, url: str = HOOK, *, owner: str = "", subject: str = "job_one") -> NewDelivery:
    return NewDelivery(id=name, event=Event.JOB_COMPLETED, url=url, subject=subject, data='{"id": 1}', owner=owner)


def take(store: DeliveryStore, limits: DeliveryLimits = LIMITS) -> DeliveryLease:
    lease = store.claim(limits, LEASE)
    assert lease
    return lease


def take_all(open_deliveries: OpenDeliveries) -> list[str]:
    """Deliver until nothing is left; returns the ids."""
    store, taken = open_deliveries(), []
    while lease := store.claim(LIMITS, LEASE):
        if store.finish(lease, DELIVERED):
            taken.append(lease.delivery.id)
    return taken


def take_and_hang(open_deliveries: OpenDeliveries, results: Connection) -> None:
    results.send(open_deliveries().claim(LIMITS, LEASE))
    signal.pause()


class DeliveriesContract:
    @pytest.fixture
    def open_deliveries(self) -> OpenDeliveries:
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, open_deliveries: OpenDeliveries, clock: Clock) -> DeliveryStore:
        return open_deliveries(clock=clock, monotonic=clock)

    def test_new_delivery_is_pending_and_due(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([replace(new_delivery("one", owner="shop"), page=3)])
        found = store.delivery("one")
        assert found
        assert (found.state, found.attempts, found.created_at) == (DeliveryState.PENDING, 0, clock.now)
        assert (found.event, found.url, found.subject, found.page, found.owner, found.data) == (
            Event.JOB_COMPLETED, HOOK, "job_one", 3, "shop", '{"id": 1}',
        )  # fmt: skip
        lease = take(store)
        assert (lease.delivery.id, lease.delivery.attempts) == ("one", 1)
        assert store.claim(LIMITS, LEASE) is None

    def test_unknown_delivery_is_none(self, store: DeliveryStore) -> None:
        assert (store.delivery("one"), store.resend("one"), store.deliveries(owner=None)) == (None, False, [])

    def test_delivery_is_added_once(self, store: DeliveryStore) -> None:
        store.add([new_delivery("one"), new_delivery("two")])
        store.finish(take(store), DELIVERED)
        store.add([new_delivery("one")])
        assert take(store).delivery.id == "two"
        assert store.claim(LIMITS, LEASE) is None

    def test_deliveries_that_are_due_together_are_claimed_in_order(self, store: DeliveryStore) -> None:
        names = ["b", "a", "c", *(f"number {number}" for number in range(20, 8, -1))]
        store.add([new_delivery(name) for name in names])
        assert [take(store).delivery.id for _ in names] == names

    def test_delivered_ends_the_delivery(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery("one")])
        assert store.finish(take(store), DELIVERED)
        found = store.delivery("one")
        assert found
        assert (found.state, found.http_status, found.ended_at, found.error) == (
            DeliveryState.DELIVERED, 204, clock.now, "",
        )  # fmt: skip

    def test_failed_attempt_is_repeated_after_its_pause(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery("one")])
        assert store.finish(take(store), again(30))
        found = store.delivery("one")
        assert found
        assert (found.state, found.due_at, found.error) == (
            DeliveryState.PENDING, clock.now + 30, "the receiver returned status 500",
        )  # fmt: skip
        clock.now += 29
        assert store.claim(LIMITS, LEASE) is None
        clock.now += 2
        assert take(store).delivery.attempts == 2

    def test_lost_attempt_is_repeated(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery("one")])
        lost = take(store)
        clock.now += LEASE + 1
        repeated = take(store)
        assert (repeated.delivery.id, repeated.delivery.attempts) == ("one", 2)
        assert not store.finish(lost, FAILED)
        assert store.finish(repeated, DELIVERED)

    def test_delivery_that_loses_every_attempt_fails(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery("one")])
        for attempt in range(1, MAX_ATTEMPTS + 1):
            assert take(store).delivery.attempts == attempt
            clock.now += LEASE + 1
        assert store.claim(LIMITS, LEASE) is None
        found = store.delivery("one")
        assert found
        assert found.state is DeliveryState.FAILED
        assert "ended" in found.error

    def test_gone_receiver_gets_nothing_more_of_the_same_subject(self, store: DeliveryStore) -> None:
        store.add([new_delivery(name) for name in ("one", "two")])
        store.add([new_delivery("other url", f"{HOOK}/2"), new_delivery("other job", subject="job_two")])
        assert store.finish(take(store), STOPPED)
        store.add([new_delivery("three")])
        assert store.delivery("three") is None
        assert [each.state for name in ("one", "two") if (each := store.delivery(name))] == [DeliveryState.STOPPED] * 2
        assert sorted(take(store).delivery.id for _ in range(2)) == ["other job", "other url"]

    def test_resend_begins_again(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery("one")])
        store.finish(take(store), again(30))
        store.finish(take_later(store, clock, 31), FAILED)
        assert store.claim(LIMITS, LEASE) is None
        assert store.resend("one")
        assert take(store).delivery.attempts == 1

    def test_resend_permits_events_of_a_stopped_subject(self, store: DeliveryStore) -> None:
        store.add([new_delivery("one")])
        store.finish(take(store), STOPPED)
        assert store.resend("one")
        store.add([new_delivery("two")])
        assert store.delivery("two")

    def test_resend_keeps_a_running_attempt(self, store: DeliveryStore) -> None:
        store.add([new_delivery("one")])
        lease = take(store)
        assert store.resend("one")
        assert store.claim(LIMITS, LEASE) is None
        assert store.finish(lease, DELIVERED)

    def test_lists_deliveries_of_an_owner_newest_first(self, store: DeliveryStore) -> None:
        store.add([new_delivery("one", owner="shop"), new_delivery("two", owner="blog")])
        store.add([new_delivery("three", owner="shop")])
        assert [each.id for each in store.deliveries(owner="shop")] == ["three", "one"]
        assert [each.id for each in store.deliveries(owner=None)] == ["three", "two", "one"]
        assert [each.id for each in store.deliveries(owner=None, before="three", limit=1)] == ["two"]

    def test_lists_deliveries_by_state(self, store: DeliveryStore) -> None:
        store.add([new_delivery(name) for name in ("one", "two", "three")])
        for result in (DELIVERED, FAILED):
            store.finish(take(store), result)
        take(store)
        assert [
            [each.id for each in store.deliveries(owner="", state=state)]
            for state in (DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.PENDING, DeliveryState.STOPPED)
        ] == [["one"], ["two"], ["three"], []]

    def test_claims_stop_at_the_limit_of_all(self, store: DeliveryStore) -> None:
        store.add([new_delivery(name, f"https://{name}.example/") for name in ("a", "b", "c")])
        limits = replace(LIMITS, total=2)
        leases = [take(store, limits) for _ in range(2)]
        assert store.claim(limits, LEASE) is None
        store.finish(leases[0], DELIVERED)
        take(store, limits)

    def test_busy_receiver_delays_no_other(self, store: DeliveryStore) -> None:
        store.add([new_delivery(f"busy {number}") for number in range(5)])
        store.add([new_delivery("other", "https://other.example/")])
        limits = replace(LIMITS, per_receiver=2)
        assert sorted(take(store, limits).delivery.id for _ in range(3)) == ["busy 0", "busy 1", "other"]
        assert store.claim(limits, LEASE) is None

    def test_receivers_that_fail_share_one_half(self, store: DeliveryStore) -> None:
        limits = DeliveryLimits(total=4, per_receiver=1)
        for number in range(4):
            store.add([new_delivery(f"dead {number}", f"https://dead{number}.example/")])
            store.finish(take(store, limits), again())
        store.add([new_delivery(f"good {number}", f"https://good{number}.example/") for number in range(2)])
        assert [take(store, limits).delivery.id[:4] for _ in range(4)] == ["good", "good", "dead", "dead"]

    def test_failing_receivers_leave_the_other_half_free(self, store: DeliveryStore) -> None:
        limits = DeliveryLimits(total=4, per_receiver=1)
        for number in range(4):
            store.add([new_delivery(f"dead {number}", f"https://dead{number}.example/")])
            store.finish(take(store, limits), again())
        assert [bool(store.claim(limits, LEASE)) for _ in range(3)] == [True, True, False]
        store.add([new_delivery("good", "https://good.example/")])
        assert take(store, limits).delivery.id == "good"

    def test_owners_take_turns(self, store: DeliveryStore) -> None:
        store.add([new_delivery(f"big {number}", f"https://{number}.example/", owner="big") for number in range(6)])
        store.add([new_delivery("small", "https://small.example/", owner="small")])
        assert "small" in [take(store).delivery.id for _ in range(2)]

    def test_receivers_of_one_owner_take_turns(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery(f"a {number}", "https://a.example/") for number in range(3)])
        store.add([new_delivery("b", "https://b.example/")])
        order = []
        for _ in range(3):
            lease = take(store)
            order.append(lease.delivery.id)
            store.finish(lease, DELIVERED)
            clock.now += 1
        assert order == ["a 0", "b", "a 1"]

    def test_expire_forgets_what_ended_before(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery(name) for name in ("old", "new", "open")])
        store.finish(take(store), DELIVERED)
        clock.now += 100
        store.finish(take(store), FAILED)
        assert store.expire(clock.now - 50, keep=10, limit=10) == 1
        assert [bool(store.delivery(name)) for name in ("old", "new", "open")] == [False, True, True]

    def test_expire_keeps_the_last_ones_only(self, store: DeliveryStore, clock: Clock) -> None:
        store.add([new_delivery(str(number)) for number in range(5)])
        for _ in range(4):
            store.finish(take(store), DELIVERED)
            clock.now += 1
        assert store.expire(0.0, keep=2, limit=10) == 2
        assert [bool(store.delivery(str(number))) for number in range(5)] == [False, False, True, True, True]

    def test_queue_reports_its_size_and_age(self, store: DeliveryStore, clock: Clock) -> None:
        assert store.queue() == (0, 0, 0.0)
        store.add([new_delivery(name) for name in ("one", "two", "three")])
        store.finish(take(store), again(600))
        take(store)
        clock.now += 30
        assert store.queue() == (2, 1, 30.0)

    def test_processes_take_every_delivery_once(self, open_deliveries: OpenDeliveries) -> None:
        open_deliveries().add([new_delivery(str(number), f"https://{number % 5}.example/") for number in range(40)])
        taken = [each for found in in_processes(take_all, [(open_deliveries,)] * 3) for each in found]
        assert sorted(taken, key=int) == [str(number) for number in range(40)]

    def test_killed_process_loses_no_delivery(self, open_deliveries: OpenDeliveries) -> None:
        open_deliveries().add([new_delivery("one")])
        context = process_context()
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=take_and_hang, args=(open_deliveries, sender))
        process.start()
        lost: DeliveryLease = receiver.recv()
        process.kill()
        process.join()
        later = open_deliveries(monotonic=lambda: 10 * LEASE + 1e12)
        assert take(later).delivery.id == "one"
        assert not later.finish(lost, DELIVERED)


def take_later(store: DeliveryStore, clock: Clock, seconds: float) -> DeliveryLease:
    clock.now += seconds
    return take(store)


def hooked(name: str, *pages: str, webhook: WebhookTarget = ALL, owner: str = "shop") -> NewJob:
    return replace(new_job(name, *pages, owner=owner), webhook=webhook)


class JobEventsContract:
    """The end of a page or a job is stored together with its deliveries."""

    @pytest.fixture
    def open_jobs(self) -> OpenJobs:
        raise NotImplementedError

    @pytest.fixture
    def open_deliveries(self) -> OpenDeliveries:
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def jobs(self, open_jobs: OpenJobs, clock: Clock) -> JobStore:
        return open_jobs(clock=clock, monotonic=clock)

    @pytest.fixture
    def deliveries(self, open_deliveries: OpenDeliveries, clock: Clock) -> DeliveryStore:
        return open_deliveries(clock=clock, monotonic=clock)

    @staticmethod
    def events(deliveries: DeliveryStore) -> list[tuple[str, int]]:
        """Event and page of each delivery, oldest first."""
        return [(each.event.value, each.page) for each in reversed(deliveries.deliveries(owner=None))]

    @staticmethod
    def data(deliveries: DeliveryStore, event: Event) -> dict[str, Any]:
        (found,) = [each for each in deliveries.deliveries(owner=None) if each.event is event]
        return dict(json.loads(found.data))

    def test_job_keeps_its_webhook(self, jobs: JobStore) -> None:
        assert jobs.create(hooked("one")).webhook == ALL
        found = jobs.job("one")
        assert found
        assert found.webhook == ALL

    def test_each_page_and_the_job_have_an_event(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(2)))
        for result in (GOOD, BAD):
            jobs.finish(claim(jobs), result)
        assert self.events(deliveries) == [("page.captured", 1), ("page.failed", 2), ("job.completed", 0)]
        assert {(each.owner, each.subject, each.url) for each in deliveries.deliveries(owner="shop")} == {
            ("shop", "one", HOOK)
        }

    def test_job_without_a_webhook_has_no_events(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(new_job("one"))
        jobs.finish(claim(jobs), GOOD)
        assert self.events(deliveries) == []

    def test_only_wanted_events_are_stored(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(2), webhook=replace(ALL, events=(Event.PAGE_FAILED, Event.JOB_FAILED))))
        for result in (GOOD, BAD):
            jobs.finish(claim(jobs), result)
        assert self.events(deliveries) == [("page.failed", 2)]

    def test_job_without_a_captured_page_has_failed(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", webhook=replace(ALL, events=JOB_EVENTS)))
        jobs.finish(claim(jobs), BAD)
        assert self.events(deliveries) == [("job.failed", 0)]

    def test_data_are_those_of_the_routes(self, jobs: JobStore, deliveries: DeliveryStore, clock: Clock) -> None:
        jobs.create(hooked("one"))
        result = replace(GOOD, url="/stored/one.webp", seconds=1.25)
        clock.now += 3
        lease = claim(jobs)
        clock.now += 2
        jobs.finish(lease, result)
        job, (page,) = jobs.job("one"), jobs.pages("one")
        assert job
        assert self.data(deliveries, Event.JOB_COMPLETED) == job_members(job, ALL.base_url)
        captured = self.data(deliveries, Event.PAGE_CAPTURED)
        assert captured == {"job": "one", **page_members(page, ALL.base_url)}
        assert captured["stored_url"] == "https://tintype.example/stored/one.webp"

    def test_long_error_text_is_cut(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one"))
        jobs.finish(claim(jobs), replace(BAD, detail="long " * 10_000))
        assert len(self.data(deliveries, Event.PAGE_FAILED)["detail"]) == 1000

    def test_released_page_of_a_cancelled_job_ends_it(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(2)))
        lease = claim(jobs)
        jobs.cancel("one")
        assert jobs.release(lease, 30, BAD)
        assert self.events(deliveries) == [("job.failed", 0)]

    def test_released_page_has_no_event(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one"))
        jobs.release(claim(jobs), 0, BAD)
        assert self.events(deliveries) == []

    def test_lost_lease_adds_no_event(self, jobs: JobStore, deliveries: DeliveryStore, clock: Clock) -> None:
        jobs.create(hooked("one"))
        lost = claim(jobs)
        clock.now += LEASE + 1
        repeated = claim(jobs)
        assert not jobs.finish(lost, BAD)
        jobs.finish(repeated, GOOD)
        assert not jobs.finish(repeated, GOOD)
        assert self.events(deliveries) == [("page.captured", 1), ("job.completed", 0)]

    def test_page_that_loses_every_worker_has_its_events(
        self, jobs: JobStore, deliveries: DeliveryStore, clock: Clock
    ) -> None:
        jobs.create(hooked("one"))
        for _ in range(3):
            claim(jobs)
            clock.now += LEASE + 1
        assert not_claimed(jobs)
        assert self.events(deliveries) == [("page.failed", 1), ("job.failed", 0)]
        assert self.data(deliveries, Event.PAGE_FAILED)["error"] == "worker-lost"

    def test_cancelled_job_has_one_event(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(3)))
        jobs.cancel("one")
        assert self.events(deliveries) == [("job.failed", 0)]
        data = self.data(deliveries, Event.JOB_FAILED)
        assert (data["status"], data["progress"]["cancelled"]) == ("cancelled", 3)

    def test_cancelled_job_ends_with_its_running_page(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(2)))
        lease = claim(jobs)
        jobs.cancel("one")
        assert self.events(deliveries) == []
        jobs.finish(lease, GOOD)
        assert self.events(deliveries) == [("page.captured", 1), ("job.completed", 0)]

    def test_retried_job_has_its_events_again(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(2)))
        for result in (GOOD, BAD):
            jobs.finish(claim(jobs), result)
        jobs.retry("one")
        jobs.finish(claim(jobs), GOOD)
        assert self.events(deliveries)[3:] == [("page.captured", 2), ("job.completed", 0)]
        assert len({each.id for each in deliveries.deliveries(owner=None)}) == 5

    def test_deleted_job_keeps_its_events(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one"))
        jobs.finish(claim(jobs), GOOD)
        jobs.delete("one")
        assert {take(deliveries).delivery.event for _ in range(2)} == {Event.PAGE_CAPTURED, Event.JOB_COMPLETED}

    def test_stopped_url_gets_no_further_events_of_the_job(self, jobs: JobStore, deliveries: DeliveryStore) -> None:
        jobs.create(hooked("one", *urls(3)))
        jobs.finish(claim(jobs), GOOD)
        deliveries.finish(take(deliveries), STOPPED)
        for _ in range(2):
            jobs.finish(claim(jobs), GOOD)
        assert self.events(deliveries) == [("page.captured", 1)]


def not_claimed(jobs: JobStore) -> bool:
    return jobs.claim(JOB_LIMITS, LEASE) is None
