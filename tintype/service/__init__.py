"""ThumbnailService: thumbnails from the cache or from a new capture, stored thumbnails, purge, health."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from tintype.deadline import answer_within
from tintype.errors import BackendUnavailable
from tintype.low_priority import wait_limit
from tintype.model import (
    CacheAge,
    CacheState,
    Freshness,
    OpenObject,
    PersistResult,
    StoredObject,
    Thumbnail,
    ThumbnailResult,
    Verdict,
    digest_of,
    is_storage_key,
    storage_key,
)
from tintype.options import CaptureRequest
from tintype.protocols import Cache, Engine, Locks, RequestLimit, Storage, TargetChecker
from tintype.purge_signal import PurgeSignal
from tintype.service.background import BackgroundTasks
from tintype.service.capturer import Capturer
from tintype.service.charging import ChargedEngine, keep_charge
from tintype.service.health import HealthChecks
from tintype.service.limits import UNLIMITED, ConcurrencyLimit, Permit, WaitingLimit
from tintype.service.pipeline import CaptureJob, CapturePipeline
from tintype.service.policy import BlankRetry, is_transient, is_unusable, raise_for_verdict
from tintype.service.purge import Selector, SelectorKind
from tintype.service.renderer import Renderer
from tintype.service.rendering_limit import RenderingLimit
from tintype.service.stored_address import StoredAddresses, scoped_address
from tintype.service.stored_maintenance import StoredMaintenance
from tintype.service.stored_objects import StoredObjects
from tintype.service.stored_quota import NO_LIMITS, StoredLimits, StoredQuota
from tintype.service.thumbnail_cache import CacheLookup, PurgeCount, ThumbnailCache

BACKGROUND_QUEUE = 64
"""Captures without a waiting client that may wait for a thread."""

PROBE_BYTES = 8192
"""Bytes that a check writes into the cache: a full disk often has room for an empty value."""

OnLookup = Callable[[bool], None]
"""Called after the cache was read and before any capture, with True if the request causes no work; may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one request: what it counts against, and how its result is tagged."""

    permit: Permit = UNLIMITED
    """Released while the request waits for a capture."""
    on_lookup: OnLookup = lambda _: None
    charge: Callable[[], bool] = lambda: True
    """Counts a second visit of the page for the same request; returns False if the rate limit is exceeded."""
    tags: Sequence[str] = ()
    """Tags that the client has named, for purges."""


TERMS = Terms()


class ThumbnailService:
    """Thumbnails for the web, the command line and batch runs.

    ``failure_ttl`` and ``wait_timeout`` are in seconds; the latter bounds everything that a request waits for, see
    :mod:`tintype.deadline`. ``waiting_limit`` bounds the requests that wait for a capture or a rendering,
    ``rendering_limit`` the images that are drawn at the same time.
    """

    _warnings: tuple[str, ...] = ()
    """Of the engine, at its last check."""

    def __init__(  # noqa: PLR0913 - one argument for each part, named at the call
        self,
        *,
        engine: Engine,
        records: Cache,
        masters: Cache,
        locks: Locks,
        storage: Storage,
        target_checker: TargetChecker,
        failure_ttl: float = 60.0,
        wait_timeout: float = 60.0,
        waiting_limit: RequestLimit | None = None,
        addresses: StoredAddresses | None = None,
        rendering_limit: RenderingLimit | None = None,
        purges: PurgeSignal | None = None,
        stored_limits: StoredLimits = NO_LIMITS,
        blank_retry: BlankRetry = BlankRetry.LOCAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.concurrency_limit, self.purges = ConcurrencyLimit(), purges or PurgeSignal()
        self.waiting_limit: RequestLimit = waiting_limit or WaitingLimit()
        self._rendering_limit, self._wait_timeout = rendering_limit or RenderingLimit(), wait_timeout
        self._engine, self._storage, self._addresses = engine, storage, addresses or StoredAddresses()
        self._clock, self._shared_clock, self._cache = clock, records.now, ThumbnailCache(records, masters, failure_ttl)
        quota = StoredQuota(storage, records, locks, stored_limits, clock)
        self.stored = StoredObjects(storage, quota, self._purge_url)
        self.stored_maintenance = StoredMaintenance(storage, records, locks, quota, stored_limits.retention, clock)
        renderer, charged, now = Renderer(self._rendering_limit), ChargedEngine(engine), self._shared_clock
        capturer = Capturer(charged, target_checker, self._cache, renderer.classify, clock, now, blank_retry)
        self._pipeline = CapturePipeline(
            capturer=capturer,
            cache=self._cache,
            locks=locks,
            waiting_limit=self.waiting_limit,
            renderer=renderer,
            wait_timeout=wait_timeout,
            clock=clock,
        )
        self._refreshes, self._captures = BackgroundTasks(), BackgroundTasks(queue_size=BACKGROUND_QUEUE)
        self._health = self._health_checks(records)

    def _health_checks(self, records: Cache) -> HealthChecks:
        state = partial(check_cache, records)
        return HealthChecks({"engine": self._check_engine, "state": state, "storage": self._storage.check})

    def get_fresh(
        self, request: CaptureRequest, freshness: Freshness, *, fail_on: Collection[Verdict] = ()
    ) -> ThumbnailResult | None:
        """A cached thumbnail if it is fresh; a stale one is not refreshed.

        Raises TargetError or UnusableCapture for a verdict in ``fail_on``.
        """
        result = self._pipeline.read_cached(self._job(request, freshness))
        if result is None or result.cache is not CacheState.HIT:
            return None
        raise_for_verdict(result.thumbnail, fail_on)
        return result

    def get(
        self,
        request: CaptureRequest,
        freshness: Freshness,
        *,
        fail_on: Collection[Verdict] = (),
        terms: Terms = TERMS,
    ) -> ThumbnailResult:
        """A cached thumbnail, stale ones included (they are refreshed in the background), else a new one.

        While the target fails, the last good thumbnail is returned. Raises TintypeError: TargetError or
        UnusableCapture for a verdict in ``fail_on``.
        """
        job = self._job(request, freshness, terms)
        with answer_within(wait_limit(self._wait_timeout)):
            result = self._pipeline.get(job, partial(self._looked_up, job, terms))
        raise_for_verdict(result.thumbnail, fail_on)
        return result

    def get_or_schedule(
        self,
        request: CaptureRequest,
        freshness: Freshness,
        *,
        fail_on: Collection[Verdict] = (),
        terms: Terms = TERMS,
    ) -> ThumbnailResult | None:
        """A thumbnail that needs no new capture; None while the first capture runs in the background.

        Raises TintypeError, also for a background capture that failed in the last seconds.
        """
        job = self._job(request, freshness, terms)
        capture = keep_charge(partial(self._pipeline.capture_in_background, job))
        schedule = partial(self._captures.submit, request.key, capture)
        with answer_within(self._wait_timeout):
            result = self._pipeline.get_or_schedule(job, partial(self._looked_up, job, terms), schedule)
        if result:
            raise_for_verdict(result.thumbnail, fail_on)
        return result

    def persist(
        self,
        request: CaptureRequest,
        freshness: Freshness,
        *,
        fail_on: Collection[Verdict] = (),
        terms: Terms = TERMS,
    ) -> PersistResult:
        """Store the thumbnail of a request under its permanent URL; it is durable when this returns.

        A stored one does not expire, but is replaced if the request sets a maximum age and it is older. An unusable
        thumbnail never replaces a stored one. Raises TintypeError: TargetError or UnusableCapture for a verdict in
        ``fail_on``.
        """
        with answer_within(wait_limit(self._wait_timeout)):
            return self._persist(request, freshness, fail_on, terms)

    def _persist(
        self, request: CaptureRequest, freshness: Freshness, fail_on: Collection[Verdict], terms: Terms
    ) -> PersistResult:
        stored = None if request.shot.has_credentials else self._latest_stored(request)
        permanent = None if stored and stored.meta.get("transient") else stored
        if permanent and self._is_current(permanent, freshness):
            return self._persist_result(permanent, cached=True)
        self.stored.quota.check()
        result = self._pipeline.get_current(self._job(request, replace(freshness, stale_for=0), terms))
        raise_for_verdict(result.thumbnail, fail_on)
        if permanent and is_unusable(result.thumbnail):
            return self._persist_result(permanent, cached=True)
        return self._put(_to_store(self._addresses.of(request), request.shot.url, result.thumbnail))

    def persist_in(
        self, scope: str, request: CaptureRequest, freshness: Freshness, *, fail_on: Collection[Verdict] = ()
    ) -> PersistResult:
        """Capture a page now, and store its thumbnail apart from those of :meth:`persist` and of other scopes.

        Equal thumbnails of one scope are stored once. Raises TintypeError as :meth:`persist` does.
        """
        with answer_within(self._wait_timeout):
            self.stored.quota.check()
            current = replace(freshness, stale_for=0, forced=True)
            result = self._pipeline.get_current(self._job(request, current))
            raise_for_verdict(result.thumbnail, fail_on)
            address = scoped_address(scope, self._addresses.of(request))
            return self._put(_to_store(address, request.shot.url, result.thumbnail))

    def store_picture(self, scope: str, target: str, picture: Thumbnail) -> PersistResult:
        """Store an image that was drawn about a target, within a scope; raises StorageFull or BackendUnavailable."""
        return self._put(_to_store(scoped_address(scope, digest_of(target.encode())), target, picture))

    def _put(self, new: StoredObject) -> PersistResult:
        with self.waiting_limit.acquire():
            self.stored.quota.put(new)
        return self._persist_result(new, cached=False)

    @contextmanager
    def drawing(self, pixels: int, permit: Permit = UNLIMITED) -> Iterator[None]:
        """Draw an image of so many pixels within the limits of the process; raises Overloaded. Not reentrant."""
        with self.waiting_limit.acquire(), permit.released(), self._rendering_limit.acquire(pixels):
            yield

    def open_stored(self, key: str) -> OpenObject | None:
        """The stored thumbnail of a storage key, for a storage that this service serves. Raises Overloaded."""
        with self.waiting_limit.acquire():
            return self._storage.open(key) if is_storage_key(key) else None

    def purge(self, selector: Selector) -> PurgeCount:
        """Delete the cached values that a selector matches, but no stored thumbnail.

        A capture that has begun before stores nothing. Raises BackendUnavailable if a cache does not respond.
        """
        try:
            return selector.purge(self._cache)
        finally:
            self.purges.send()

    def is_state_available(self) -> bool:
        """False while the cache fails, so that it returns nothing although it may hold a thumbnail."""
        return self._cache.is_available()

    def _purge_url(self, url: str) -> None:
        self.purge(Selector(SelectorKind.URL, url))

    def readiness(self) -> dict[str, str]:
        """For engine, state and storage: ``ok``, or the reason of the failure."""
        return self._health.report()

    def warnings(self) -> tuple[str, ...]:
        """Warnings at the last check while captures still work, such as a missing sandbox layer."""
        return self._warnings

    def _check_engine(self) -> None:
        self._engine.check()
        self._warnings = self._engine.warnings()

    def wait_idle(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for background captures and refreshes; returns whether all have ended."""
        until = time.monotonic() + timeout
        return self._captures.join(timeout) and self._refreshes.join(max(0.0, until - time.monotonic()))

    def _job(self, request: CaptureRequest, freshness: Freshness, terms: Terms = TERMS) -> CaptureJob:
        arrived_at = self._shared_clock() if freshness.forced and not request.shot.has_credentials else 0.0
        return CaptureJob(
            request, freshness, self._clock(), arrived_at, permit=terms.permit, tags=terms.tags, charge=terms.charge
        )

    def _looked_up(self, job: CaptureJob, terms: Terms, cached: ThumbnailResult | None, lookup: CacheLookup) -> None:
        """Count the request, then start the refresh of a stale thumbnail: a rejected request has started nothing."""
        if cached is None or cached.cache is not CacheState.STALE or lookup.in_backoff:
            terms.on_lookup(cached is not None)
            return
        refresh = keep_charge(partial(self._pipeline.refresh, job))
        with self._refreshes.reserve(job.request.key, refresh) as starts:
            terms.on_lookup(not starts)

    def _is_current(self, stored: StoredObject, freshness: Freshness) -> bool:
        """Whether a stored thumbnail answers a request; one without a time is of unknown age."""
        if freshness.forced or not freshness.explicit:
            return not freshness.forced
        taken_at = _number(stored.meta.get("taken_at", ""))
        return freshness.age_of(taken_at, self._clock()) is CacheAge.FRESH

    def _latest_stored(self, request: CaptureRequest) -> StoredObject | None:
        with self.waiting_limit.acquire():
            return self._storage.latest(f"thumbs/{request.key}-")

    def _persist_result(self, stored: StoredObject, *, cached: bool) -> PersistResult:
        width, height, size = (_number(stored.meta.get(name, "")) for name in ("width", "height", "bytes"))
        verdict = stored.meta.get("verdict", "")
        return PersistResult(
            url=self._storage.url(stored.key),
            key=stored.key,
            cached=cached,
            content_type=stored.mime,
            width=width,
            height=height,
            bytes=size,
            verdict=Verdict(verdict) if verdict in set(Verdict) else Verdict.OK,
        )


def check_cache(cache: Cache) -> None:
    """Raise BackendUnavailable unless a value put into a cache can be read back."""
    value = os.urandom(PROBE_BYTES)
    cache.put("checkup", value, 60)
    if cache.get("checkup") != value:
        raise BackendUnavailable("a written value could not be read back: the cache is full or does not respond")


def _number(text: str) -> int:
    """A number in stored metadata; 0 if it is missing or damaged, so that the stored image stays available."""
    return int(text) if text.isdecimal() else 0


def _to_store(address: str, target: str, thumbnail: Thumbnail) -> StoredObject:
    meta = {"width": str(thumbnail.width), "height": str(thumbnail.height), "bytes": str(len(thumbnail.body))}
    meta |= {"verdict": thumbnail.verdict, "taken_at": str(int(thumbnail.taken_at))}
    if is_transient(thumbnail) or is_unusable(thumbnail):
        meta["transient"] = "true"
    return StoredObject(
        key=storage_key(address, thumbnail), body=thumbnail.body, mime=thumbnail.mime, meta=meta, target=target
    )
