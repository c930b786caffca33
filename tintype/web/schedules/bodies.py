"""JSON bodies of schedules; the OpenAPI schemas are generated from these classes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import Field

from tintype.schedules.model import Notify, Run, RunPage, RunStatus, Schedule
from tintype.schedules.submission import to_members
from tintype.web.bodies import Count, JsonBody

MAX_RUN_PAGES = 100
"""Pages of a run in a list of runs: those that changed or failed first."""
UrlOf = Callable[[str], str]
"""The permanent URL of a storage key."""
_TIME = {"format": "date-time"}
_PERCENT = Field(ge=0, le=100)


class RunPageReport(JsonBody):
    """A page of a run."""

    number: Annotated[int, Field(ge=1, description="In the order of the job.")]
    url: str
    error: Annotated[str | None, Field(description="Code of the error; null for a captured page.")]
    detail: Annotated[str | None, Field(description="What is wrong, and what to do.")]
    verdict: Annotated[str | None, Field(description="Class of the captured page.")]
    stored_url: Annotated[str | None, Field(description="Permanent URL of the thumbnail, while the run is kept.")]
    width: Count | None
    height: Count | None
    change: Annotated[
        float | None,
        Field(description="Percentage of pixels that differ from `before_url`; null if nothing was compared."),
    ]
    changed: Annotated[bool, Field(description="Whether `change` is above the threshold.")]
    before_url: Annotated[str | None, Field(description="The thumbnail that was compared.")]
    difference_url: Annotated[str | None, Field(description="Image in which the differing parts are marked.")]

    @classmethod
    def of(cls, page: RunPage, url_of: UrlOf) -> Self:
        """The report of a page."""
        return cls(
            number=page.number,
            url=page.url,
            error=page.error or None,
            detail=page.detail or None,
            verdict=page.verdict or None,
            stored_url=url_of(page.key) if page.key else None,
            width=page.width or None,
            height=page.height or None,
            change=page.change,
            changed=page.changed,
            before_url=url_of(page.before) if page.before else None,
            difference_url=url_of(page.difference) if page.difference else None,
        )


class RunReport(JsonBody):
    """A run of a schedule."""

    id: Annotated[str, Field(description="Also the id of its job.")]
    status: Annotated[str, Field(json_schema_extra={"enum": [*RunStatus]})]
    changed: Annotated[bool, Field(description="Whether a page has changed.")]
    change: Annotated[float | None, _PERCENT, Field(description="The largest change of a page, in percent.")]
    due_at: Annotated[str, Field(description="UTC.", json_schema_extra=_TIME)]
    started_at: Annotated[str, Field(json_schema_extra=_TIME)]
    ended_at: Annotated[str | None, Field(json_schema_extra=_TIME)]
    error: Annotated[str | None, Field(description="Code of the error for which no page was captured at all.")]
    detail: Annotated[str | None, Field(description="What is wrong, and what to do.")]
    total: Annotated[Count, Field(description="Pages of the run.")]
    pages: Annotated[
        list[RunPageReport],
        Field(description=f"In a list of runs the first {MAX_RUN_PAGES}: changed, failed, then the others."),
    ]
    links: dict[str, str]

    @classmethod
    def of(cls, run: Run, base: str, url_of: UrlOf, limit: int | None = None) -> Self:
        """The report of a run, with at most ``limit`` pages and links below a base URL."""
        chosen = run.pages
        if limit is not None and len(chosen) > limit:
            chosen = tuple(sorted(chosen, key=lambda page: (not page.changed, not page.error, page.number))[:limit])
        return cls(
            id=run.id,
            status=run.status,
            changed=run.changed,
            change=run.change,
            due_at=_iso(run.due_at) or "",
            started_at=_iso(run.started_at) or "",
            ended_at=_iso(run.ended_at),
            error=run.error or None,
            detail=run.detail or None,
            total=len(run.pages),
            pages=[RunPageReport.of(page, url_of) for page in chosen],
            links={"run": f"{base}/schedules/{run.schedule}/runs/{run.id}", "job": f"{base}/jobs/{run.id}"},
        )


class RunList(JsonBody):
    """Runs of a schedule, newest first."""

    runs: list[RunReport]
    next: Annotated[str | None, Field(description="Value of `before` for the next page; null at the end.")]


class ScheduleReport(JsonBody):
    """A schedule."""

    id: str
    name: str
    created_at: Annotated[str, Field(description="UTC.", json_schema_extra=_TIME)]
    next_run_at: Annotated[str | None, Field(description="Null while it is paused.", json_schema_extra=_TIME)]
    running: Annotated[str | None, Field(description="Id of the run in progress.")]
    paused: bool
    every: Annotated[str | None, Field(description="Such as `6h`; null with `cron`.")]
    cron: str | None
    timezone: Annotated[str | None, Field(description="Time zone of `cron`.")]
    notify: Annotated[str, Field(json_schema_extra={"enum": [*Notify]})]
    webhook: Annotated[dict[str, Any] | None, Field(description="The URL that receives the events.")]
    threshold: Annotated[float, _PERCENT]
    ignore_selectors: list[str]
    ignore_regions: list[tuple[float, float, float, float]]
    job: Annotated[dict[str, Any], Field(description="Members of the job: `pages`, `options` …")]
    last_run: Annotated[RunReport | None, Field(description="The newest run, without its pages.")]
    links: dict[str, str]

    @classmethod
    def of(cls, schedule: Schedule, last: Run | None, base: str, url_of: UrlOf) -> Self:
        """The report of a schedule and its newest run, with links below a base URL."""
        spec, url = schedule.spec, f"{base}/schedules/{schedule.id}"
        members = to_members(spec)
        return cls(
            id=schedule.id,
            name=spec.name,
            created_at=_iso(schedule.created_at) or "",
            next_run_at=_iso(schedule.due_at or 0),
            running=schedule.run or None,
            paused=spec.paused,
            every=members.get("every"),
            cron=spec.cron or None,
            timezone=spec.timezone if spec.cron else None,
            notify=spec.notify,
            webhook=dict(spec.webhook) or None,
            threshold=spec.threshold,
            ignore_selectors=list(spec.ignore_selectors),
            ignore_regions=list(spec.ignore_regions),
            job=dict(spec.job),
            last_run=RunReport.of(last, base, url_of, limit=0) if last else None,
            links={"schedule": url, "runs": f"{url}/runs", "run": f"{url}/run"},
        )


class ScheduleList(JsonBody):
    """Schedules, newest first."""

    schedules: list[ScheduleReport]
    next: Annotated[str | None, Field(description="Value of `before` for the next page; null at the end.")]


class ScheduleRemoval(JsonBody):
    """Result of a deletion."""

    id: str
    deleted: bool


def _iso(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
