"""One attempt, against a real receiver: headers, body, and what follows from each response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks.webhooks import Webhook

from harness.webhook_receiver import Reply, WebhookReceiver
from tests.support.fakes import Clock
from tests.support.webhooks import SECRET, delivery, sender_for
from tintype.webhooks.model import (
    MAX_ATTEMPTS,
    MAX_DATA,
    RETRY_DELAYS,
    AttemptResult,
    DeliveryState,
    Event,
    NewDelivery,
)
from tintype.webhooks.sender import JITTER, MAX_RETRY_AFTER, payload_of
from tintype.webhooks.signatures import WebhookSigner


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def attempt(receiver: WebhookReceiver, reply: Reply, attempts: int = 1, seconds: float = 60.0) -> AttemptResult:
    receiver.replies["/"] = [reply]
    return sender_for(receiver.port, seconds)(delivery(receiver.url(), attempts=attempts))


class TestRequest:
    def test_carries_headers_of_ours_only(self, receiver: WebhookReceiver) -> None:
        attempt(receiver, Reply())
        (received,) = receiver.received
        assert Webhook(SECRET).verify(received.body, dict(received.headers))["data"]["id"] == "job_1"
        assert sorted(received.headers) == [
            "connection", "content-length", "content-type", "host", "user-agent", "webhook-id", "webhook-signature",
            "webhook-timestamp",
        ]  # fmt: skip
        assert received.headers["webhook-id"] == "msg_1"

    def test_repeats_body_and_id_with_a_new_timestamp(self, receiver: WebhookReceiver) -> None:
        clock = Clock()
        for _ in range(2):
            sender_for(receiver.port, clock=clock)(delivery(receiver.url()))
            clock.now += 30
        first, second = receiver.received
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 30

    def test_payload_has_type_timestamp_and_data(self) -> None:
        assert json.loads(payload_of(delivery())) == {
            "type": "job.completed", "timestamp": "2023-11-14T22:13:20.250Z", "data": {"id": "job_1", "name": "grün"},
        }  # fmt: skip

    def test_longest_payload_has_20_kb(self) -> None:
        longest = json.dumps({"text": "ü" * ((MAX_DATA - 12) // 6)})
        new = NewDelivery(event=Event.SCHEDULE_CHANGED, url="https://a.example/", subject="s", data=longest)
        assert MAX_DATA - 10 <= len(new.data) <= MAX_DATA
        assert len(payload_of(delivery(data=new.data)).encode()) <= 20_000
        with pytest.raises(ValueError, match="19,000"):
            NewDelivery(event=Event.SCHEDULE_CHANGED, url="https://a.example/", subject="s", data="x" * (MAX_DATA + 1))


class TestOutcome:
    @pytest.mark.parametrize("status", [200, 202, 204])
    def test_success_ends(self, status: int, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(status))
        assert result == AttemptResult(state=DeliveryState.DELIVERED, http_status=status)

    def test_gone_stops(self, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(410))
        assert (result.state, result.http_status) == (DeliveryState.STOPPED, 410)

    @pytest.mark.parametrize("status", [301, 308, 400, 401, 404, 429, 500, 503])
    def test_other_status_is_repeated(self, status: int, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(status, {"Location": receiver.url("/inner")}))
        assert (result.state, result.http_status) == (DeliveryState.PENDING, status)
        assert f"status {status}" in result.error
        assert receiver.of("/inner") == []

    @pytest.mark.parametrize("attempts", range(1, MAX_ATTEMPTS))
    def test_pauses_grow_with_jitter(self, attempts: int, receiver: WebhookReceiver) -> None:
        pauses = {attempt(receiver, Reply(500), attempts).retry_after for _ in range(5)}
        expected = RETRY_DELAYS[attempts - 1]
        assert all(expected * (1 - JITTER) <= pause <= expected * (1 + JITTER) for pause in pauses)
        assert len(pauses) > 1

    def test_last_attempt_fails_for_good(self, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(500), MAX_ATTEMPTS)
        assert (result.state, result.error) == (DeliveryState.FAILED, "the receiver returned status 500")

    def test_silent_receiver_is_repeated(self, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(hangs=True), seconds=0.3)
        assert (result.state, result.http_status) == (DeliveryState.PENDING, 0)
        assert "took longer" in result.error

    def test_removed_secret_is_reported(self, receiver: WebhookReceiver) -> None:
        result = sender_for(receiver.port, signer=WebhookSigner())(delivery(receiver.url()))
        assert (result.state, receiver.received) == (DeliveryState.PENDING, [])
        assert "secret" in result.error


class TestRetryAfter:
    @pytest.mark.parametrize("status", [429, 503])
    def test_seconds_are_respected(self, status: int, receiver: WebhookReceiver) -> None:
        assert 300 <= attempt(receiver, Reply(status, {"Retry-After": "300"})).retry_after <= 300 * (1 + JITTER)

    def test_date_is_respected(self, receiver: WebhookReceiver) -> None:
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=900), usegmt=True)
        assert 800 <= attempt(receiver, Reply(503, {"Retry-After": at})).retry_after <= 900 * (1 + JITTER)

    @pytest.mark.parametrize("text", ["99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_long_wait_is_bounded(self, text: str, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(503, {"Retry-After": text}))
        assert MAX_RETRY_AFTER <= result.retry_after <= MAX_RETRY_AFTER * (1 + JITTER)

    @pytest.mark.parametrize("text", ["0", "-5", "soon", "1e9", "Fri, 31 Dec 1999 23:59:59 GMT", "99 Foo"])
    def test_never_shortens_the_pause(self, text: str, receiver: WebhookReceiver) -> None:
        result = attempt(receiver, Reply(503, {"Retry-After": text}), attempts=2)
        assert 30 * (1 - JITTER) <= result.retry_after <= 30 * (1 + JITTER)

    def test_counts_with_429_and_503_only(self, receiver: WebhookReceiver) -> None:
        assert attempt(receiver, Reply(500, {"Retry-After": "3000"})).retry_after < 10
