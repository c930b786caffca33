"""Messages to job workers, with a job store in SQLite and a broker in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.concurrency import eventually
from tests.support.contracts.jobs import GOOD, LEASE, LIMITS, claim, new_job, urls
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.jobs import messages
from tintype.jobs.leased_pages import CaptureOutcome, LeasedPages
from tintype.jobs.messages import Consumer, MessageHandler, MessageSender
from tintype.jobs.model import ClaimLimits, JobStatus, Lease
from tintype.state.sqlite_jobs import SqliteJobs


@dataclass
class FakeBroker:
    """Messages as a number."""

    waiting: int = 0
    fails: bool = False
    closed: bool = False
    topped_up: list[int] = field(default_factory=list)

    def top_up(self, pages: int) -> int:
        if self.fails:
            raise BackendUnavailable("the broker failed")
        missing = max(0, pages - self.waiting)
        self.waiting += missing
        self.topped_up.append(missing)
        return missing

    def consume(self, work: Callable[[], None], threads: int) -> Consumer:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> SqliteJobs:
    return SqliteJobs(tmp_path / "jobs.db", clock=clock, monotonic=clock)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def sender(store: SqliteJobs, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[MessageSender]:
    monkeypatch.setattr(messages, "SWEEP_INTERVAL", 0.02)
    sender = MessageSender(store, lambda: broker)
    yield sender
    sender.stop(30)


class TestMessageSender:
    def test_sends_one_message_for_each_queued_page(
        self, store: SqliteJobs, broker: FakeBroker, sender: MessageSender
    ) -> None:
        store.create(new_job("one", *urls(3)))
        assert (sender.send_missing(), sender.send_missing(), broker.waiting) == (3, 0, 3)

    def test_replaces_messages_that_the_broker_lost(
        self, store: SqliteJobs, broker: FakeBroker, sender: MessageSender
    ) -> None:
        store.create(new_job("one", *urls(3)))
        sender.send_missing()
        broker.waiting = 1
        assert sender.send_missing() == 2

    def test_sends_a_limited_number_at_a_time(
        self, store: SqliteJobs, broker: FakeBroker, sender: MessageSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messages, "MAX_WAITING", 10)
        store.create(new_job("one", *urls(50)))
        sender.send_missing()
        assert broker.waiting == 10

    def test_queues_the_page_of_a_lost_worker_and_sends_a_message(
        self, store: SqliteJobs, broker: FakeBroker, sender: MessageSender, clock: Clock
    ) -> None:
        store.create(new_job("one"))
        claim(store)
        assert sender.send_missing() == 0
        clock.now += LEASE + 1
        assert sender.send_missing() == 1

    def test_opens_no_broker_without_pages(self, store: SqliteJobs) -> None:
        def open_broker() -> FakeBroker:
            raise AssertionError("opened")

        assert MessageSender(store, open_broker).send_missing() == 0

    def test_thread_continues_after_an_outage(
        self, store: SqliteJobs, broker: FakeBroker, sender: MessageSender
    ) -> None:
        broker.fails = True
        store.create(new_job("one", *urls(3)))
        sender.start()
        sender.wake()
        first = sender.last_round
        assert eventually(lambda: sender.last_round > first, 60)
        broker.fails = False
        assert eventually(lambda: broker.waiting == 3, 60)

    def test_stop_closes_the_broker(self, store: SqliteJobs, broker: FakeBroker, sender: MessageSender) -> None:
        store.create(new_job("one"))
        sender.start()
        assert eventually(lambda: broker.waiting == 1, 60)
        assert sender.stop(30)
        assert eventually(lambda: broker.closed, 60)


class TestMessageHandler:
    def open(
        self, store: SqliteJobs, capture: Callable[[Lease], CaptureOutcome], limits: ClaimLimits = LIMITS
    ) -> tuple[MessageHandler, LeasedPages]:
        pages = LeasedPages(store, capture, limits)
        return MessageHandler(store, pages), pages

    def test_captures_one_page_for_one_message(self, store: SqliteJobs) -> None:
        store.create(new_job("one", *urls(2)))
        captures, _ = self.open(store, lambda _: CaptureOutcome(result=GOOD))
        captures.capture_next()
        job = store.job("one")
        assert job
        assert (job.counts.captured, job.counts.queued) == (1, 1)

    def test_superfluous_message_does_nothing(self, store: SqliteJobs) -> None:
        captures, _ = self.open(store, lambda _: CaptureOutcome(result=GOOD))
        captures.capture_next()

    def test_waits_while_the_host_is_at_its_limit(self, store: SqliteJobs) -> None:
        store.create(new_job("one", *urls(2)))
        limits = replace(LIMITS, per_host=1)
        first = claim(store, limits)
        captures, _ = self.open(store, lambda _: CaptureOutcome(result=GOOD), limits)
        waiting = threading.Thread(target=captures.capture_next)
        waiting.start()
        assert store.finish(first, GOOD)
        waiting.join(30)
        job = store.job("one")
        assert job
        assert job.status is JobStatus.COMPLETED

    def test_gives_a_message_up_that_can_claim_nothing(
        self, store: SqliteJobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messages, "MAX_HOLD", 0.05)
        store.create(new_job("one", *urls(2)))
        limits = replace(LIMITS, per_host=1)
        claim(store, limits)
        captures, _ = self.open(store, lambda _: CaptureOutcome(result=GOOD), limits)
        captures.capture_next()
        assert store.state()[:2] == (1, 1)

    def test_stopped_worker_claims_nothing(self, store: SqliteJobs) -> None:
        store.create(new_job("one"))
        captures, pages = self.open(store, lambda _: CaptureOutcome(result=GOOD))
        assert pages.stop(30)
        captures.capture_next()
        assert store.state().queued == 1
