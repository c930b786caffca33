"""WebhookService: deliveries of clients, and the dispatcher of this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tintype.errors import BackendUnavailable, NotFound, Overloaded
from tintype.webhooks.dispatcher import DeliveryDispatcher
from tintype.webhooks.model import (
    MAX_ATTEMPTS,
    AttemptResult,
    Delivery,
    DeliveryState,
    DeliveryStore,
    Event,
    new_webhook_id,
)
from tintype.webhooks.sender import WebhookSender
from tintype.webhooks.target import WebhookParser

MAX_PENDING = 100_000
"""Pending deliveries of all clients with which no job with a webhook is accepted: about 100 MB of disk."""


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """The result of a test event, and its duration in seconds."""

    __test__ = False  # not a class of tests

    result: AttemptResult
    seconds: float


class WebhookService:
    """Webhooks for the web, for jobs and schedules, and for the command line."""

    def __init__(
        self,
        store: DeliveryStore,
        parser: WebhookParser,
        sender: WebhookSender,
        retention: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.parser = parser
        self._store, self._sender, self._clock = store, sender, clock
        self._dispatcher = DeliveryDispatcher(store, sender, retention, clock=clock)

    def start(self) -> None:
        """Start to deliver events in this process."""
        self._dispatcher.start()

    def stop(self, timeout: float) -> bool:
        """Wait for running attempts; returns whether all ended. Idempotent."""
        return self._dispatcher.stop(timeout)

    def check_room(self) -> None:
        """Raise Overloaded if too many deliveries are pending to accept another webhook."""
        if self._store.queue().pending > MAX_PENDING:
            raise Overloaded(
                "too many events wait for their receivers; retry later, or without webhook", retry_after=60
            )

    def delivery(self, delivery_id: str, owner: str | None) -> Delivery:
        """A delivery of an owner (None: of all owners); raises NotFound."""
        found = self._store.delivery(delivery_id)
        if found is None or owner not in (None, found.owner):
            raise NotFound("there is no delivery with this id; deliveries are kept until their retention ends")
        return found

    def deliveries(self, owner: str | None, *, state: DeliveryState | None, before: str, limit: int) -> list[Delivery]:
        """Deliveries of an owner (None: of all), newest first."""
        return self._store.deliveries(owner=owner, state=state, before=before, limit=limit)

    def resend(self, delivery: Delivery) -> Delivery:
        """Make a delivery due now, with all attempts again; returns its new state."""
        self._store.resend(delivery.id)
        self._dispatcher.wake()
        return self._store.delivery(delivery.id) or delivery

    def can_sign(self, owner: str) -> bool:
        """Whether there is a secret for events of an owner."""
        return self._sender.can_sign(owner)

    def send_test(self, url: str, owner: str = "") -> TestOutcome:
        """Send one event to a URL, now and once; raises InvalidRequest or TargetDenied for the URL."""
        begun, now = time.monotonic(), self._clock()
        delivery = Delivery(
            id=new_webhook_id(),
            event=Event.WEBHOOK_TEST,
            url=self.parser.canonicalize(url),
            subject="test",
            page=0,
            owner=owner,
            data=json.dumps({"message": "This is a test of your webhook."}),
            state=DeliveryState.PENDING,
            attempts=MAX_ATTEMPTS,
            created_at=now,
            due_at=now,
            ended_at=0.0,
            http_status=0,
            error="",
        )
        result = self._sender(delivery)
        return TestOutcome(result, time.monotonic() - begun)

    def queue(self) -> tuple[int, float] | None:
        """Pending deliveries, and seconds that the oldest due one has waited; None if the store fails."""
        with suppress(BackendUnavailable):
            queue = self._store.queue()
            return queue.pending + queue.running, queue.oldest_age
        return None
