"""JSON bodies of jobs; the OpenAPI schemas are generated from these classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from tintype.jobs.model import Job, JobPage, JobStatus, PageStatus
from tintype.jobs.report import job_members, page_members
from tintype.web.bodies import Count, JsonBody, ParameterProblem
from tintype.webhooks.model import JOB_EVENTS, PAGE_EVENTS

_TIME = {"format": "date-time"}


class JobProgress(JsonBody):
    """Pages of a job by state."""

    total: Count
    queued: Count
    running: Count
    captured: Count
    failed: Count
    cancelled: Count
    percentage: Annotated[float, Field(ge=0, le=100, description="Share of pages that have ended.")]


class JobLinks(JsonBody):
    """URLs of a job."""

    job: str
    pages: str
    archive: str
    events: str


class JobWebhook(JsonBody):
    """The webhook of a job."""

    url: str
    events: Annotated[list[str], Field(json_schema_extra={"items": {"enum": [*PAGE_EVENTS, *JOB_EVENTS]}})]


class JobSitemap(JsonBody):
    """The sitemap of a job."""

    url: str
    read: Annotated[bool, Field(description="False: the only page of the job is the sitemap, and the counts are 0.")]
    include: list[str]
    exclude: list[str]
    max_pages: Count
    found: Annotated[Count, Field(description="URLs that were read.")]
    duplicates: Count
    invalid: Annotated[Count, Field(description="URLs that cannot be captured, or that this service denies.")]
    excluded: Annotated[Count, Field(description="URLs that `include` and `exclude` leave out.")]
    disallowed: Annotated[Count, Field(description="URLs that the robots.txt of their site does not permit.")]
    truncated: Annotated[
        bool, Field(description="Whether there may be more pages: `max_pages` or the time limit was reached.")
    ]
    left_out: Annotated[list[str], Field(description="The first invalid and disallowed URLs, with the reason.")]
    failures: Annotated[list[str], Field(description="The first sitemaps of an index that could not be read.")]


class JobReport(JsonBody):
    """A job."""

    id: str
    name: str
    status: Annotated[str, Field(json_schema_extra={"enum": [*JobStatus]})]
    progress: JobProgress
    store: Annotated[bool, Field(description="Whether the thumbnails are stored permanently.")]
    sitemap: Annotated[JobSitemap | None, Field(description="Null for a job whose pages were sent.")]
    created_at: Annotated[str, Field(description="UTC.", json_schema_extra=_TIME)]
    started_at: Annotated[str | None, Field(description="When the first page began.", json_schema_extra=_TIME)]
    ended_at: Annotated[str | None, Field(description="When the last page ended.", json_schema_extra=_TIME)]
    links: JobLinks
    webhook: Annotated[JobWebhook | None, Field(description="Where its events are sent; not in the events.")] = None
    skipped: Annotated[
        tuple[ParameterProblem, ...], Field(description="With `partial_ok`: the first pages that were left out.")
    ] = ()

    @classmethod
    def of(cls, job: Job, base: str, skipped: Sequence[ParameterProblem] = ()) -> Self:
        """The report of a job, with links below a base URL."""
        members = job_members(job, base)
        if job.webhook:
            members["webhook"] = JobWebhook(url=job.webhook.url, events=[*job.webhook.events])
        report = cls(**members)
        return report.model_copy(update={"skipped": tuple(skipped)}) if skipped else report


class JobList(JsonBody):
    """Jobs, newest first."""

    jobs: list[JobReport]
    next: Annotated[str | None, Field(description="Value of `before` for the next page; null at the end.")]


class JobPageReport(JsonBody):
    """A page of a job."""

    number: Annotated[int, Field(ge=1, description="In the order of submission.")]
    url: str
    status: Annotated[str, Field(json_schema_extra={"enum": [*PageStatus]})]
    attempts: Count
    error: Annotated[str | None, Field(description="Code of the last error.")]
    detail: Annotated[str | None, Field(description="What is wrong, and what to do.")]
    verdict: Annotated[str | None, Field(description="Class of the captured page.")]
    stored_url: Annotated[str | None, Field(description="Permanent URL; null if the thumbnail is only cached.")]
    content_type: str | None
    width: Count | None
    height: Count | None
    bytes: Count | None
    seconds: Annotated[float | None, Field(description="Duration of the last attempt.")]

    @classmethod
    def of(cls, page: JobPage, base: str) -> Self:
        """The report of a page; ``base`` is the base URL of stored objects of this service."""
        return cls(**page_members(page, base))


class JobPageList(JsonBody):
    """Pages of a job by number."""

    pages: list[JobPageReport]
    next: Annotated[int | None, Field(description="Value of `after` for the next page; null at the end.")]


class JobChange(JsonBody):
    """Result of a retry or a cancellation."""

    id: str
    pages: Annotated[Count, Field(description="Pages that were queued again, or cancelled.")]
