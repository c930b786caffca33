"""Schedules in Redis, shared by all machines. Each change is one Lua script; due times are of the clock of Redis."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import structlog

from tintype.schedules.model import Run, Schedule, ScheduleLease, ScheduleSpec
from tintype.state.redis_client import PREFIX
from tintype.state.redis_scripts import RedisScripts

log = structlog.get_logger("tintype.state")

_SCRIPTS = ("create", "list", "update", "move", "delete", "claim", "begin", "extend", "release", "finish")
_COLUMNS = ("id", "owner", "spec", "created", "due", "run")
_CHUNK = 20
"""Runs that one command returns: each has up to 1,000 pages."""


class RedisSchedules:
    """Store in Redis; see :class:`~tintype.schedules.model.ScheduleStore`. Tests replace the clocks."""

    def __init__(
        self,
        url: str,
        prefix: str = PREFIX,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._redis = RedisScripts(
            url,
            f"{prefix}:schedules:",
            kind="schedules",
            names=_SCRIPTS,
            shared=("schedules_store",),
            clocks=(clock, monotonic),
        )

    def now(self) -> float:
        """Seconds since the epoch, by the clock of Redis."""
        if self._clock:
            return self._clock()
        seconds, microseconds = self._redis.call(self._redis.client.time)
        return float(seconds) + float(microseconds) / 1e6

    def create(self, schedule: Schedule) -> None:
        """Store a schedule; as durable on return as Redis is configured."""
        spec, due = schedule.spec.to_json(), _text(schedule.due_at)
        self._redis.run("create", schedule.id, schedule.owner, spec, _text(schedule.created_at), due)

    def schedule(self, schedule_id: str) -> Schedule | None:
        """The schedule."""
        name = f"{self._redis.prefix}schedule:{schedule_id}"
        row = self._redis.call(lambda: self._redis.client.hmget(name, *_COLUMNS))
        return None if row[0] is None else _to_schedule(row)

    def schedules(self, *, owner: str | None, before: str = "", limit: int = 50) -> list[Schedule]:
        """Schedules of an owner (None: of all), newest first, from the one after the id ``before``."""
        rows = self._redis.run("list", "all" if owner is None else f"owner:{owner}", before, limit)
        return [_to_schedule(row) for row in rows if row]

    def update(self, schedule_id: str, spec: ScheduleSpec) -> Schedule | None:
        """Replace the specification, and keep the due time; None if the schedule does not exist."""
        row = self._redis.run("update", schedule_id, spec.to_json())
        return _to_schedule(row) if row else None

    def move(self, schedule_id: str, due_at: float | None, expected: float | None) -> bool:
        """Set the due time if it still is ``expected``; returns whether it was."""
        return bool(self._redis.run("move", schedule_id, _text(due_at), _text(expected)))

    def delete(self, schedule_id: str) -> list[Run] | None:
        """Forget a schedule; returns its runs, None if it does not exist. Stored objects stay."""
        bodies = self._redis.run("delete", schedule_id)
        return None if bodies is None else [Run.from_json(body) for body in bodies]

    def claim_due(self, lease_seconds: float) -> ScheduleLease | None:
        """The schedule that is due longest, has no run in progress and no lease; None without one."""
        return self._claim("due", lease_seconds)

    def claim_running(self, lease_seconds: float) -> ScheduleLease | None:
        """A schedule with a run in progress, whose pause is over and that has no lease; None without one."""
        return self._claim("running", lease_seconds)

    def _claim(self, kind: str, lease_seconds: float) -> ScheduleLease | None:
        token = secrets.token_hex(8)
        found = self._redis.run("claim", kind, token, lease_seconds)
        if not found:
            return None
        row, run = found
        return ScheduleLease(schedule=_to_schedule(row), token=token, run=Run.from_json(run) if run else None)

    def begin(self, lease: ScheduleLease, run: Run, next_due: float | None) -> bool:
        """Store the begin of a run and the next due time; False without an effect if the lease is lost."""
        claimed = _text(lease.schedule.due_at)
        return bool(self._redis.run("begin", *_held(lease), run.id, run.to_json(), claimed, _text(next_due)))

    def extend(self, lease: ScheduleLease, lease_seconds: float) -> bool:
        """Extend a lease; returns False if it is lost."""
        return bool(self._redis.run("extend", *_held(lease), lease_seconds))

    def release(self, lease: ScheduleLease, run: Run, seconds: float) -> bool:
        """Store the run in progress and end the lease, for a pause of so many seconds; False if the lease is lost."""
        return bool(self._redis.run("release", *_held(lease), run.id, run.to_json(), seconds))

    def finish(self, lease: ScheduleLease, run: Run, keep: int) -> list[Run] | None:
        """Store the end of the run in progress, and forget all but the last ``keep`` runs; returns the forgotten."""
        bodies = self._redis.run("finish", *_held(lease), run.id, run.to_json(), keep)
        return None if bodies is None else [Run.from_json(body) for body in bodies]

    def run(self, schedule_id: str, run_id: str) -> Run | None:
        """A run."""
        name = f"{self._redis.prefix}schedule:{schedule_id}:runs"
        body = self._redis.call(lambda: self._redis.client.hget(name, run_id))
        return Run.from_json(body) if body else None

    def runs(self, schedule_id: str, *, before: str = "", limit: int = 30) -> list[Run]:
        """Runs of a schedule, newest first, from the one after the id ``before``."""
        found: list[Run] = []
        while len(found) < limit:
            asked = min(_CHUNK, limit - len(found))
            bodies = self._redis.run("list", f"runs:{schedule_id}", found[-1].id if found else before, asked)
            found += [Run.from_json(body) for body in bodies if body]
            if len(bodies) < asked:
                break
        return found


def _held(lease: ScheduleLease) -> tuple[str, str]:
    return lease.schedule.id, lease.token


def _text(seconds: float | None) -> str:
    """A time as Redis keeps it, so that equal times are equal texts; empty for None."""
    return "" if seconds is None else f"{seconds:.6f}"


def _to_schedule(row: Sequence[bytes]) -> Schedule:
    schedule_id, owner, spec, created, due, run = (value.decode() for value in row)
    return Schedule(
        id=schedule_id,
        owner=owner,
        spec=ScheduleSpec.from_json(spec),
        created_at=float(created),
        due_at=float(due) if due else None,
        run=run,
    )
