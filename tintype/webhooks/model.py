"""Values of webhooks: events, the URLs that receive them, deliveries, and the store that keeps deliveries."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

RETRY_DELAYS = (5.0, 30.0, 120.0, 600.0, 3600.0, 21_600.0, 86_400.0)
"""Seconds between the attempts of one delivery; the last attempt is about 31 hours after the event."""
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
MAX_DATA = 19_000
"""Bytes of the member ``data`` of a payload, so that the payload has at most 20 KB, as Standard Webhooks asks."""
_ID_BYTES = 12


class Event(StrEnum):
    """An event of a job or a schedule that a webhook reports."""

    PAGE_CAPTURED = "page.captured"
    PAGE_FAILED = "page.failed"
    JOB_COMPLETED = "job.completed"
    """A job ended, and at least one page was captured."""
    JOB_FAILED = "job.failed"
    """A job ended, and no page was captured."""
    SCHEDULE_CHANGED = "schedule.changed"
    """A page of a run has changed."""
    SCHEDULE_FAILED = "schedule.failed"
    """A page of a run failed."""
    SCHEDULE_COMPLETED = "schedule.completed"
    """A run ended without a change, for schedules that report every run."""
    WEBHOOK_TEST = "webhook.test"
    """Sent by ``tintype webhooks test``."""


PAGE_EVENTS = (Event.PAGE_CAPTURED, Event.PAGE_FAILED)
JOB_EVENTS = (Event.JOB_COMPLETED, Event.JOB_FAILED)
SCHEDULE_EVENTS = (Event.SCHEDULE_CHANGED, Event.SCHEDULE_FAILED, Event.SCHEDULE_COMPLETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """A URL of a client, and the events that it receives."""

    url: str
    """Canonical."""
    events: tuple[Event, ...]
    base_url: str = ""
    """Base of the links in payloads: that of the service as the client reached it."""


def new_webhook_id() -> str:
    """An id of a delivery: unique, and impossible to guess."""
    return f"msg_{secrets.token_hex(_ID_BYTES)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """An event for one URL. ``data`` is a JSON object of at most :data:`MAX_DATA` bytes in ASCII.

    Raises ValueError for longer data.
    """

    event: Event
    url: str
    subject: str
    """Id of the job or schedule; after a 410, its later events for the same URL are dropped."""
    data: str
    owner: str = ""
    """Name of the API key; empty without one."""
    page: int = 0
    """Number of the page; 0 for an event of the whole job or of a schedule."""
    id: str = field(default_factory=new_webhook_id)
    """The ``webhook-id``: the same in every attempt."""

    def __post_init__(self) -> None:
        if len(self.data.encode()) > MAX_DATA:
            raise ValueError(f"the data of an event have more than {MAX_DATA:,} bytes")

    @property
    def receiver(self) -> str:
        """Host and port of the URL."""
        return receiver_of(self.url)


def receiver_of(url: str) -> str:
    """Host and port of a canonical URL: deliveries to one receiver share a limit."""
    return url.split("/", 3)[2].partition("?")[0]


class DeliveryState(StrEnum):
    """State of a delivery."""

    PENDING = "pending"
    """Waiting for an attempt, or in one."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Every attempt failed."""
    STOPPED = "stopped"
    """The receiver returned 410: it accepts no more events of this job or schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as it is stored. Times are in seconds since the epoch; 0 if there is none."""

    id: str
    event: Event
    url: str
    subject: str
    page: int
    owner: str
    data: str
    state: DeliveryState
    attempts: int
    created_at: float
    due_at: float
    """Time of the next attempt; 0 after the end."""
    ended_at: float
    http_status: int
    """Status of the last response; 0 without one."""
    error: str
    """Why the last attempt failed; empty after a success."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLease:
    """A delivery that one process may attempt until the lease expires; ``delivery.attempts`` counts this attempt."""

    delivery: Delivery
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The end of an attempt, and the state in which it leaves the delivery."""

    state: DeliveryState
    retry_after: float = 0.0
    """Seconds until the next attempt of a pending delivery."""
    http_status: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """Concurrent attempts: of all processes, and of one receiver of one owner.

    Receivers whose last attempt failed share one half of ``total``, so that they delay no other receiver.
    """

    total: int = 16
    per_receiver: int = 4


class DeliveryQueue(NamedTuple):
    """The queue for metrics: deliveries that wait or run, and seconds for which the oldest due one has waited."""

    pending: int
    running: int
    oldest_age: float


class DeliveryStore(Protocol):
    """Deliveries, shared by all processes. Every failure is BackendUnavailable.

    The job store adds the events of pages and jobs itself, in the transaction that ends them. A lease that expires
    returns its delivery to the queue, so that a killed process loses no event.
    """

    def add(self, deliveries: Sequence[NewDelivery]) -> None:
        """Store deliveries that are due now; durable on return. Ids that are stored already have no effect."""
        ...

    def claim(self, limits: DeliveryLimits, lease_seconds: float) -> DeliveryLease | None:
        """A due delivery of the owner with the fewest attempts at this moment; None if there is none within limits."""
        ...

    def finish(self, lease: DeliveryLease, result: AttemptResult) -> bool:
        """Store the end of an attempt; returns False without an effect if the lease is lost.

        STOPPED also stops the other pending deliveries of the same subject and URL, and drops later ones.
        """
        ...

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery."""
        ...

    def deliveries(
        self, *, owner: str | None, state: DeliveryState | None = None, before: str = "", limit: int = 50
    ) -> list[Delivery]:
        """Deliveries of an owner (None: of all), newest first, from the one after the id ``before``."""
        ...

    def resend(self, delivery_id: str) -> bool:
        """Make a delivery due now, with all attempts again; returns False if there is none."""
        ...

    def expire(self, ended_before: float, keep: int, limit: int) -> int:
        """Forget at most ``limit`` deliveries that ended before a time, or are not among the ``keep`` last ended ones.

        Returns their number.
        """
        ...

    def queue(self) -> DeliveryQueue:
        """The queue at this moment."""
        ...
