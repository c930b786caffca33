"""Reads the sitemap of a job into its pages, within the rules of the site, the operator and the client."""

from __future__ import annotations

import fnmatch
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog

from tintype.errors import InvalidRequest, Overloaded, TargetDenied, TargetUnreachable, TintypeError
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.model import JobStore, Lease, NewPage, PageResult, Sitemap
from tintype.jobs.submission import SITEMAP
from tintype.network import outbound
from tintype.network.outbound import FetchError
from tintype.sitemaps import robots
from tintype.sitemaps.reader import SitemapError, SitemapReader, SitemapUnavailable, sitemap_of
from tintype.sitemaps.robots import RobotsRules
from tintype.urls import TargetPolicy, host_of

log = structlog.get_logger("tintype.jobs")

MAX_SECONDS = 120.0
"""Time for all downloads and comparisons of one sitemap."""
MAX_REPORTED = 16
"""URLs and sitemaps that the report lists."""
_MAX_TEXT = 300
"""Characters of a reported URL with its reason."""
RETRY_AFTER = 60.0
"""Seconds until a sitemap is read again whose pages the queue had no room for."""


@dataclass(frozen=True, slots=True)
class SitemapExpander:
    """Reads sitemaps. ``room`` returns how many pages may be queued for an owner, ``covers`` whether it may use a host.

    ``targets`` are the targets of the operator: sitemaps, robots.txt and redirects must be allowed, too.
    """

    targets: TargetPolicy
    room: Callable[[str], int]
    covers: Callable[[str, str], bool] = lambda _owner, _host: True
    clock: Callable[[], float] = time.monotonic

    def __call__(self, lease: Lease) -> CaptureOutcome:
        """Read the sitemap of a lease; never raises."""
        members = json.loads(lease.options)
        wanted = Sitemap.of(members[SITEMAP])
        try:
            reading = _Reading(self, lease.owner, wanted)
            urls = reading.urls()
            self._check_room(lease.owner, len(urls))
        except (SitemapError, TintypeError) as error:
            return _failure(error)
        except Exception:
            log.exception("job_sitemap_failed", job=lease.job)
            return _failure(TintypeError())
        options = json.dumps(members["options"])
        pages = [NewPage(url=url, host=host_of(url), options=options) for url in urls]
        return CaptureOutcome(result=PageResult(), pages=pages, sitemap=reading.report())

    def _check_room(self, owner: str, pages: int) -> None:
        room = self.room(owner)
        if pages > room:
            detail = f"the sitemap has {pages:,} pages, and the queue has room for {room:,}; set max_pages, or wait"
            raise Overloaded(detail, retry_after=RETRY_AFTER)


def room_in(store: JobStore, per_owner: int, total: int) -> Callable[[str], int]:
    """How many pages of an owner the queue has room for, besides the sitemap itself."""
    return lambda owner: max(0, min(per_owner - store.queued(owner), total - store.state().queued))


def is_sitemap(lease: Lease) -> bool:
    """Whether the page of a lease is a sitemap that was not read yet."""
    return lease.options.startswith(f'{{"{SITEMAP}":')


def _failure(error: Exception) -> CaptureOutcome:
    if isinstance(error, TintypeError):
        retry_after = error.retry_after if isinstance(error, Overloaded) else None
        return CaptureOutcome(result=PageResult(error=error.code, detail=error.detail), retry_after=retry_after)
    code = TargetUnreachable.code if isinstance(error, SitemapUnavailable) else "sitemap-invalid"
    return CaptureOutcome(result=PageResult(error=code, detail=str(error)[:_MAX_TEXT]))


@dataclass(slots=True)
class _Reading:
    """One attempt to read a sitemap."""

    expander: SitemapExpander
    owner: str
    wanted: Sitemap
    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    truncated: bool = False
    _until: float = 0.0
    _reader: SitemapReader = field(init=False)
    _robots: RobotsRules = field(init=False)

    def __post_init__(self) -> None:
        self._until = self.expander.clock() + MAX_SECONDS
        self._reader = SitemapReader(self._fetch)
        self._robots = RobotsRules(partial(self._fetch, max_bytes=robots.MAX_BYTES))

    def urls(self) -> list[str]:
        """Canonical URLs, each once, in the order of the sitemap; raises SitemapError and TargetDenied."""
        found: dict[str, None] = {}
        include, exclude = _Globs(self.wanted.include), _Globs(self.wanted.exclude)
        for written in self._written():
            if len(found) == self.wanted.max_pages or self._left() <= 0:
                self.truncated = True
                break
            self.counts["found"] += 1
            url = self._canonical(written)
            if not url:
                continue
            if url in found:
                self.counts["duplicates"] += 1
            elif (include and not include.match(url)) or exclude.match(url):
                self.counts["excluded"] += 1
            elif not self._robots.permits(url):
                self._leave_out("disallowed", url, "robots.txt does not permit it, or cannot be read")
            else:
                found[url] = None
        if not found:
            raise SitemapError(f"no page is left: {self._summary()}")
        return [*found]

    def report(self) -> Sitemap:
        """The sitemap with what was found."""
        failures = tuple(text[:_MAX_TEXT] for text in self._reader.failures[:MAX_REPORTED])
        counts: dict[str, Any] = {**self.counts}
        return replace(
            self.wanted,
            is_read=True,
            **counts,
            truncated=self.truncated,
            left_out=tuple(self.left_out),
            failures=failures,
        )

    def _written(self) -> Iterator[str]:
        """URLs as they are written, of the sitemap, or of those that robots.txt of a start page names."""
        location = sitemap_of(self.wanted.url)
        named = [] if location == self.wanted.url else self._robots.sitemaps(self.wanted.url)
        if len(named) <= 1:
            yield from self._reader.urls(named[0] if named else location)
            return
        for each in named:
            try:
                yield from self._reader.urls(each)
            except SitemapError as error:
                self._reader.failures.append(str(error))

    def _canonical(self, written: str) -> str:
        """The canonical URL; empty if it cannot be captured for this owner."""
        try:
            url = self.expander.targets.canonicalize(written)
        except (InvalidRequest, TargetDenied) as error:
            self._leave_out("invalid", written, error.detail)
            return ""
        if not self.expander.covers(self.owner, host_of(url)):
            self._leave_out("invalid", written, "the API key does not cover this host")
            return ""
        return url

    def _leave_out(self, count: str, url: str, reason: str) -> None:
        self.counts[count] += 1
        if len(self.left_out) < MAX_REPORTED:
            self.left_out.append(f"{url[: _MAX_TEXT // 2]}: {reason}"[:_MAX_TEXT])

    def _summary(self) -> str:
        named = {"excluded": "excluded by include and exclude", "disallowed": "not permitted by robots.txt"}
        counts = [f"{self.counts[name]} {named.get(name, name)}" for name in ("excluded", "disallowed", "invalid")]
        failures = self._reader.failures
        return ", ".join([f"{self.counts['found']} URLs, of them {counts[0]}", *counts[1:], *failures[:1]])

    def _left(self) -> float:
        return self._until - self.expander.clock()

    def _fetch(self, url: str, max_bytes: int | None = None) -> bytes:
        left = self._left()
        if left <= 0:
            raise FetchError(f"the time limit of {MAX_SECONDS:.0f} s is over")
        targets = self.expander.targets
        try:
            host = host_of(targets.canonicalize(url))
        except (InvalidRequest, TargetDenied) as error:
            raise FetchError(error.detail) from error
        if not self.expander.covers(self.owner, host):
            raise FetchError("the API key does not cover this host")
        return outbound.fetch(url, targets.policy, targets=targets, max_bytes=max_bytes, timeout=min(left, 60.0))


class _Globs:
    """Globs of URLs, or of path and query if they begin with a slash. ``*`` also stands for slashes."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._of_urls = _expression([each for each in globs if not each.startswith("/")])
        self._of_paths = _expression([each for each in globs if each.startswith("/")])

    def __bool__(self) -> bool:
        return bool(self._of_urls or self._of_paths)

    def match(self, url: str) -> bool:
        """Whether one of them matches."""
        return bool(
            (self._of_urls and self._of_urls.match(url)) or (self._of_paths and self._of_paths.match(_path_of(url)))
        )


def _expression(globs: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(fnmatch.translate, globs))) if globs else None


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
