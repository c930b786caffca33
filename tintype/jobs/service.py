"""JobService: jobs of clients, within the limits of the operator; the runner of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import structlog

from tintype.errors import BackendUnavailable, IdempotencyConflict, NotFound, Overloaded
from tintype.jobs.model import Job, JobPage, JobStatus, JobStore, PageStatus, QueueState
from tintype.jobs.runner import JobThreads
from tintype.jobs.submission import Submission, SubmissionParser
from tintype.webhooks.model import JOB_EVENTS, Event
from tintype.webhooks.service import WebhookService

log = structlog.get_logger("tintype.jobs")

MAX_QUEUED = 100_000
"""Pages of all clients that may be queued: about 30 MB of disk."""
EXPIRY_INTERVAL = 60.0
EXPIRED_PER_ROUND = 100
"""Jobs that one round forgets: each may have ten thousand pages."""
MAX_EXAMINED, EXAMINED_AT_ONCE = 2000, 200
"""Jobs that one request for a list compares with its filter, and those that one query of the store reads."""
STATE_SECONDS = 5.0
"""Seconds for which the state of the queue is reused."""
UNCLAIMED_SECONDS = 60.0
"""Seconds after which no process works a queue; a process that has no page looks for one every half second."""
CHANGE_INTERVAL = 0.5
"""Seconds between two looks at a job for clients that wait for a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """Limits of the operator: pages in the queue of one API key, and seconds for which ended jobs are kept."""

    queued_per_owner: int = 10_000
    retention: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Jobs that a client lists: in one state, or with one name."""

    status: JobStatus | None = None
    name: str = ""

    def matches(self, job: Job) -> bool:
        """Whether a job has this state and this name."""
        return self.status in (None, job.status) and self.name in ("", job.name)


class JobListPage(NamedTuple):
    """Jobs, and the id after which the next page begins; empty at the end."""

    jobs: list[Job]
    next: str


class JobService:
    """Jobs for the web and the command line. ``runner`` captures their pages, or has them captured."""

    def __init__(
        self,
        store: JobStore,
        parser: SubmissionParser,
        runner: JobThreads,
        limits: JobLimits,
        clock: Callable[[], float] = time.time,
        webhooks: WebhookService | None = None,
    ) -> None:
        self._store, self._parser, self._runner, self._limits, self._clock = store, parser, runner, limits, clock
        self.webhooks = webhooks
        self._stopped = threading.Event()
        self._state, self._state_lock = (float("-inf"), QueueState()), threading.Lock()

    def start(self) -> None:
        """Start the runner, and a thread that forgets old jobs."""
        self._runner.start()
        threading.Thread(target=self._expire, name="tintype-jobs-expiry", daemon=True).start()

    def stop(self, timeout: float) -> bool:
        """Claim no more pages and wait for the running ones; returns whether all ended. Idempotent."""
        self._stopped.set()
        return self._runner.stop(timeout)

    def submit(
        self,
        members: Mapping[str, Any],
        *,
        owner: str,
        check_host: Callable[[str], None],
        idempotency_key: str = "",
        base_url: str = "",
        default_events: Sequence[Event] = JOB_EVENTS,
    ) -> tuple[Job, Submission]:
        """Store a job; returns it with what was parsed, or the one that the idempotency key has created.

        ``base_url`` is the base of links in the events of its webhook, ``default_events`` are those that it receives
        if it names none.

        Raises InvalidRequest, HostNotAllowed, Overloaded if the queue is full, IdempotencyConflict for a key that was
        used with another body, and BackendUnavailable.
        """
        parsed = self._parser.parse(
            members,
            owner=owner,
            check_host=check_host,
            idempotency_key=idempotency_key,
            base_url=base_url,
            default_events=default_events,
        )
        self._check_room(owner, len(parsed.job.pages))
        if parsed.job.webhook and self.webhooks:
            self.webhooks.check_room()
        job = self._store.create(parsed.job)
        if job.fingerprint != parsed.job.fingerprint:
            raise IdempotencyConflict
        self._runner.wake()
        return job, parsed

    def submit_once(
        self, job_id: str, members: Mapping[str, Any], *, owner: str, check_host: Callable[[str], None]
    ) -> Job:
        """Store a job under a given id, or return the one that has it; raises what :meth:`submit` raises.

        Two calls at the same time store one job, because the id is also its idempotency key. A client's key contains no
        space, so it never is the same.
        """
        if existing := self._store.job(job_id):
            return existing
        parsed = self._parser.parse(members, owner=owner, check_host=check_host)
        self._check_room(owner, len(parsed.job.pages))
        job = self._store.create(replace(parsed.job, id=job_id, idempotency_key=f"run {job_id}"))
        self._runner.wake()
        return job

    def find(self, job_id: str) -> Job | None:
        """A job of any owner; None if it does not exist."""
        return self._store.job(job_id)

    def _check_room(self, owner: str, pages: int) -> None:
        queued = self._store.queued(owner)
        if queued + pages > self._limits.queued_per_owner:
            room = max(0, self._limits.queued_per_owner - queued)
            raise Overloaded(
                f"{queued:,} pages are queued, and the queue takes at most {room:,} more; retry later",
                retry_after=60,
            )
        if self._store.state().queued + pages > MAX_QUEUED:
            raise Overloaded("the queue of jobs is full; retry later", retry_after=60)

    def job(self, job_id: str, owner: str | None) -> Job:
        """A job of an owner (None: of all owners); raises NotFound."""
        found = self._store.job(job_id)
        if found is None or owner not in (None, found.owner):
            raise NotFound("there is no job with this id; jobs are kept until their retention ends")
        return found

    def jobs(self, owner: str | None, query: JobFilter, *, before: str, limit: int) -> JobListPage:
        """Jobs of an owner (None: of all) that match, newest first; examines at most :data:`MAX_EXAMINED` of them."""
        matching: list[Job] = []
        size, examined = min(limit + 1, EXAMINED_AT_ONCE), 0
        while examined < MAX_EXAMINED:
            found = self._store.jobs(owner=owner, before=before, limit=size)
            for job in found:
                if len(matching) == limit:
                    return JobListPage(matching, before)
                if query.matches(job):
                    matching.append(job)
                before, examined = job.id, examined + 1
            if len(found) < size:
                return JobListPage(matching, "")
        return JobListPage(matching, before)

    def pages(self, job: Job, *, after: int, limit: int, status: PageStatus | None) -> list[JobPage]:
        """Pages of a job by number."""
        return self._store.pages(job.id, after=after, limit=limit, status=status)

    def changes(self, job: Job, seconds: float) -> Iterator[Job]:
        """The job now, and after each change until it has ended or the time is over; at most two in a second."""
        until, last = time.monotonic() + seconds, job
        yield job
        while not last.has_ended and (left := until - time.monotonic()) > 0:
            if self._stopped.wait(min(CHANGE_INTERVAL, left)):
                return
            found = self._store.job(job.id)
            if found is None:
                return
            if (found.counts, found.status) != (last.counts, last.status):
                last = found
                yield found

    def retry(self, job: Job) -> int:
        """Queue the failed and cancelled pages again; returns their number. Raises Overloaded."""
        self._check_room(job.owner, job.counts.failed + job.counts.cancelled)
        count = self._store.retry(job.id)
        self._runner.wake()
        return count

    def cancel(self, job: Job) -> int:
        """Cancel what has not begun, and forget a job that has ended; returns the number of cancelled pages."""
        if job.has_ended:
            self._store.delete(job.id)
            return 0
        return self._store.cancel(job.id)

    def state(self) -> QueueState:
        """The queue in the last five seconds, so that metrics and probes cause one query; raises BackendUnavailable."""
        with self._state_lock:
            read_at, state = self._state
            if time.monotonic() - read_at >= STATE_SECONDS:
                state = self._store.state()
                self._state = time.monotonic(), state
            return state

    def figures(self) -> dict[str, float]:
        """The members of :meth:`state`; empty while the store fails."""
        try:
            return self.state()._asdict()
        except BackendUnavailable:
            return {}

    def warnings(self) -> list[str]:
        """A warning for a queue that no process works: pages are queued, none runs, and none was looked for lately."""
        try:
            state = self.state()
        except BackendUnavailable:
            return ["jobs: their store does not respond; see the log"]
        if not state.queued or state.running or state.unclaimed < UNCLAIMED_SECONDS:
            return []
        reason = f"{state.queued:,} pages are queued, and no process has looked for one for {state.unclaimed:.0f} s"
        return [f"jobs: {reason}; see the log of the service and of its job workers"]

    def _expire(self) -> None:
        while not self._stopped.wait(EXPIRY_INTERVAL):
            try:
                count = self._store.expire(self._clock() - self._limits.retention, EXPIRED_PER_ROUND)
            except BackendUnavailable:
                continue
            if count:
                log.info("jobs_expired", jobs=count)
