"""Parses schedules: every mistake is reported with the name of the member and what it accepts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from tintype.errors import InvalidParameter, InvalidRequest
from tintype.jobs import submission
from tintype.jobs.model import NewJob
from tintype.jobs.submission import MAX_NAME, SubmissionParser
from tintype.model import Verdict
from tintype.options import DOCUMENTS
from tintype.options.types import MAX_COORDINATE, MAX_SELECTORS
from tintype.schedules.model import Notify, Region, ScheduleSpec
from tintype.schedules.timing import CRON, EVERY, parse_cron, parse_every, parse_timezone
from tintype.urls import host_of

MAX_SCHEDULE_PAGES = 1000
"""Pages of one schedule: each run keeps a row and a thumbnail of each."""
DEFAULT_SITEMAP_PAGES = 100
"""Pages of a sitemap without ``max_pages``."""
MAX_REGIONS = 50
MAX_WEBHOOK = 2048
"""Characters of the URL of a webhook."""
JOB_MEMBERS = tuple(name for name in submission.MEMBERS if name not in {"store", "name", "partial_ok", "webhook"})
MEMBERS = ("page", *JOB_MEMBERS, "name", "every", "cron", "timezone", "notify", "webhook", "threshold",
           "ignore_selectors", "ignore_regions", "paused")  # fmt: skip
UNUSABLE = ",".join(verdict for verdict in Verdict if verdict is not Verdict.OK)
"""The verdicts for which a page of a run fails, unless the client sets ``fail_on``."""
_SOURCES = ("page", "pages", "sitemap", "include", "exclude", "max_pages")
_PERCENT = "a percentage from 0 to 100"
_REGIONS = (
    f"a list of at most {MAX_REGIONS} rectangles [x, y, width, height] in CSS pixels from the upper left corner of the"
    f" thumbnail, each from 0 to {MAX_COORDINATE}, width and height above 0"
)
_SELECTORS = f"a list of CSS selectors of at most {MAX_SELECTORS} characters together"
_WEBHOOK = 'an object with the URL: {"url": "https://…"}, or {} for none'
CheckHost = Callable[[str], None]


class ScheduleParser:
    """Parses schedules; the pages and options of their jobs are parsed as those of POST /jobs are.

    ``check_webhook`` raises ValueError for a URL to which no event of an owner can be sent.
    """

    def __init__(self, jobs: SubmissionParser, check_webhook: Callable[[str, str], None] = lambda *_: None) -> None:
        self._jobs, self._check_webhook = jobs, check_webhook

    def parse(
        self, members: Mapping[str, Any], *, check_host: CheckHost, owner: str = "", base_url: str = ""
    ) -> ScheduleSpec:
        """The specification of a JSON object; raises InvalidRequest, TargetDenied or HostNotAllowed."""
        read = _Reader(members)
        spec = ScheduleSpec(
            job=_job_members(members),
            pages=1,
            name=read.member("name", _name, ""),
            every=read.member("every", parse_every, 0.0),
            cron=read.member("cron", parse_cron, ""),
            timezone=read.member("timezone", parse_timezone, "UTC"),
            notify=read.member("notify", _notify, Notify.CHANGED),
            webhook=read.member("webhook", lambda value: self._webhook(value, owner), {}),
            base_url=base_url,
            threshold=read.member("threshold", _percentage, 0.1),
            ignore_selectors=read.member("ignore_selectors", _selectors, ()),
            ignore_regions=read.member("ignore_regions", _regions, ()),
            paused=read.member("paused", _flag, False),
        )
        invalid = [*read.invalid, *_conflicts(members)]
        if invalid:
            raise InvalidRequest(*invalid)
        job = self._jobs.parse(to_job(spec), owner=owner, check_host=check_host).job
        if invalid := [*_unfit_pages(job, spec)]:
            raise InvalidRequest(*invalid)
        return replace(spec, pages=_page_count(spec, job))

    def parse_change(
        self, spec: ScheduleSpec, members: Mapping[str, Any], *, check_host: CheckHost, owner: str = ""
    ) -> ScheduleSpec:
        """The specification with some members replaced; ``every`` replaces ``cron``, and pages replace a sitemap."""
        current = to_members(spec)
        for group, leads in ((("every", "cron"), ("every", "cron")), (_SOURCES, _SOURCES[:3])):
            if any(name in members for name in leads):
                current = {name: value for name, value in current.items() if name not in group}
        if "every" in members:
            current.pop("timezone", None)
        return self.parse({**current, **members}, check_host=check_host, owner=owner, base_url=spec.base_url)

    def _webhook(self, value: Any, owner: str) -> dict[str, Any]:
        if value == {}:
            return {}
        url = value.get("url") if isinstance(value, Mapping) and value.keys() == {"url"} else None
        if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > MAX_WEBHOOK:
            raise ValueError(f"must be {_WEBHOOK}")
        if not host_of(url):
            raise ValueError(f"must be {_WEBHOOK}")
        self._check_webhook(url, owner)
        return {"url": url}


class _Reader:
    """Reads members by parsers that raise ValueError, and collects the messages."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members
        self.invalid = [*_unknown(members)]

    def member(self, name: str, parse: Callable[[Any], Any], default: Any) -> Any:
        if name not in self._members:
            return default
        try:
            return parse(self._members[name])
        except ValueError as error:
            self.invalid.append(InvalidParameter(name, str(error)))
            return default


def to_members(spec: ScheduleSpec) -> dict[str, Any]:
    """The members of a JSON object with which a client creates the same schedule."""
    members = asdict(spec)
    job = members.pop("job")
    members.pop("pages")
    members.pop("base_url")
    members |= {"ignore_selectors": list(spec.ignore_selectors), "ignore_regions": list(map(list, spec.ignore_regions))}
    members["every"] = _duration(spec.every) if spec.every else ""
    if spec.every:
        members.pop("timezone")
    kept = {name: value for name, value in members.items() if value or name in {"threshold", "paused"}}
    return {**job, **kept}


def to_job(spec: ScheduleSpec) -> dict[str, Any]:
    """The members of the job of a run: stored thumbnails, failures for unusable captures, ignored elements hidden."""
    job = {**spec.job, "store": True, "name": spec.name}
    job["options"] = _for_run(spec.job.get("options", {}), spec, shared=True)
    if isinstance(job.get("pages"), list):
        job["pages"] = [_for_run(page, spec, shared=False) for page in job["pages"]]
    return job


def _for_run(options: Any, spec: ScheduleSpec, *, shared: bool) -> Any:
    """Options of all pages or of one page, with what a run adds; a page adds only to what it sets itself."""
    if not isinstance(options, Mapping):
        return options
    changed = {"fail_on": UNUSABLE, **options} if shared else {**options}
    if spec.ignore_selectors and (shared or "hide_selectors" in options):
        hidden = options.get("hide_selectors") or []
        changed["hide_selectors"] = [*([hidden] if isinstance(hidden, str) else hidden), *spec.ignore_selectors]
    return changed


def _job_members(members: Mapping[str, Any]) -> dict[str, Any]:
    job = {name: members[name] for name in JOB_MEMBERS if name in members}
    if "page" in members:
        job["pages"] = [members["page"]]
    if "sitemap" in members:
        job.setdefault("max_pages", DEFAULT_SITEMAP_PAGES)
    return job


def _page_count(spec: ScheduleSpec, job: NewJob) -> int:
    return int(spec.job["max_pages"]) if "sitemap" in spec.job else len(job.pages)


def _unfit_pages(job: NewJob, spec: ScheduleSpec) -> Iterator[InvalidParameter]:
    """Mistakes in pages that a job may have, and a schedule may not."""
    for options in {page.options for page in job.pages}:
        found = json.loads(options)
        if found.get("format") in DOCUMENTS:
            yield InvalidParameter("format", "must be png, jpeg, webp or avif: a schedule compares images")
        scaled = found.get("thumb_width") or found.get("thumb_height")
        if spec.ignore_regions and (found.get("thumb_height") or (found.get("selector") and scaled)):
            message = "cannot be combined with thumb_height, or with selector and thumb_width; use ignore_selectors"
            yield InvalidParameter("ignore_regions", message)


def _unknown(members: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    for name in members:
        if name not in MEMBERS:
            message = (
                f"is not a member of a schedule; use {', '.join(MEMBERS)}, and put options of captures into options"
            )
            yield InvalidParameter(name[:64], message)


def _conflicts(members: Mapping[str, Any]) -> Iterator[InvalidParameter]:
    if ("every" in members) == ("cron" in members):
        yield InvalidParameter("every", f"is required, or cron, but not both: every is {EVERY}; cron is {CRON}")
    if "every" in members and "timezone" in members:
        yield InvalidParameter("timezone", "applies to cron only")
    if "page" in members and "pages" in members:
        yield InvalidParameter("page", "cannot be combined with pages: send one of them")


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise ValueError(f"must be a text of at most {MAX_NAME} characters")
    return value


def _notify(value: Any) -> Notify:
    if value not in [*Notify]:
        raise ValueError(f"must be one of {', '.join(Notify)}")
    return Notify(value)


def _flag(value: Any) -> bool:
    if value is not True and value is not False:
        raise ValueError("must be true or false")
    return bool(value)


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _percentage(value: Any) -> float:
    if not _is_number(value, 0, 100):
        raise ValueError(f"must be {_PERCENT}")
    return float(value)


def _selectors(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise ValueError(f"must be {_SELECTORS}")
    if sum(len(each) + 2 for each in value) > MAX_SELECTORS:
        raise ValueError(f"must be {_SELECTORS}")
    return tuple(value)


def _regions(value: Any) -> tuple[Region, ...]:
    if not isinstance(value, list) or len(value) > MAX_REGIONS:
        raise ValueError(f"must be {_REGIONS}")
    return tuple(_region(each) for each in value)


def _region(value: Any) -> Region:
    if isinstance(value, Mapping) and value.keys() == {"x", "y", "width", "height"}:
        value = [value[name] for name in ("x", "y", "width", "height")]
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 4:  # noqa: PLR2004 - a rectangle
        raise ValueError(f"must be {_REGIONS}")
    if not all(_is_number(each, 0, MAX_COORDINATE) for each in value) or not (value[2] and value[3]):
        raise ValueError(f"must be {_REGIONS}")
    left, top, width, height = value
    return left, top, width, height


def _duration(seconds: float) -> str:
    """The duration as clients write it, in the largest unit that fits."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds:.0f}s"
