"""Schedules over fake captures: stores in SQLite, a runner that works step by step, and the events it reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.contracts.jobs import LIMITS
from tests.support.fakes import Clock
from tests.support.service_harness import ServiceHarness
from tintype.errors import BackendUnavailable
from tintype.jobs.capture import PageCapturer
from tintype.jobs.model import JobStore
from tintype.jobs.runner import JobRunner
from tintype.jobs.service import JobLimits, JobService
from tintype.jobs.submission import SubmissionParser
from tintype.model import Freshness
from tintype.request_parser import RequestParser
from tintype.schedules.comparison import PageComparer
from tintype.schedules.model import Run, Schedule, ScheduleStore
from tintype.schedules.runner import RunParts, ScheduleRunner
from tintype.schedules.service import ScheduleLimits, ScheduleService
from tintype.schedules.submission import MAX_SCHEDULE_PAGES, ScheduleParser
from tintype.state.redis_jobs import RedisJobs
from tintype.state.redis_schedules import RedisSchedules
from tintype.state.sqlite_jobs import SqliteJobs
from tintype.state.sqlite_schedules import SqliteSchedules
from tintype.urls import TargetPolicy

URL = "https://site.org/"


def allow_host(owner: str, host: str) -> None:
    """Permit every host."""


@dataclass
class ScheduleHarness:
    """A node with schedules; further runners of it are other processes."""

    folder: Path
    keep: int = 30
    limits: ScheduleLimits = field(default_factory=ScheduleLimits)
    check_host: Callable[[str, str], None] = allow_host
    redis: str = ""
    """URL of the Redis that has the stores, with its own clock; empty: files in the folder."""

    def __post_init__(self) -> None:
        self.clock, self.machine = Clock(), Clock(1000.0)
        self.parts = ServiceHarness(clock=self.clock)
        self.engine, self.storage, self.service = self.parts.engine, self.parts.storage, self.parts.service
        self.reported: list[tuple[Schedule, Run]] = []
        self.notify_error = ""
        self.parser = RequestParser(TargetPolicy(), Freshness(max_age=86_400), max_ttl=86_400 * 30)
        self.jobs_store, self.store = self._stores()
        submissions = SubmissionParser(self.parser)
        capture = PageCapturer(self.service, self.parser)
        self.capture = capture
        self.jobs = JobService(
            self.jobs_store, submissions, JobRunner(self.jobs_store, capture, LIMITS), JobLimits(), self.clock
        )
        self.runner = self.new_runner()
        watched = ScheduleParser(SubmissionParser(self.parser, MAX_SCHEDULE_PAGES))
        self.schedules = ScheduleService(self.store, watched, self.runner, self.jobs, self.service.stored, self.limits)

    def _stores(self) -> tuple[JobStore, ScheduleStore]:
        if self.redis:
            return RedisJobs(self.redis), RedisSchedules(self.redis)
        path, clock, machine = self.folder / "jobs.db", self.clock, self.machine
        return SqliteJobs(path, clock, machine), SqliteSchedules(path, clock, machine)

    def new_runner(self) -> ScheduleRunner:
        """The runner of another process."""
        parts = RunParts(
            jobs=self.jobs,
            comparer=PageComparer(self.service, self.parser, self.clock),
            stored=self.service.stored,
            check_host=self._check_host,
            notify=self._notify,
            keep=self.keep,
        )
        return ScheduleRunner(self.store, parts)

    def _check_host(self, owner: str, host: str) -> None:
        self.check_host(owner, host)  # tests replace it

    def _notify(self, schedule: Schedule, run: Run) -> None:
        if self.notify_error:
            raise BackendUnavailable(self.notify_error)
        self.reported.append((schedule, run))

    def create(self, *, owner: str = "", **members: Any) -> Schedule:
        """Create a schedule of one page, every hour unless it has other times."""
        if "cron" not in members:
            members = {"every": "1h", **members}
        if "pages" not in members:
            members = {"page": URL, **members}
        return self.schedules.create(members, owner=owner, check_host=lambda _: None)

    def capture_pages(self, most: int = 1000) -> int:
        """Capture the queued pages of all jobs, at most so many; returns their number."""
        count = 0
        while count < most and (lease := self.jobs_store.claim(LIMITS, 15)):
            self.jobs_store.finish(lease, self.capture(lease).result)
            count += 1
        return count

    def advance(self, seconds: float) -> None:
        """Let time pass for everything."""
        self.clock.now += seconds
        self.machine.now += seconds

    def finish(self) -> None:
        """Capture the pages of the run in progress, again if some fail, and record its end."""
        for _ in range(2):
            self.capture_pages()
            self.advance(5)
            self.runner.follow_one()

    def run(self, schedule: Schedule, after: float = 3600) -> Run:
        """Make the next run, start to end; returns it."""
        known = {run.id for run in self.store.runs(schedule.id)}
        if not self.runner.start_due():
            self.advance(after)
            assert self.runner.start_due()
        self.finish()
        run = self.store.runs(schedule.id, limit=1)[0]
        assert run.id not in known
        return run
