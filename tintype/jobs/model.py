"""Values of jobs: a job, its pages, their results, and the store that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, Self

from tintype.webhooks.model import WebhookTarget

SCOPE_PREFIX = "sch_"
"""Beginning of the ids of schedules, and of the jobs of their runs: ``<schedule>-<due time>``."""


def scope_of(job_id: str) -> str:
    """The schedule whose run a job is; empty for a job of a client."""
    return job_id.partition("-")[0] if job_id.startswith(SCOPE_PREFIX) else ""


class JobStatus(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    """No page has begun."""
    RUNNING = "running"
    COMPLETED = "completed"
    """Every page was captured."""
    PARTIAL = "partial"
    """Some pages were captured; the others failed or were cancelled."""
    FAILED = "failed"
    """No page was captured."""
    CANCELLED = "cancelled"


class PageStatus(StrEnum):
    """State of a page of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (PageStatus.CAPTURED, PageStatus.FAILED, PageStatus.CANCELLED)
"""States in which a page stays, unless a client retries it."""


class PageCounts(NamedTuple):
    """Pages of a job by state."""

    queued: int = 0
    running: int = 0
    captured: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """All pages."""
        return sum(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPage:
    """A page of a job that is submitted: canonical URL, host, and the options of its capture as JSON."""

    url: str
    host: str
    options: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitemap:
    """The sitemap whose pages a job captures, and what was found in it.

    ``include`` and ``exclude`` are globs of URLs, or of paths if they begin with ``/``.
    """

    url: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_pages: int
    is_read: bool = False
    """False: the only page of the job is the sitemap itself, and the counts are 0."""
    found: int = 0
    """URLs that were read, including the following ones."""
    duplicates: int = 0
    invalid: int = 0
    """URLs that cannot be captured, or that the operator denies."""
    excluded: int = 0
    """URLs that ``include`` and ``exclude`` leave out."""
    disallowed: int = 0
    """URLs that robots.txt does not permit."""
    truncated: bool = False
    """Whether there may be more URLs than ``max_pages``, or than the time limit allowed."""
    left_out: tuple[str, ...] = ()
    """The first invalid or disallowed URLs, with the reason."""
    failures: tuple[str, ...] = ()
    """The first sitemaps of an index that could not be read, with the reason."""

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> Self:
        """A sitemap of JSON values."""
        values: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job that is submitted. ``id`` is unique and cannot be guessed."""

    id: str
    pages: Sequence[NewPage]
    owner: str = ""
    """Name of the API key; empty without one."""
    name: str = ""
    stores: bool = True
    """Whether the thumbnails are stored permanently."""
    idempotency_key: str = ""
    """The client's ``Idempotency-Key``; empty without one."""
    fingerprint: str = ""
    """Digest of the request: the same key with another request is an error."""
    webhook: WebhookTarget | None = None
    sitemap: Sitemap | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is stored. Times are in seconds since the epoch; 0 if the event has not happened."""

    id: str
    owner: str
    name: str
    stores: bool
    created_at: float
    started_at: float
    ended_at: float
    counts: PageCounts
    cancelled: bool = False
    fingerprint: str = ""
    webhook: WebhookTarget | None = None
    sitemap: Sitemap | None = None

    @property
    def status(self) -> JobStatus:
        """The state, by the states of the pages."""
        counts = self.counts
        if self.cancelled:
            return JobStatus.CANCELLED
        if counts.queued == counts.total:
            return JobStatus.QUEUED
        if counts.queued or counts.running:
            return JobStatus.RUNNING
        if counts.captured == counts.total:
            return JobStatus.COMPLETED
        return JobStatus.PARTIAL if counts.captured else JobStatus.FAILED

    @property
    def has_ended(self) -> bool:
        """Whether every page has ended; the running pages of a cancelled job are captured to their end."""
        return not self.counts.queued and not self.counts.running


@dataclass(frozen=True, slots=True, kw_only=True)
class PageResult:
    """Result of one page; ``error`` is the code of the error, empty for a captured page."""

    error: str = ""
    detail: str = ""
    verdict: str = ""
    http_status: int = 0
    final_url: str = ""
    key: str = ""
    """Storage key; empty if the thumbnail is only cached."""
    url: str = ""
    """Permanent URL; empty if the thumbnail is only cached."""
    content_type: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    seconds: float = 0.0
    """Duration of the last attempt."""

    @property
    def status(self) -> PageStatus:
        """The state of a page with this result."""
        return PageStatus.FAILED if self.error else PageStatus.CAPTURED


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of a job as it is stored; ``number`` counts from 1 in the order of submission."""

    number: int
    url: str
    status: PageStatus
    attempts: int
    result: PageResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A page that one worker may capture until the lease expires; ``token`` identifies the lease."""

    job: str
    number: int
    token: str
    attempt: int
    """Counts from 1."""
    owner: str
    stores: bool
    url: str
    options: str
    retried: bool = False
    """Whether a client has retried the job: then its pages are captured anew, whatever is cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLimits:
    """Limits of concurrent captures of jobs: of one node, of one API key, and of one target host."""

    total: int
    """Pages of the node ``node``; without a shared store, of all workers."""
    per_owner: int
    per_host: int
    host_pause: float = 0.0
    """Seconds between the starts of two captures of one host."""
    node: str = "local"
    """Name of the node, without spaces."""


class QueueState(NamedTuple):
    """The queue for metrics and readiness; times in seconds."""

    queued: int = 0
    """Pages that wait."""
    running: int = 0
    """Pages with a lease."""
    oldest_age: float = 0.0
    """Age of the oldest job with queued pages."""
    jobs: int = 0
    """Jobs that have not ended."""
    unclaimed: float = 0.0
    """Time since a process last looked for a page, while pages are queued."""


class JobStore(Protocol):
    """Jobs and their pages, shared by all workers. Every failure is BackendUnavailable.

    A lease that is not extended in time returns its page to the queue, so that a killed worker loses no page. What
    ends a page or a job also stores the deliveries for its webhook, in the same transaction.
    """

    def create(self, job: NewJob) -> Job:
        """Store a job with all its pages, or none; durable on return.

        Returns the existing job for an idempotency key that the same owner has used within a day.
        """
        ...

    def job(self, job_id: str) -> Job | None:
        """The job."""
        ...

    def jobs(self, *, owner: str | None, before: str = "", limit: int = 50) -> list[Job]:
        """Jobs of an owner (None: of all), newest first, from the one after the id ``before``."""
        ...

    def pages(
        self, job_id: str, *, after: int = 0, limit: int = 100, status: PageStatus | None = None
    ) -> list[JobPage]:
        """Pages of a job by number, from the one after ``after``."""
        ...

    def claim(self, limits: ClaimLimits, lease_seconds: float) -> Lease | None:
        """A page to capture now, of the owner with the fewest running pages; None if there is none within limits.

        Pages of expired leases are queued again first, also by limits of 0.
        """
        ...

    def extend(self, lease: Lease, lease_seconds: float) -> bool:
        """Extend a lease; returns False if it has expired and another worker may have the page."""
        ...

    def finish(self, lease: Lease, result: PageResult) -> bool:
        """Store the result of a page; returns False without an effect if the lease is lost."""
        ...

    def release(self, lease: Lease, seconds: float, result: PageResult) -> bool:
        """Return a page to the queue for a retry after so many seconds; the result is kept if there is none.

        A page of a cancelled job is cancelled instead. Returns False without an effect if the lease is lost.
        """
        ...

    def expand(self, lease: Lease, pages: Sequence[NewPage], sitemap: Sitemap) -> bool:
        """Replace the only page of a job, its sitemap, by the pages that were found, at least one; all or none.

        The lease ends. The page of a cancelled job is cancelled instead. Returns False without an effect if the lease
        is lost.
        """
        ...

    def retry(self, job_id: str) -> int:
        """Queue the failed and cancelled pages of a job again; returns their number."""
        ...

    def cancel(self, job_id: str) -> int:
        """Cancel the pages that have not begun; returns their number. Running pages end by themselves.

        A job with only running pages is cancelled, too: a page that is released, or a sitemap, adds no page to it.
        """
        ...

    def delete(self, job_id: str) -> bool:
        """Forget a job and its pages; stored thumbnails stay."""
        ...

    def expire(self, ended_before: float, limit: int) -> int:
        """Forget at most ``limit`` jobs that ended before a time; returns their number."""
        ...

    def queued(self, owner: str) -> int:
        """Queued pages of an owner."""
        ...

    def state(self) -> QueueState:
        """The queue at this moment."""
        ...
