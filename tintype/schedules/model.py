"""Values of schedules: a schedule, its runs, and the store that keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, Self

Region = tuple[float, float, float, float]
"""Left, top, width and height in CSS pixels from the upper left corner of a thumbnail."""


class Notify(StrEnum):
    """The runs that a schedule reports; each value includes the ones below it."""

    ALWAYS = "always"
    """Every run."""
    CHANGED = "changed"
    """Runs with a change, and failed ones."""
    FAILED = "failed"
    """Runs of which a page failed."""


class RunStatus(StrEnum):
    """State of a run."""

    RUNNING = "running"
    COMPLETED = "completed"
    """Every page was captured."""
    PARTIAL = "partial"
    """Some pages were captured; the others failed."""
    FAILED = "failed"
    """No page was captured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """Specification by a client: the members of the job, the times, and what counts as a change."""

    job: Mapping[str, Any]
    """Members of POST /jobs: pages, options …, as the client sent them."""
    pages: int
    """Pages of the job at most."""
    name: str = ""
    every: float = 0.0
    """Seconds between two runs; 0: ``cron`` decides."""
    cron: str = ""
    timezone: str = "UTC"
    notify: Notify = Notify.CHANGED
    webhook: Mapping[str, Any] = field(default_factory=dict)
    """Members of the webhook, as the client sent them; empty without one."""
    base_url: str = ""
    """Base of the links in events: that of the service as the client reached it."""
    threshold: float = 0.1
    """Percentage of differing pixels above which a page has changed."""
    ignore_selectors: tuple[str, ...] = ()
    ignore_regions: tuple[Region, ...] = ()
    paused: bool = False

    def to_json(self) -> str:
        """The text that a store keeps."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The specification that :meth:`to_json` has returned."""
        members = json.loads(text)
        members["notify"] = Notify(members["notify"])
        members["ignore_selectors"] = tuple(members["ignore_selectors"])
        members["ignore_regions"] = tuple(tuple(region) for region in members["ignore_regions"])
        return cls(**members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as it is stored. Times are in seconds since the epoch."""

    id: str
    """Unique, and cannot be guessed."""
    owner: str
    """Name of the API key; empty without one."""
    spec: ScheduleSpec
    created_at: float
    due_at: float | None
    """Time of the next run; None while the schedule is paused."""
    run: str = ""
    """Id of the run in progress; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A page of a run that has ended."""

    number: int
    """Counts from 1 in the order of the job."""
    url: str
    error: str = ""
    """Code of the error; empty for a captured page."""
    detail: str = ""
    verdict: str = ""
    key: str = ""
    """Storage key of the thumbnail; empty for a failed page."""
    width: int = 0
    height: int = 0
    change: float | None = None
    """Percentage of pixels that differ from the last thumbnail before; None if there is none to compare with."""
    changed: bool = False
    """Whether the change is above the threshold."""
    difference: str = ""
    """Storage key of the difference picture; empty without a change."""
    before: str = ""
    """Storage key of the thumbnail that was compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a schedule. Times are in seconds since the epoch; 0 if the event has not happened."""

    id: str
    """Also the id of the job."""
    schedule: str
    due_at: float
    started_at: float
    ended_at: float = 0.0
    status: RunStatus = RunStatus.RUNNING
    submitted: bool = False
    """Whether the job was submitted."""
    retried: bool = False
    """Whether the failed pages of the job were queued a second time."""
    error: str = ""
    """Code of the error for which no page was captured at all; empty without one."""
    detail: str = ""
    pages: tuple[RunPage, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether a page has changed."""
        return any(page.changed for page in self.pages)

    @property
    def change(self) -> float | None:
        """The largest change of a page, in percent; None if no page could be compared."""
        return max((page.change for page in self.pages if page.change is not None), default=None)

    @property
    def keys(self) -> set[str]:
        """Storage keys of all thumbnails and difference pictures."""
        return {key for page in self.pages for key in (page.key, page.difference) if key}

    def to_json(self) -> str:
        """The text that a store keeps; pages leave out what is empty."""
        members = asdict(self) | {"pages": [_without_defaults(page) for page in self.pages]}
        return json.dumps(members, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The run that :meth:`to_json` has returned."""
        members = json.loads(text)
        members["status"] = RunStatus(members["status"])
        members["pages"] = tuple(RunPage(**page) for page in members["pages"])
        return cls(**members)

    def failed(self, now: float, error: str, detail: str) -> Run:
        """The run, ended by an error before a page was captured."""
        return replace(self, status=RunStatus.FAILED, ended_at=now, error=error, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLease:
    """A schedule that one process may work on until the lease expires; ``token`` identifies the lease."""

    schedule: Schedule
    token: str
    run: Run | None = None
    """The run in progress; None if a run is due."""


def _without_defaults(page: RunPage) -> dict[str, Any]:
    return {name: value for name, value in asdict(page).items() if value or (name == "change" and value is not None)}


class ScheduleStore(Protocol):
    """Schedules and their runs, shared by all nodes. Every failure is BackendUnavailable.

    Due times are of the time of day, :meth:`now`. Leases are not: a corrected clock neither ends nor extends one.
    """

    def now(self) -> float:
        """Seconds since the epoch, by the one clock of all nodes that share this store."""
        ...

    def create(self, schedule: Schedule) -> None:
        """Store a schedule; durable on return."""
        ...

    def schedule(self, schedule_id: str) -> Schedule | None:
        """The schedule."""
        ...

    def schedules(self, *, owner: str | None, before: str = "", limit: int = 50) -> list[Schedule]:
        """Schedules of an owner (None: of all), newest first, from the one after the id ``before``."""
        ...

    def update(self, schedule_id: str, spec: ScheduleSpec) -> Schedule | None:
        """Replace the specification, and keep the due time; None if the schedule does not exist."""
        ...

    def move(self, schedule_id: str, due_at: float | None, expected: float | None) -> bool:
        """Set the due time if it still is ``expected``; returns whether it was."""
        ...

    def delete(self, schedule_id: str) -> list[Run] | None:
        """Forget a schedule; returns its runs, None if it does not exist. Stored objects stay."""
        ...

    def claim_due(self, lease_seconds: float) -> ScheduleLease | None:
        """The schedule that is due longest, has no run in progress and no lease; None without one."""
        ...

    def claim_running(self, lease_seconds: float) -> ScheduleLease | None:
        """A schedule with a run in progress, whose pause is over and that has no lease; None without one."""
        ...

    def begin(self, lease: ScheduleLease, run: Run, next_due: float | None) -> bool:
        """Store the begin of a run and the next due time; False without an effect if the lease is lost.

        A due time that was changed since the claim is kept.
        """
        ...

    def extend(self, lease: ScheduleLease, lease_seconds: float) -> bool:
        """Extend a lease; returns False if it is lost."""
        ...

    def release(self, lease: ScheduleLease, run: Run, seconds: float) -> bool:
        """Store the run in progress and end the lease, for a pause of so many seconds; False if the lease is lost."""
        ...

    def finish(self, lease: ScheduleLease, run: Run, keep: int) -> list[Run] | None:
        """Store the end of the run in progress, and forget all but the last ``keep`` runs.

        Returns the forgotten runs; None without an effect if the lease is lost or the schedule was deleted.
        """
        ...

    def run(self, schedule_id: str, run_id: str) -> Run | None:
        """A run."""
        ...

    def runs(self, schedule_id: str, *, before: str = "", limit: int = 30) -> list[Run]:
        """Runs of a schedule, newest first, from the one after the id ``before``."""
        ...
