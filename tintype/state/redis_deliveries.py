"""Deliveries of webhooks in Redis, beside the jobs, whose scripts store the events of pages and jobs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from tintype.jobs.events import job_delivery, page_delivery
from tintype.jobs.model import JobPage
from tintype.state.delivery_records import GONE, LOST, STATES, STOPPED_SECONDS, number_of
from tintype.state.job_records import STATES as PAGE_STATES
from tintype.state.job_records import decode_result, to_job
from tintype.state.redis_client import PREFIX
from tintype.state.redis_jobs import COLUMNS
from tintype.state.redis_scripts import RedisScripts
from tintype.webhooks.model import (
    MAX_ATTEMPTS,
    AttemptResult,
    Delivery,
    DeliveryLease,
    DeliveryLimits,
    DeliveryQueue,
    DeliveryState,
    Event,
    NewDelivery,
)

log = structlog.get_logger("tintype.state")

EXPIRED_PER_CALL: Final = 500
"""Deliveries that one command deletes; Redis serves no other client meanwhile."""
LISTED_PER_CALL: Final = 200
"""Deliveries that one command returns."""
_SCRIPTS = ("add", "claim", "finish", "get", "list", "resend", "expire", "queue")


class RedisDeliveries:
    """Delivery store in Redis; see :class:`~tintype.webhooks.model.DeliveryStore`. Tests replace the clocks."""

    def __init__(
        self,
        url: str,
        prefix: str = PREFIX,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._redis = RedisScripts(
            url,
            f"{prefix}:jobs:",
            kind="deliveries",
            names=_SCRIPTS,
            shared=("jobs_store", "deliveries_store"),
            clocks=(clock, monotonic),
        )

    def add(self, deliveries: Sequence[NewDelivery]) -> None:
        """Store deliveries that are due now; durable on return. Ids that are stored already have no effect."""
        for each in deliveries:
            self._redis.run(
                "add", each.id, each.event, each.url, each.subject, each.page, each.owner, each.receiver, each.data
            )

    def claim(self, limits: DeliveryLimits, lease_seconds: float) -> DeliveryLease | None:
        """A due delivery of the owner with the fewest attempts at this moment; None if there is none within limits."""
        token = secrets.token_hex(8)
        words = limits.total, limits.per_receiver, lease_seconds, token, MAX_ATTEMPTS, LOST
        lost, row = self._redis.run("claim", *words)
        if lost:
            log.warning("webhook_attempts_lost", deliveries=lost)
        return DeliveryLease(delivery=_to_delivery(row), token=token) if row else None

    def finish(self, lease: DeliveryLease, result: AttemptResult) -> bool:
        """Store the end of an attempt; returns False without an effect if the lease is lost."""
        words = number_of(result.state), result.retry_after, result.http_status, result.error, GONE
        return bool(self._redis.run("finish", lease.delivery.id, lease.token, *words))

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery."""
        row = self._redis.run("get", delivery_id)
        return _to_delivery(row) if row else None

    def deliveries(
        self, *, owner: str | None, state: DeliveryState | None = None, before: str = "", limit: int = 50
    ) -> list[Delivery]:
        """Deliveries of an owner (None: of all), newest first, from the one after the id ``before``."""
        whose = (0, "") if owner is None else (1, owner)
        found: list[Delivery] = []
        while len(found) < limit:
            size = min(limit - len(found), LISTED_PER_CALL)
            rows = self._redis.run("list", *whose, before, size, "" if state is None else number_of(state))
            found += [_to_delivery(row) for row in rows]
            if len(rows) < size:
                break
            before = found[-1].id
        return found

    def resend(self, delivery_id: str) -> bool:
        """Make a delivery due now, with all attempts again; returns False if there is none."""
        return bool(self._redis.run("resend", delivery_id))

    def expire(self, ended_before: float, keep: int, limit: int) -> int:
        """Forget at most ``limit`` deliveries that ended before a time, or are not among the ``keep`` last ended."""
        forgotten = 0
        while forgotten < limit:
            size = min(EXPIRED_PER_CALL, limit - forgotten)
            count = self._redis.run("expire", ended_before, keep, size, ended_before - STOPPED_SECONDS)
            forgotten += count
            if count < size:
                break
        return forgotten

    def queue(self) -> DeliveryQueue:
        """The queue at this moment."""
        pending, running, age = self._redis.run("queue")
        return DeliveryQueue(pending, running, float(age))


def _to_delivery(row: Sequence[bytes]) -> Delivery:
    texts = [value.decode() for value in row]
    delivery_id, event, url, subject, page, owner, data, state, attempts, created, due, ended, status, error, job = (
        texts
    )
    return Delivery(
        id=delivery_id,
        event=Event(event),
        url=url,
        subject=subject,
        page=int(page),
        owner=owner,
        data=data or _data_of(job),
        state=STATES[int(state)],
        attempts=int(attempts),
        created_at=float(created),
        due_at=float(due),
        ended_at=float(ended),
        http_status=int(status),
        error=error,
    )


def _data_of(text: str) -> str:
    """The data of an event, from the job and the page as they were at its time; the same in every attempt."""
    source = json.loads(text)
    job = to_job([source["job"].get(name, "") for name in COLUMNS])
    if "page" not in source:
        delivery = job_delivery(job)
    else:
        number, url, state, attempts, result = source["page"]
        page = JobPage(
            number=int(number),
            url=url,
            status=PAGE_STATES[int(state)],
            attempts=int(attempts),
            result=decode_result(result),
        )
        delivery = page_delivery(job, page)
    return delivery.data if delivery else "{}"
