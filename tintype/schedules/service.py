"""ScheduleService: schedules of clients, within the limits of the operator; the runner of this process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from tintype.errors import BackendUnavailable, InvalidParameter, InvalidRequest, NotFound
from tintype.jobs.model import SCOPE_PREFIX
from tintype.jobs.service import JobService
from tintype.schedules.model import Run, Schedule, ScheduleSpec, ScheduleStore
from tintype.schedules.runner import ScheduleRunner
from tintype.schedules.submission import ScheduleParser
from tintype.schedules.timing import next_due
from tintype.service.stored_objects import StoredObjects

log = structlog.get_logger("tintype.schedules")

_ID_BYTES = 12
"""Random bytes of a schedule's id, so that clients cannot guess it."""
_ATTEMPTS = 5
_TIMES = ("every", "cron", "timezone", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLimits:
    """Limits of the operator for one owner: schedules, and pages of all of them together."""

    schedules: int = 100
    pages: int = 1000


class ScheduleService:
    """Schedules for the web. ``runner`` works on them in this process."""

    def __init__(
        self,
        store: ScheduleStore,
        parser: ScheduleParser,
        runner: ScheduleRunner,
        jobs: JobService,
        stored: StoredObjects,
        limits: ScheduleLimits,
    ) -> None:
        self._store, self._parser, self._runner, self._jobs = store, parser, runner, jobs
        self._stored, self._limits = stored, limits

    def start(self) -> None:
        """Start the runner."""
        self._runner.start()

    def stop(self, timeout: float) -> bool:
        """Start no more runs; returns whether all steps have ended. Idempotent."""
        return self._runner.stop(timeout)

    def create(
        self, members: Mapping[str, Any], *, owner: str, check_host: Callable[[str], None], base_url: str = ""
    ) -> Schedule:
        """Store a schedule; ``base_url`` begins the links in its events.

        With ``every`` the first run is due now, with ``cron`` at its first time. Raises InvalidRequest, TargetDenied,
        HostNotAllowed, and BackendUnavailable.
        """
        spec = self._parser.parse(members, check_host=check_host, owner=owner, base_url=base_url)
        self._check_room(owner, spec)
        now = self._store.now()
        first = now if spec.every and not spec.paused else next_due(spec, now, now)
        schedule = Schedule(
            id=f"{SCOPE_PREFIX}{secrets.token_hex(_ID_BYTES)}", owner=owner, spec=spec, created_at=now, due_at=first
        )
        self._store.create(schedule)
        log.info("schedule_created", schedule=schedule.id, pages=spec.pages)
        self._runner.wake()
        return schedule

    def update(self, schedule: Schedule, members: Mapping[str, Any], *, check_host: Callable[[str], None]) -> Schedule:
        """Replace some members; raises what :meth:`create` raises, and NotFound."""
        spec = self._parser.parse_change(schedule.spec, members, check_host=check_host, owner=schedule.owner)
        self._check_room(schedule.owner, spec, besides=schedule.id)
        changed = self._found(self._store.update(schedule.id, spec))
        if not any(getattr(spec, name) != getattr(schedule.spec, name) for name in _TIMES):
            return changed
        for _ in range(_ATTEMPTS):  # the runner may move the time of the old specification at this moment
            due = next_due(spec, changed.created_at, self._store.now())
            if self._store.move(changed.id, due, changed.due_at):
                break
            changed = self._found(self._store.schedule(changed.id))
        return self._found(self._store.schedule(changed.id))

    def _check_room(self, owner: str, spec: ScheduleSpec, besides: str = "") -> None:
        others = self._store.schedules(owner=owner, limit=self._limits.schedules + 1)
        others = [each for each in others if each.id != besides]
        if len(others) >= self._limits.schedules:
            problem = f"{len(others):,} schedules exist; delete one, or ask the operator to raise TINTYPE_SCHEDULES"
            raise InvalidRequest(detail=problem)
        room = self._limits.pages - sum(each.spec.pages for each in others)
        if spec.pages > room:
            name = "max_pages" if "sitemap" in spec.job else "pages"
            message = f"must be at most {max(0, room):,} now, because all schedules share {self._limits.pages:,} pages"
            raise InvalidRequest(InvalidParameter(name, f"{message} (TINTYPE_SCHEDULE_PAGES)"))

    def schedule(self, schedule_id: str, owner: str | None) -> Schedule:
        """A schedule of an owner (None: of all owners); raises NotFound."""
        found = self._store.schedule(schedule_id)
        if found is None or owner not in (None, found.owner):
            raise NotFound("there is no schedule with this id")
        return found

    def schedules(self, owner: str | None, *, before: str, limit: int) -> list[Schedule]:
        """Schedules of an owner (None: of all), newest first."""
        return self._store.schedules(owner=owner, before=before, limit=limit)

    def runs(self, schedule: Schedule, *, before: str, limit: int) -> list[Run]:
        """Runs of a schedule, newest first."""
        return self._store.runs(schedule.id, before=before, limit=limit)

    def run(self, schedule: Schedule, run_id: str) -> Run:
        """A run; raises NotFound."""
        found = self._store.run(schedule.id, run_id)
        if found is None:
            raise NotFound("there is no run with this id; a schedule keeps its last runs only")
        return found

    def run_now(self, schedule: Schedule) -> Schedule:
        """Make a schedule due now, also a paused one, unless a run is in progress; the later times stay."""
        if not schedule.run:
            self._store.move(schedule.id, self._store.now(), schedule.due_at)
            self._runner.wake()
        return self._found(self._store.schedule(schedule.id))

    def delete(self, schedule: Schedule) -> None:
        """Forget a schedule and its runs, cancel its job, and delete its stored pictures; raises BackendUnavailable."""
        runs = self._store.delete(schedule.id)
        if schedule.run and (job := self._jobs.find(schedule.run)):
            self._jobs.cancel(job)
        prefixes = {f"{key.partition('-')[0]}-" for run in runs or () for key in run.keys}
        try:
            self._stored.remove(sorted(prefixes), reason="schedule")
        except BackendUnavailable as error:
            log.warning("schedule_pictures_left", schedule=schedule.id, reason=error.detail)
        log.info("schedule_deleted", schedule=schedule.id)

    def _found(self, schedule: Schedule | None) -> Schedule:
        if schedule is None:
            raise NotFound("the schedule was deleted meanwhile")
        return schedule
