"""The dispatcher with a delivery store in SQLite, real receivers, and scripted sends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from harness.webhook_receiver import Reply, WebhookReceiver
from tests.support.contracts.deliveries import DELIVERED, again, new_delivery
from tests.support.webhooks import eventually, sender_for
from tintype.errors import BackendUnavailable
from tintype.state.sqlite_deliveries import SqliteDeliveries
from tintype.webhooks import dispatcher
from tintype.webhooks.dispatcher import DeliveryDispatcher
from tintype.webhooks.model import (
    AttemptResult,
    Delivery,
    DeliveryLease,
    DeliveryLimits,
    DeliveryState,
    DeliveryStore,
    NewDelivery,
)

Start = Callable[..., DeliveryDispatcher]
DAY = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> SqliteDeliveries:
    return SqliteDeliveries(tmp_path / "jobs.db")


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def start(store: SqliteDeliveries, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(dispatcher, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(dispatcher, "FAILURE_PAUSE", 0.02)
    monkeypatch.setattr(dispatcher, "LEASE_SECONDS", 600.0)  # a loaded machine loses no attempt
    with ExitStack() as running:

        def begin(
            send: Callable[[Delivery], AttemptResult], store: DeliveryStore = store, **limits: int
        ) -> DeliveryDispatcher:
            each = DeliveryDispatcher(store, send, DAY, DeliveryLimits(**limits))
            running.callback(each.stop, 60)
            each.start()
            return each

        yield begin


def state_of(store: DeliveryStore, name: str) -> DeliveryState | None:
    found = store.delivery(name)
    return found.state if found else None


def to(name: str, receiver: WebhookReceiver, path: str = "/") -> NewDelivery:
    return new_delivery(name, receiver.url(path))


class TestDelivery:
    def test_sends_what_was_added(self, store: SqliteDeliveries, start: Start, receiver: WebhookReceiver) -> None:
        begun = start(sender_for(receiver.port))
        store.add([to("one", receiver)])
        begun.wake()
        (received,) = receiver.wait_for(1)
        assert received.headers["webhook-id"] == "one"
        assert eventually(lambda: state_of(store, "one") is DeliveryState.DELIVERED)

    def test_repeats_until_the_receiver_accepts(
        self, store: SqliteDeliveries, start: Start, receiver: WebhookReceiver
    ) -> None:
        send = sender_for(receiver.port)
        receiver.replies["/"] = [Reply(500), Reply(503, {"Retry-After": "7"}), Reply(200)]
        store.add([to("one", receiver)])
        start(lambda delivery: replace(send(delivery), retry_after=0.0))
        assert eventually(lambda: state_of(store, "one") is DeliveryState.DELIVERED)
        assert len({(each.headers["webhook-id"], each.body) for each in receiver.wait_for(3)}) == 1

    def test_gone_receiver_gets_nothing_more(
        self, store: SqliteDeliveries, start: Start, receiver: WebhookReceiver
    ) -> None:
        receiver.replies["/"] = [Reply(410)]
        store.add([to(str(number), receiver) for number in range(20)])
        start(sender_for(receiver.port), per_receiver=1)
        assert eventually(lambda: store.queue().pending + store.queue().running == 0)
        assert len(receiver.received) == 1
        assert {each.state for each in store.deliveries(owner=None)} == {DeliveryState.STOPPED}


class TestFairness:
    def test_silent_receivers_delay_no_other(
        self, store: SqliteDeliveries, start: Start, receiver: WebhookReceiver
    ) -> None:
        with WebhookReceiver() as silent:
            silent.replies["/"] = [Reply(hangs=True)]
            store.add([to(f"silent {number}", silent) for number in range(30)])
            store.add([to(f"good {number}", receiver) for number in range(30)])
            good, bad = sender_for(receiver.port), sender_for(silent.port)
            start(lambda each: good(each) if str(receiver.port) in each.url else bad(each), total=4, per_receiver=2)
            receiver.wait_for(30)
            silent.wait_for(2)
            assert len(silent.received) == 2
            silent.stopping.set()

    def test_attempts_of_one_receiver_are_limited(self, store: SqliteDeliveries, start: Start) -> None:
        running, most = threading.Semaphore(2), []

        def send(_: Delivery) -> AttemptResult:
            most.append(running.acquire(blocking=False))
            running.release()
            return DELIVERED

        store.add([new_delivery(str(number)) for number in range(20)])
        for _ in range(2):
            start(send, per_receiver=2)
        assert eventually(lambda: store.queue().pending == 0 and store.queue().running == 0)
        assert all(most)


class TestStop:
    def test_waits_for_running_attempts(self, store: SqliteDeliveries, start: Start) -> None:
        begun, release = threading.Event(), threading.Event()

        def send(_: Delivery) -> AttemptResult:
            begun.set()
            release.wait(60)
            return DELIVERED

        store.add([new_delivery(str(number)) for number in range(3)])
        running = start(send, total=1)
        assert begun.wait(60)
        assert not running.stop(0.01)
        release.set()
        assert running.stop(60)
        assert store.queue()[:2] == (2, 0)


class UnreliableDeliveries(SqliteDeliveries):
    """A store whose first calls fail."""

    failures = 3

    def claim(self, limits: DeliveryLimits, lease_seconds: float) -> DeliveryLease | None:
        if self.failures:
            self.failures -= 1
            raise BackendUnavailable
        return super().claim(limits, lease_seconds)


def test_continues_after_an_outage_of_the_store(tmp_path: Path, start: Start) -> None:
    store = UnreliableDeliveries(tmp_path / "unreliable.db")
    store.add([new_delivery("one")])
    start(lambda _: DELIVERED, store=store)
    assert eventually(lambda: state_of(store, "one") is DeliveryState.DELIVERED)


@pytest.mark.parametrize(
    ("result", "event"),
    [
        (DELIVERED, "webhook_delivered"),
        (again(60), "webhook_attempt_failed"),
        (AttemptResult(state=DeliveryState.STOPPED), "webhook_stopped"),
        (AttemptResult(state=DeliveryState.FAILED), "webhook_failed"),
    ],
)
def test_logs_each_outcome_without_the_url(
    result: AttemptResult, event: str, store: SqliteDeliveries, start: Start
) -> None:
    store.add([new_delivery("one", "https://hooks.example/secret-token")])
    with structlog.testing.capture_logs() as logs:
        start(lambda _: result)
        assert eventually(lambda: logs)
    (entry,) = logs
    assert (entry["event"], entry["delivery"], entry["receiver"]) == (event, "one", "hooks.example")
    assert "secret-token" not in str(entry)
