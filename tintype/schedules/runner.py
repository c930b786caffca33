"""Starts the runs of schedules when they are due, follows their jobs, and records what has changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from tintype import telemetry
from tintype.errors import BackendUnavailable, Overloaded, TintypeError
from tintype.jobs.model import Job, JobPage, PageStatus
from tintype.jobs.service import JobService
from tintype.schedules.comparison import PageComparer, address_of, last_pictures
from tintype.schedules.model import Run, RunPage, RunStatus, Schedule, ScheduleLease, ScheduleStore
from tintype.schedules.submission import to_job
from tintype.schedules.timing import next_due
from tintype.service.stored_objects import StoredObjects

log = structlog.get_logger("tintype.schedules")

LEASE_SECONDS = 15.0
"""The run of a process that ended is continued by another one after so many seconds at the latest."""
EXTEND_INTERVAL = LEASE_SECONDS / 3
POLL_INTERVAL = 1.0
"""Seconds between two claims while nothing is due."""
FOLLOW_INTERVAL = 2.0
"""Seconds between two looks at the job of a run."""
RETRY_PAUSE = 10.0
"""Seconds until a step is repeated that failed because the service was busy or a backend was out."""
MAX_RUN = 86_400.0
"""Seconds after which a run has failed, whatever its job does; only the step after it sees that."""
CLOCK_JUMP = 30.0
"""Seconds by which the time of day must have gone back before all due times are checked."""
_BATCH = 200


class Notifier(Protocol):
    """Reports the end of a run. A run may be reported again after a crash, with the same ids of its events."""

    def __call__(self, schedule: Schedule, run: Run) -> None:
        """Report a run; raises BackendUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParts:
    """Parts that a runner works with. ``check_host`` raises HostNotAllowed for an owner and a host."""

    jobs: JobService
    comparer: PageComparer
    stored: StoredObjects
    check_host: Callable[[str, str], None]
    notify: Notifier
    keep: int = 30
    """Runs that a schedule keeps."""


class ScheduleRunner:
    """Works on schedules in threads of this process; all processes of all nodes share the work by leases."""

    def __init__(self, store: ScheduleStore, parts: RunParts, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._parts, self._monotonic = store, parts, monotonic
        self._leases: dict[str, ScheduleLease] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._clock_lock = threading.Lock()
        self._offset = float("inf")
        """Time of day minus monotonic time, as last seen; infinite before all due times were checked."""

    def start(self) -> None:
        """Start the threads of this process: one starts runs, one ends them, one extends leases."""
        for work in (self._start_runs, self._follow_runs, self._watch):
            threading.Thread(target=work, name="tintype-schedules", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Claim nothing more, and wait at most ``timeout`` seconds; returns whether all work has ended. Idempotent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._leases, timeout)

    def wake(self) -> None:
        """Claim now: something is due."""
        with self._changed:
            self._changed.notify_all()

    def start_due(self) -> bool:
        """Start the run that is due longest; returns False if none is due. Raises BackendUnavailable."""
        lease = self._store.claim_due(LEASE_SECONDS)
        if lease:
            self._work_on(lease, self._begin)
        return lease is not None

    def follow_one(self) -> bool:
        """Take the next step of a run in progress; returns False if none waits for one. Raises BackendUnavailable."""
        lease = self._store.claim_running(LEASE_SECONDS)
        if lease:
            self._work_on(lease, self._advance)
        return lease is not None

    def check_due_times(self) -> int:
        """Correct due times that lie beyond the next time of their schedules; returns their number.

        Such times come from a clock that was ahead. Raises BackendUnavailable.
        """
        moved, now = 0, self._store.now()
        for schedule in self._all_schedules():
            right = next_due(schedule.spec, schedule.created_at, now)
            if schedule.due_at is not None and right is not None and schedule.due_at > right + 1:
                moved += self._store.move(schedule.id, right, schedule.due_at)
        if moved:
            log.warning("schedule_times_corrected", schedules=moved, reason="the clock was ahead")
        return moved

    def _all_schedules(self) -> Iterator[Schedule]:
        last = ""
        while batch := self._store.schedules(owner=None, before=last, limit=_BATCH):
            yield from batch
            last = batch[-1].id

    def _start_runs(self) -> None:
        self._repeat(self.start_due)

    def _follow_runs(self) -> None:
        self._repeat(self.follow_one)

    def _repeat(self, step: Callable[[], bool]) -> None:
        while not self._stopping:
            try:
                is_busy = step()
            except BackendUnavailable:
                is_busy = False  # the store has logged it
            if not is_busy:
                with self._changed:
                    if not self._stopping:
                        self._changed.wait(POLL_INTERVAL)

    def _work_on(self, lease: ScheduleLease, step: Callable[[ScheduleLease], None]) -> None:
        with self._changed:
            self._leases[lease.token] = lease
        try:
            step(lease)
        except BackendUnavailable:
            log.warning("schedule_step_failed", schedule=lease.schedule.id, effect="it is repeated")
        except Exception:
            log.exception("schedule_step_failed", schedule=lease.schedule.id)
        finally:
            with self._changed:
                self._leases.pop(lease.token, None)
                self._changed.notify_all()

    def _begin(self, lease: ScheduleLease) -> None:
        schedule, now = lease.schedule, self._store.now()
        with self._clock_lock:
            self._offset = max(self._offset, now - self._monotonic())  # the clock may be ahead for this moment only
        due = schedule.due_at if schedule.due_at is not None else now
        run = Run(id=f"{schedule.id}-{round(due * 1000)}", schedule=schedule.id, due_at=due, started_at=now)
        if self._store.begin(lease, run, next_due(schedule.spec, schedule.created_at, max(now, due))):
            telemetry.observe("tintype_schedule_delay_seconds", seconds=max(0.0, now - due))
            log.info("schedule_run_started", schedule=schedule.id, run=run.id, delay=round(now - due, 3))
            self._advance(replace(lease, run=run))

    def _advance(self, lease: ScheduleLease) -> None:
        """Take the next step of a run: submit its job, wait for it, or record its end."""
        run, schedule = lease.run, lease.schedule
        if run is None:
            return
        try:
            if self._store.now() - run.started_at > MAX_RUN:
                self._end(lease, run.failed(self._store.now(), "run-timeout", "the job did not end within a day"))
                return
            if not run.submitted:
                self._submit(schedule, run)
                run = replace(run, submitted=True)
            job = self._parts.jobs.find(run.id)
            if job is None:
                gone = "the job of the run was deleted before its end"
                self._end(lease, run.failed(self._store.now(), "job-deleted", gone))
            elif not job.has_ended:
                self._store.release(lease, run, FOLLOW_INTERVAL)
            elif job.counts.failed and not job.cancelled and not run.retried:
                # One slow response is no reason to report a failure to people.
                self._parts.jobs.retry(job)
                self._store.release(lease, replace(run, retried=True), FOLLOW_INTERVAL)
            else:
                self._end(lease, self._ended(schedule, run, job))
        except (Overloaded, BackendUnavailable) as error:
            log.info("schedule_run_delayed", run=run.id, reason=error.detail)
            self._store.release(lease, run, RETRY_PAUSE)
        except TintypeError as error:
            self._end(lease, run.failed(self._store.now(), error.code, error.detail))

    def _submit(self, schedule: Schedule, run: Run) -> None:
        owner, check_host = schedule.owner, self._parts.check_host
        self._parts.jobs.submit_once(
            run.id, to_job(schedule.spec), owner=owner, check_host=lambda host: check_host(owner, host)
        )

    def _ended(self, schedule: Schedule, run: Run, job: Job) -> Run:
        """The run with its pages, each compared with its latest thumbnail before."""
        before = last_pictures(self._store.runs(schedule.id, limit=self._parts.keep + 1))
        pages = tuple(self._to_run_page(schedule, page, before) for page in self._pages(job))
        failed = sum(1 for page in pages if page.error)
        status = RunStatus.COMPLETED if not failed else RunStatus.PARTIAL if failed < len(pages) else RunStatus.FAILED
        return replace(run, status=status, ended_at=self._store.now(), pages=pages)

    def _pages(self, job: Job) -> Iterator[JobPage]:
        last = 0
        while batch := self._parts.jobs.pages(job, after=last, limit=_BATCH, status=None):
            yield from batch
            last = batch[-1].number

    def _to_run_page(self, schedule: Schedule, page: JobPage, before: dict[str, str]) -> RunPage:
        result = page.result
        if page.status is not PageStatus.CAPTURED or result is None:
            error, detail = (result.error, result.detail) if result else ("cancelled", "the job was cancelled")
            return RunPage(number=page.number, url=page.url, error=error or "cancelled", detail=detail)
        captured = RunPage(
            number=page.number,
            url=page.url,
            verdict=result.verdict,
            key=result.key,
            width=result.width,
            height=result.height,
        )
        earlier = before.get(address_of(result.key))
        return self._parts.comparer.compare(schedule, captured, earlier) if earlier else captured

    def _end(self, lease: ScheduleLease, run: Run) -> None:
        """Report and record the end of a run, and delete what no kept run uses any more."""
        schedule = lease.schedule
        self._parts.notify(schedule, run)
        forgotten = self._store.finish(lease, run, self._parts.keep)
        if forgotten is None:
            if self._store.schedule(schedule.id) is None:
                self._delete(run.keys)
            return
        telemetry.count("tintype_schedule_runs_total", result_of(run))
        log.info("schedule_run_ended", schedule=schedule.id, run=run.id, status=run.status, changed=run.changed)
        if forgotten:
            kept = self._store.runs(schedule.id, limit=self._parts.keep)
            self._delete(_keys(forgotten) - _keys(kept))

    def _delete(self, keys: set[str]) -> None:
        try:
            self._parts.stored.remove(sorted(keys), reason="schedule")
        except BackendUnavailable as error:
            log.warning("schedule_pictures_left", objects=len(keys), reason=error.detail)

    def _watch(self) -> None:
        """Extend leases, and check all due times at first and after the clock has gone back."""
        while not self._stopping or self._leases:
            with suppress(BackendUnavailable):  # the store has logged it
                self._check_clock()
            with self._changed:
                self._changed.wait_for(lambda: self._stopping and not self._leases, EXTEND_INTERVAL)
                leases = [*self._leases.values()]
            for lease in leases:
                self._extend(lease)

    def _check_clock(self) -> None:
        """Check all due times if the time of day has gone back since it was seen last; raises BackendUnavailable."""
        with self._clock_lock:  # a run that begins meanwhile may have seen the clock ahead
            offset = self._store.now() - self._monotonic()
            seen, self._offset = self._offset, offset
        if offset < seen - CLOCK_JUMP:
            self._check_all_due_times()

    def _check_all_due_times(self) -> None:
        """Check all due times, or at the next check of the clock if the store fails; raises BackendUnavailable."""
        try:
            self.check_due_times()
        except BaseException:
            self._offset = float("inf")
            raise

    def _extend(self, lease: ScheduleLease) -> None:
        try:
            if not self._store.extend(lease, LEASE_SECONDS) and lease.token in self._leases:
                log.warning("schedule_lease_lost", schedule=lease.schedule.id)
        except BackendUnavailable:
            pass  # the store has logged it; another process may continue the run


def result_of(run: Run) -> str:
    """The result of a run for metrics: failed, changed or unchanged."""
    if run.status is not RunStatus.COMPLETED:
        return "failed"
    return "changed" if run.changed else "unchanged"


def _keys(runs: Sequence[Run]) -> set[str]:
    return set().union(*(run.keys for run in runs))
