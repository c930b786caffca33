"""Schedules in the SQLite file of jobs, shared by the processes of one machine."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tintype.schedules.model import Run, Schedule, ScheduleLease, ScheduleSpec
from tintype.state.sqlite_jobs_file import SqliteJobsFile, boot_id

_COLUMNS = "id, owner, spec, created, due, coalesce(run, '')"
_DUE = "run IS NULL AND due <= :today AND lease <= :now ORDER BY due"
_RUNNING = "run IS NOT NULL AND lease <= :now ORDER BY lease"
_HELD = "SELECT number, due FROM schedule WHERE id = ? AND token = ?"


class SqliteSchedules:
    """Store in a file; see :class:`~tintype.schedules.model.ScheduleStore`."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        boot_id: Callable[[], str] = boot_id,
    ) -> None:
        self._file = SqliteJobsFile(path, boot_id)
        self._clock, self._monotonic = clock, monotonic

    def now(self) -> float:
        """Seconds since the epoch, by the clock of the machine."""
        return self._clock()

    def create(self, schedule: Schedule) -> None:
        """Store a schedule; durable on return."""
        with self._file.transaction() as database:
            database.execute(
                "INSERT INTO schedule (id, owner, spec, created, due) VALUES (?, ?, ?, ?, ?)",
                (schedule.id, schedule.owner, schedule.spec.to_json(), schedule.created_at, schedule.due_at),
            )

    def schedule(self, schedule_id: str) -> Schedule | None:
        """The schedule."""
        with self._file.reading() as database:
            return _schedule(database, schedule_id)

    def schedules(self, *, owner: str | None, before: str = "", limit: int = 50) -> list[Schedule]:
        """Schedules of an owner (None: of all), newest first, from the one after the id ``before``."""
        conditions, values = ["1"], []
        if owner is not None:
            conditions.append("owner = ?")
            values.append(owner)
        if before:
            conditions.append("number < (SELECT number FROM schedule WHERE id = ?)")
            values.append(before)
        query = f"SELECT {_COLUMNS} FROM schedule WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT {limit:d}"
        with self._file.reading() as database:
            return [_to_schedule(row) for row in database.execute(query, values)]

    def update(self, schedule_id: str, spec: ScheduleSpec) -> Schedule | None:
        """Replace the specification, and keep the due time; None if the schedule does not exist."""
        with self._file.transaction() as database:
            database.execute("UPDATE schedule SET spec = ? WHERE id = ?", (spec.to_json(), schedule_id))
            return _schedule(database, schedule_id)

    def move(self, schedule_id: str, due_at: float | None, expected: float | None) -> bool:
        """Set the due time if it still is ``expected``; returns whether it was."""
        with self._file.transaction() as database:
            change = "UPDATE schedule SET due = ? WHERE id = ? AND due IS ?"
            return database.execute(change, (due_at, schedule_id, expected)).rowcount == 1

    def delete(self, schedule_id: str) -> list[Run] | None:
        """Forget a schedule; returns its runs, None if it does not exist. Stored objects stay."""
        with self._file.transaction() as database:
            number = _number(database, schedule_id)
            if not number:
                return None
            rows = database.execute("SELECT body FROM run WHERE schedule = ?", (number,)).fetchall()
            database.execute("DELETE FROM schedule WHERE number = ?", (number,))
            return [Run.from_json(body) for (body,) in rows]

    def claim_due(self, lease_seconds: float) -> ScheduleLease | None:
        """The schedule that is due longest, has no run in progress and no lease; None without one."""
        return self._claim(_DUE, lease_seconds)

    def claim_running(self, lease_seconds: float) -> ScheduleLease | None:
        """A schedule with a run in progress, whose pause is over and that has no lease; None without one."""
        return self._claim(_RUNNING, lease_seconds)

    def _claim(self, condition: str, lease_seconds: float) -> ScheduleLease | None:
        query, now = f"SELECT number FROM schedule WHERE {condition} LIMIT 1", self._monotonic()
        values = {"today": self._clock(), "now": now}
        with self._file.reading() as database:
            if not database.execute(query, values).fetchone():
                return None
        with self._file.transaction() as database:
            found = database.execute(query, values).fetchone()
            if not found:
                return None
            token = secrets.token_hex(8)
            change = "UPDATE schedule SET lease = ?, token = ? WHERE number = ?"
            database.execute(change, (now + lease_seconds, token, found[0]))
            row = database.execute(f"SELECT {_COLUMNS} FROM schedule WHERE number = ?", found).fetchone()
            schedule = _to_schedule(row)
            return ScheduleLease(schedule=schedule, token=token, run=_run(database, schedule.id, schedule.run))

    def begin(self, lease: ScheduleLease, run: Run, next_due: float | None) -> bool:
        """Store the begin of a run and the next due time; False without an effect if the lease is lost."""
        with self._file.transaction() as database:
            held = _held(database, lease)
            if not held:
                return False
            number, due = held
            due = next_due if due == lease.schedule.due_at else due
            database.execute("UPDATE schedule SET run = ?, due = ? WHERE number = ?", (run.id, due, number))
            body = (number, run.id, run.to_json())
            database.execute("INSERT OR REPLACE INTO run (schedule, id, body) VALUES (?, ?, ?)", body)
            return True

    def extend(self, lease: ScheduleLease, lease_seconds: float) -> bool:
        """Extend a lease; returns False if it is lost."""
        with self._file.transaction() as database:
            change = "UPDATE schedule SET lease = ? WHERE id = ? AND token = ?"
            until = self._monotonic() + lease_seconds
            return database.execute(change, (until, lease.schedule.id, lease.token)).rowcount == 1

    def release(self, lease: ScheduleLease, run: Run, seconds: float) -> bool:
        """Store the run in progress and end the lease, for a pause of so many seconds; False if the lease is lost."""
        with self._file.transaction() as database:
            held = _held(database, lease)
            if held:
                _store_run(database, held[0], run)
                change = "UPDATE schedule SET lease = ?, token = NULL WHERE number = ?"
                database.execute(change, (self._monotonic() + seconds, held[0]))
            return bool(held)

    def finish(self, lease: ScheduleLease, run: Run, keep: int) -> list[Run] | None:
        """Store the end of the run in progress, and forget all but the last ``keep`` runs; returns the forgotten."""
        with self._file.transaction() as database:
            held = _held(database, lease)
            if not held:
                return None
            _store_run(database, held[0], run)
            database.execute("UPDATE schedule SET run = NULL, lease = 0, token = NULL WHERE number = ?", held[:1])
            old = "SELECT number, body FROM run WHERE schedule = ? ORDER BY number DESC LIMIT -1 OFFSET ?"
            rows = database.execute(old, (held[0], keep)).fetchall()
            database.executemany("DELETE FROM run WHERE number = ?", [row[:1] for row in rows])
            return [Run.from_json(body) for _, body in rows]

    def run(self, schedule_id: str, run_id: str) -> Run | None:
        """A run."""
        with self._file.reading() as database:
            return _run(database, schedule_id, run_id)

    def runs(self, schedule_id: str, *, before: str = "", limit: int = 30) -> list[Run]:
        """Runs of a schedule, newest first, from the one after the id ``before``."""
        older = "AND number < (SELECT number FROM run WHERE schedule = :number AND id = :before)" if before else ""
        query = f"SELECT body FROM run WHERE schedule = :number {older} ORDER BY number DESC LIMIT {limit:d}"
        with self._file.reading() as database:
            values = {"number": _number(database, schedule_id), "before": before}
            return [Run.from_json(body) for (body,) in database.execute(query, values)]


def _held(database: sqlite3.Connection, lease: ScheduleLease) -> Any:
    """Number and due time of the schedule of a lease; None if the lease is lost."""
    return database.execute(_HELD, (lease.schedule.id, lease.token)).fetchone()


def _store_run(database: sqlite3.Connection, number: int, run: Run) -> None:
    database.execute("UPDATE run SET body = ? WHERE schedule = ? AND id = ?", (run.to_json(), number, run.id))


def _number(database: sqlite3.Connection, schedule_id: str) -> int:
    row = database.execute("SELECT number FROM schedule WHERE id = ?", (schedule_id,)).fetchone()
    return row[0] if row else 0


def _run(database: sqlite3.Connection, schedule_id: str, run_id: str) -> Run | None:
    query = "SELECT body FROM run WHERE schedule = ? AND id = ?"
    row = database.execute(query, (_number(database, schedule_id), run_id)).fetchone() if run_id else None
    return Run.from_json(row[0]) if row else None


def _schedule(database: sqlite3.Connection, schedule_id: str) -> Schedule | None:
    row = database.execute(f"SELECT {_COLUMNS} FROM schedule WHERE id = ?", (schedule_id,)).fetchone()
    return _to_schedule(row) if row else None


def _to_schedule(row: Any) -> Schedule:
    schedule_id, owner, spec, created, due, run = row
    return Schedule(
        id=schedule_id,
        owner=owner,
        spec=ScheduleSpec.from_json(spec),
        created_at=created,
        due_at=due,
        run=run,
    )
