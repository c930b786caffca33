"""Deliveries of webhooks in the SQLite file of jobs, so that the end of a page and its event are one transaction."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from tintype.state.delivery_records import GONE, LOST, STATES, STOPPED_SECONDS, number_of
from tintype.state.sqlite_jobs_file import SqliteJobsFile, boot_id
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

_PENDING, _RUNNING, _DELIVERED, _FAILED, _STOPPED = range(5)
_COLUMNS = (
    "id, event, url, subject, page, owner, data, state, attempts, created, due, ended, http_status, delivery.error"
)
_HAS_WORK = """
SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 0 AND due <= ?)
    OR EXISTS (SELECT 1 FROM delivery WHERE state = 1 AND leased <= ?)
"""
_RUNNING_OF_RECEIVERS = """
SELECT receiver, receiver.owner, failures > 0, count(*) FROM delivery JOIN receiver ON receiver.number = receiver
WHERE state = 1 GROUP BY receiver
"""
_DUE_RECEIVERS = """
SELECT number, owner, failures > 0, attempted FROM receiver
WHERE EXISTS (SELECT 1 FROM delivery WHERE receiver = receiver.number AND state = 0 AND due <= ?)
"""
_EXPIRED = """
SELECT number FROM delivery WHERE ended > 0 AND (ended < ? OR ended < coalesce(
    (SELECT ended FROM delivery WHERE ended > 0 ORDER BY ended DESC LIMIT 1 OFFSET ?), 0)) ORDER BY ended LIMIT ?
"""


class SqliteDeliveries:
    """Delivery store in the file of jobs; see :class:`~tintype.webhooks.model.DeliveryStore`."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        boot_id: Callable[[], str] = boot_id,
    ) -> None:
        self._file = SqliteJobsFile(path, boot_id)
        self._clock, self._monotonic = clock, monotonic

    def add(self, deliveries: Sequence[NewDelivery]) -> None:
        """Store deliveries that are due now; durable on return. Ids that are stored already have no effect."""
        with self._file.transaction() as database:
            for each in deliveries:
                insert(database, each, self._clock())

    def claim(self, limits: DeliveryLimits, lease_seconds: float) -> DeliveryLease | None:
        """A due delivery of the owner with the fewest attempts at this moment; None if there is none within limits."""
        now, at = self._monotonic(), self._clock()
        with self._file.reading() as database:
            if not database.execute(_HAS_WORK, (at, now)).fetchone()[0]:
                return None
        with self._file.transaction() as database:
            self._return_lost(database, now, at)
            receiver = _next_receiver(database, limits, at)
            return self._lease(database, receiver, at, now + lease_seconds) if receiver else None

    def _return_lost(self, database: sqlite3.Connection, now: float, at: float) -> None:
        """Queue the deliveries of expired leases again, or end those that had all attempts."""
        lost = "error = ?, token = NULL WHERE state = 1 AND leased <= ?"
        database.execute(
            f"UPDATE delivery SET state = 3, ended = ?, due = 0, {lost} AND attempts >= ?",
            (at, LOST, now, MAX_ATTEMPTS),
        )
        count = database.execute(f"UPDATE delivery SET state = 0, due = ?, {lost}", (at, LOST, now)).rowcount
        if count:
            log.warning("webhook_attempts_lost", deliveries=count)

    def _lease(self, database: sqlite3.Connection, receiver: int, at: float, until: float) -> DeliveryLease:
        token = secrets.token_hex(8)
        database.execute(
            "UPDATE delivery SET state = 1, attempts = attempts + 1, leased = ?, token = ? WHERE number ="
            " (SELECT number FROM delivery WHERE receiver = ? AND state = 0 AND due <= ? ORDER BY due, number LIMIT 1)",
            (until, token, receiver, at),
        )
        database.execute("UPDATE receiver SET attempted = ? WHERE number = ?", (self._monotonic(), receiver))
        row = database.execute(f"SELECT {_COLUMNS} FROM delivery WHERE state = 1 AND token = ?", (token,)).fetchone()
        return DeliveryLease(delivery=_to_delivery(row), token=token)

    def finish(self, lease: DeliveryLease, result: AttemptResult) -> bool:
        """Store the end of an attempt; returns False without an effect if the lease is lost."""
        at, state = self._clock(), number_of(result.state)
        due, ended = (at + result.retry_after, 0.0) if state == _PENDING else (0.0, at)
        with self._file.transaction() as database:
            held = database.execute(
                "UPDATE delivery SET state = ?, due = ?, ended = ?, http_status = ?, error = ?, token = NULL"
                " WHERE id = ? AND state = 1 AND token = ?",
                (state, due, ended, result.http_status, result.error, lease.delivery.id, lease.token),
            ).rowcount
            if not held:
                return False
            failures = "0" if state in (_DELIVERED, _STOPPED) else "failures + 1"
            which = "SELECT receiver FROM delivery WHERE id = ?"
            database.execute(
                f"UPDATE receiver SET failures = {failures} WHERE number = ({which})", (lease.delivery.id,)
            )
            if state == _STOPPED:
                _stop(database, lease.delivery, at)
            return True

    def delivery(self, delivery_id: str) -> Delivery | None:
        """The delivery."""
        with self._file.reading() as database:
            row = database.execute(f"SELECT {_COLUMNS} FROM delivery WHERE id = ?", (delivery_id,)).fetchone()
        return _to_delivery(row) if row else None

    def deliveries(
        self, *, owner: str | None, state: DeliveryState | None = None, before: str = "", limit: int = 50
    ) -> list[Delivery]:
        """Deliveries of an owner (None: of all), newest first, from the one after the id ``before``."""
        conditions, values = ["1"], []
        if owner is not None:
            conditions.append("owner = ?")
            values.append(owner)
        if state is not None:
            conditions.append("state IN (0, 1)" if state is DeliveryState.PENDING else f"state = {number_of(state):d}")
        if before:
            conditions.append("number < (SELECT number FROM delivery WHERE id = ?)")
            values.append(before)
        query = f"SELECT {_COLUMNS} FROM delivery WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT {limit:d}"
        with self._file.reading() as database:
            return [_to_delivery(row) for row in database.execute(query, values)]

    def resend(self, delivery_id: str) -> bool:
        """Make a delivery due now, with all attempts again; returns False if there is none."""
        with self._file.transaction() as database:
            database.execute(
                "DELETE FROM stopped WHERE (subject, url) IN (SELECT subject, url FROM delivery WHERE id = ?)",
                (delivery_id,),
            )
            change = "UPDATE delivery SET state = 0, attempts = 0, due = ?, ended = 0 WHERE id = ? AND state != 1"
            database.execute(change, (self._clock(), delivery_id))
            return bool(database.execute("SELECT 1 FROM delivery WHERE id = ?", (delivery_id,)).fetchone())

    def expire(self, ended_before: float, keep: int, limit: int) -> int:
        """Forget at most ``limit`` deliveries that ended before a time, or are not among the ``keep`` last ended."""
        with self._file.transaction() as database:
            database.execute("DELETE FROM stopped WHERE since < ?", (self._clock() - STOPPED_SECONDS,))
            change = f"DELETE FROM delivery WHERE number IN ({_EXPIRED})"
            count = database.execute(change, (ended_before, keep - 1, limit)).rowcount
            unused = "NOT EXISTS (SELECT 1 FROM delivery WHERE receiver = receiver.number)"
            database.execute(f"DELETE FROM receiver WHERE {unused}")
            return count

    def queue(self) -> DeliveryQueue:
        """The queue at this moment."""
        now = self._clock()
        with self._file.reading() as database:
            pending, running, oldest = database.execute(
                "SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),"
                " min(due) FILTER (WHERE state = 0 AND due <= ?) FROM delivery WHERE state IN (0, 1)",
                (now,),
            ).fetchone()
        return DeliveryQueue(pending, running, now - oldest if oldest else 0.0)


def insert(database: sqlite3.Connection, new: NewDelivery, now: float) -> None:
    """Store a delivery in the transaction of the caller; no effect if its subject and URL are stopped."""
    which = (new.subject, new.url)
    if database.execute("SELECT 1 FROM stopped WHERE subject = ? AND url = ?", which).fetchone():
        return
    receiver = (new.owner, new.receiver)
    database.execute("INSERT OR IGNORE INTO receiver (owner, host) VALUES (?, ?)", receiver)
    database.execute(
        "INSERT OR IGNORE INTO delivery (id, event, url, subject, page, owner, data, created, due, receiver)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, number FROM receiver WHERE owner = ? AND host = ?",
        (new.id, new.event, new.url, new.subject, new.page, new.owner, new.data, now, now, *receiver),
    )


def _next_receiver(database: sqlite3.Connection, limits: DeliveryLimits, at: float) -> int | None:
    """The receiver of the next attempt: of the owner with the fewest attempts, then one that works, then in turns."""
    running = database.execute(_RUNNING_OF_RECEIVERS).fetchall()
    if sum(count for *_, count in running) >= limits.total:
        return None
    full = {receiver for receiver, _, _, count in running if count >= limits.per_receiver}
    failing_share = sum(count for _, _, failing, count in running if failing) >= limits.total // 2
    of_owners: Counter[str] = Counter()
    for _, owner, _, count in running:
        of_owners[owner] += count
    due = [
        (of_owners[owner], failing, attempted, receiver)
        for receiver, owner, failing, attempted in database.execute(_DUE_RECEIVERS, (at,))
        if receiver not in full and not (failing and failing_share)
    ]
    return min(due)[3] if due else None


def _stop(database: sqlite3.Connection, stopped: Delivery, at: float) -> None:
    which = (stopped.subject, stopped.url)
    database.execute("INSERT OR REPLACE INTO stopped VALUES (?, ?, ?)", (*which, at))
    database.execute(
        "UPDATE delivery SET state = 4, due = 0, ended = ?, error = ? WHERE subject = ? AND url = ? AND state = 0",
        (at, GONE, *which),
    )


def _to_delivery(row: Any) -> Delivery:
    delivery_id, event, url, subject, page, owner, data, state, attempts, created, due, ended, http_status, error = row
    return Delivery(
        id=delivery_id,
        event=Event(event),
        url=url,
        subject=subject,
        page=page,
        owner=owner,
        data=data,
        state=STATES[state],
        attempts=attempts,
        created_at=created,
        due_at=due,
        ended_at=ended,
        http_status=http_status,
        error=error,
    )
