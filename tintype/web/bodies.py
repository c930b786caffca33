"""JSON response bodies as pydantic models: routes send them, and the OpenAPI document describes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from tintype.errors import MAX_LISTED
from tintype.model import CacheState, StoredEntry, Verdict
from tintype.service.purge import Selector, SelectorKind
from tintype.service.stored_objects import StoredPage, StoredRemoval
from tintype.service.thumbnail_cache import PurgeCount
from tintype.telemetry import NodeFigures

Count = Annotated[int, Field(ge=0)]
_CACHE_STATES = {
    "hits": CacheState.HIT,
    "stale": CacheState.STALE,
    "derived": CacheState.DERIVED,
    "coalesced": CacheState.COALESCED,
    "misses": CacheState.MISS,
}
"""Members of ``ThumbnailCounts``."""


class JsonBody(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    def members(self) -> dict[str, Any]:
        """JSON values by name, in the order of the model; members that were not given are left out."""
        return self.model_dump(mode="json", exclude_unset=True)


class ParameterProblem(JsonBody):
    """An invalid parameter."""

    parameter: str
    message: str


class Problem(JsonBody):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong, and what to do.")]
    instance: Annotated[str, Field(description="This request; ends with its id in the log.")] = ""
    error: Annotated[str, Field(description="Error code. It is stable: programs may rely on it.")]
    message: Annotated[str, Field(description="Same as `detail`.")]
    errors: Annotated[
        list[ParameterProblem], Field(max_length=MAX_LISTED, description="The first invalid parameters.")
    ] = []
    retry_after: Annotated[int, Field(ge=1, description="Seconds to wait before a retry.")] = 1


class KeyUsage(JsonBody):
    """Usage of one API key in a month."""

    key: Annotated[str, Field(description="Name of the API key.")]
    month: Annotated[str, Field(description="Calendar month (UTC), such as `2026-11`.")]
    requests: Annotated[Count, Field(description="Responses, also errors.")]
    captures: Annotated[Count, Field(description="Captures that its requests started; these count against `quota`.")]
    bytes: Annotated[Count, Field(description="Bytes of response bodies.")]
    quota: Annotated[int | None, Field(description="Captures per month; null: unlimited.")]


class UsageReport(JsonBody):
    """Usage of all API keys, for an admin key."""

    month: str
    keys: list[KeyUsage]
    next: Annotated[str, Field(description="Value of `after` for the next page; missing on the last.")] = ""


class HealthReport(JsonBody):
    """The process is running."""

    ok: bool
    service: str
    version: str


class ReadinessReport(JsonBody):
    """Results of the health checks."""

    ok: bool
    checks: Annotated[dict[str, str], Field(description="By backend: `ok`, or what is wrong.")]
    warnings: Annotated[list[str], Field(description="Isolation layers that are missing.")]


class ThumbnailCounts(JsonBody):
    """Thumbnails sent, by cache state."""

    hits: Count
    stale: Count
    derived: Count
    coalesced: Count
    misses: Count


class QueueReport(JsonBody):
    """State of the capture daemon."""

    waiting: Annotated[Count, Field(description="Captures in the queue.")]
    busy: Annotated[Count, Field(description="Slots in use.")]
    slots: Annotated[Count, Field(description="Captures that can run at the same time.")]


class JobQueueReport(JsonBody):
    """State of the queue of jobs."""

    open: Annotated[Count, Field(description="Jobs that have not ended.")]
    queued: Annotated[Count, Field(description="Their pages that wait.")]
    running: Annotated[Count, Field(description="Their pages that are captured now.")]
    oldest_age: Annotated[
        float, Field(ge=0, description="Age of the oldest job with pages that wait, in seconds; 0 without one.")
    ]


class ProgressReport(JsonBody):
    """The step of a capture that is in progress."""

    step: Annotated[
        str, Field(description="`queue`, `navigate`, `stabilize` or `screenshot`; empty if no capture has this id.")
    ]
    ahead: Annotated[Count, Field(description="Captures before this one in the queue.")]


class CancelReport(JsonBody):
    """Result of a cancellation."""

    cancelled: Annotated[bool, Field(description="Whether a capture with this id was in progress.")]


class StatusReport(JsonBody):
    """Totals of the node; no URL and no client address."""

    time: Annotated[float, Field(description="Seconds since the epoch.")]
    hit_ratio: Annotated[
        Annotated[float, Field(ge=0, le=1)] | None,
        Field(description="Share of hits and stale thumbnails; null before the first thumbnail."),
    ]
    thumbnails: ThumbnailCounts
    captures: Annotated[Count, Field(description="Captures that succeeded.")]
    failures: Annotated[Count, Field(description="Captures that failed.")]
    capture_seconds: Annotated[float, Field(ge=0, description="Duration of all captures together.")]
    queue: Annotated[QueueReport | None, Field(description="null while the capture daemon is not running.")]

    jobs: Annotated[JobQueueReport | None, Field(description="null without jobs, or while their store fails.")]

    @classmethod
    def of(cls, figures: NodeFigures) -> Self:
        """The report for figures computed just now."""
        counts = {name: int(figures.thumbnails[state]) for name, state in _CACHE_STATES.items()}
        queue = {name: value for name, value in figures.queue.items() if name in QueueReport.model_fields}
        return cls(
            time=round(time.time(), 1),
            hit_ratio=None if figures.hit_ratio is None else round(figures.hit_ratio, 4),
            thumbnails=ThumbnailCounts.model_validate(counts),
            captures=int(figures.captures),
            failures=int(figures.failures),
            capture_seconds=round(figures.capture_seconds, 3),
            queue=None if queue["slots"] is None else QueueReport.model_validate(queue),
            jobs=None if figures.jobs["open"] is None else JobQueueReport.model_validate(figures.jobs),
        )


class PersistedThumbnail(JsonBody):
    """A stored object: a thumbnail that does not expire."""

    url: Annotated[str, Field(description="Permanent URL.")]
    key: Annotated[str, Field(description="Key in the storage.")]
    cached: Annotated[bool, Field(description="Whether it was stored before this request.")]
    content_type: str
    width: int
    height: int
    bytes: int
    verdict: Annotated[
        str,
        Field(
            description="Class of the captured page.",
            json_schema_extra={"enum": [verdict.value for verdict in Verdict]},
        ),
    ]


class PurgedSelector(JsonBody):
    """Values that one selector removed; later selectors find only what is left."""

    selector: Annotated[str, Field(json_schema_extra={"enum": [*SelectorKind]})]
    value: Annotated[str, Field(description="In its canonical form; empty for `all`.")]
    purged: Annotated[Count, Field(description="Cache entries removed.")]


class PurgeReport(JsonBody):
    """Result of a purge."""

    purged: Annotated[Count, Field(description="Cache entries removed.")]
    records: Annotated[Count, Field(description="Of these: thumbnails and remembered failures.")]
    masters: Annotated[Count, Field(description="Of these: masters, from which thumbnails are rendered.")]
    selectors: list[PurgedSelector]

    @classmethod
    def of(cls, counts: Sequence[tuple[Selector, PurgeCount]]) -> Self:
        """The report of some purges."""
        records, masters = (sum(count[part] for _, count in counts) for part in (0, 1))
        listed = [PurgedSelector(selector=each.kind, value=each.value, purged=count.total) for each, count in counts]
        return cls(purged=records + masters, records=records, masters=masters, selectors=listed)


class StoredObjectReport(JsonBody):
    """A stored object in a list."""

    key: Annotated[str, Field(description="Key in the storage.")]
    url: Annotated[str, Field(description="Permanent URL.")]
    target: Annotated[str | None, Field(description="Captured URL; null if it is unknown.")]
    bytes: Count
    content_type: str
    stored_at: Annotated[str, Field(description="UTC.", json_schema_extra={"format": "date-time"})]
    verdict: Annotated[str | None, Field(description="Class of the captured page; null if it is unknown.")]
    metadata: Annotated[str, Field(description="`ok`, `missing` or `damaged`.")]

    @classmethod
    def of(cls, entry: StoredEntry, url: str) -> Self:
        """The report for an object and its URL."""
        file = entry.file
        return cls(
            key=file.key,
            url=url,
            target=entry.target or None,
            bytes=file.size,
            content_type=file.mime,
            stored_at=datetime.fromtimestamp(file.stored_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            verdict=entry.meta.get("verdict"),
            metadata=entry.metadata.value,
        )


_NEXT = "Cursor of the next page; null at the end. A page may be empty and have a next one."
_UNKNOWN = "Examined objects whose target is unknown: `url` and `host` match none of them."


class StoredList(JsonBody):
    """Stored objects in the order of their keys."""

    objects: list[StoredObjectReport]
    next: Annotated[str | None, Field(description=_NEXT)]
    unknown_targets: Annotated[Count, Field(description=_UNKNOWN)]

    @classmethod
    def of(cls, page: StoredPage, entries: list[StoredObjectReport]) -> Self:
        """The list for one page."""
        return cls(objects=entries, next=page.next or None, unknown_targets=page.unknown_targets)


class StoredRemovalReport(JsonBody):
    """Stored objects that were deleted."""

    deleted: Count
    bytes: Count
    dry_run: Annotated[bool, Field(description="Nothing was deleted: the numbers are what would be.")]
    failed: Annotated[list[str], Field(description="Keys that the storage did not delete.")]
    old_versions_kept: Annotated[bool, Field(description="The bucket keeps the bytes as old versions.")]
    next: Annotated[str | None, Field(description=_NEXT)]
    unknown_targets: Annotated[Count, Field(description=_UNKNOWN)]

    @classmethod
    def of(cls, removed: StoredRemoval, *, dry_run: bool) -> Self:
        """The report for one deletion."""
        return cls(
            deleted=len(removed.entries),
            bytes=removed.size,
            dry_run=dry_run,
            failed=[*removed.failed],
            old_versions_kept=removed.old_versions_kept,
            next=removed.next or None,
            unknown_targets=removed.unknown_targets,
        )
