"""The capture pipeline: lookup, precheck, capture, classify, render, store.

======== ==========================================================================================
lookup   ``CacheLookup``: one before the lock of the shot, one under it; a fresh master is rendered
precheck raises the cached failure of the shot; resolves the host of the target
capture  the engine captures the page, once more if it is blank
classify the verdict: whether the capture shows the page
render   the thumbnail is made from the master
store    master and thumbnail go to the cache, next to a good one if they are unusable
======== ==========================================================================================

A capture with credentials skips lookup and store: it is never shared or kept, and neither is its failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from tintype import urls
from tintype.deadline import time_left
from tintype.errors import Overloaded, TintypeError
from tintype.low_priority import is_low_priority, wait_limit
from tintype.model import CLOCK_TOLERANCE, CacheAge, CacheState, Capture, Freshness, Thumbnail, ThumbnailResult
from tintype.options import CaptureRequest, Shot
from tintype.protocols import Locks, RequestLimit
from tintype.service.capturer import Capturer
from tintype.service.handover import Handover, SharedCapture
from tintype.service.limits import UNLIMITED, Permit
from tintype.service.policy import freshness_for, is_transient, is_unusable
from tintype.service.renderer import Renderer
from tintype.service.thumbnail_cache import CacheLookup, ThumbnailCache
from tintype.telemetry.timing import timed_step

log = structlog.get_logger("tintype.service")

GOOD_RETENTION = 86_400.0
"""Seconds a thumbnail is kept after it is stale, to be served while the target fails."""


OnCached = Callable[[ThumbnailResult | None, CacheLookup], None]
"""Called with the cached thumbnail or None, before any capture; may raise."""


def _unlimited() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class CaptureJob:
    """A request on its way through the pipeline. Times are seconds since the epoch, timings milliseconds."""

    request: CaptureRequest
    freshness: Freshness
    started_at: float
    """By the clock of this worker."""
    arrived_at: float = 0.0
    """By the clock of the cache, for a forced request: no capture that began earlier is its answer."""
    permit: Permit = UNLIMITED
    tags: Sequence[str] = ()
    """Tags that the client has named, for purges."""
    charge: Callable[[], bool] = _unlimited
    """Counts a second visit of the page against the client's rate limit; False if the limit is exceeded."""
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def shot(self) -> Shot:
        """The shot to capture."""
        return self.request.shot

    def in_background(self, now: float) -> CaptureJob:
        """The same job while no client waits."""
        return replace(self, started_at=now, permit=UNLIMITED, timings={})

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure a stage that succeeds."""
        begin = time.perf_counter()
        with timed_step(name):
            yield
        self.timings[name] = (time.perf_counter() - begin) * 1000


class CapturePipeline:
    """Makes the thumbnails that the cache does not hold. ``wait_timeout``: seconds to wait for another capture."""

    def __init__(  # noqa: PLR0913 - one argument for each part, named at the call
        self,
        *,
        capturer: Capturer,
        cache: ThumbnailCache,
        locks: Locks,
        waiting_limit: RequestLimit,
        renderer: Renderer,
        wait_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self._capturer = capturer
        self._cache = cache
        self._locks = locks
        self._waiting_limit = waiting_limit
        self._renderer = renderer
        self._handover = Handover()
        self._wait_timeout = wait_timeout
        self._clock = clock

    def get(self, job: CaptureJob, on_cached: OnCached) -> ThumbnailResult:
        """The cached thumbnail, stale ones included, else a new one."""
        lookup = self._cache.lookup(job.request)
        cached = self.read_cached(job, lookup)
        on_cached(cached, lookup)
        return cached or self.run_or_stale(job, lookup)

    def get_or_schedule(
        self, job: CaptureJob, on_cached: OnCached, schedule: Callable[[], object]
    ) -> ThumbnailResult | None:
        """The cached thumbnail, or one that is rendered from a fresh master; else call ``schedule`` for a capture.

        Returns the last good thumbnail meanwhile, if there is one; a page whose last capture failed is then not
        captured again for the failure TTL. Raises the failure of the last capture. A request with credentials is never
        scheduled, because its result would not be cached.
        """
        lookup = self._cache.lookup(job.request)
        cached = self.read_cached(job, lookup)
        on_cached(cached, lookup)
        if cached or job.shot.has_credentials or self.fresh_master(job, lookup):
            return cached or self.run_or_stale(job, lookup)
        stale = self.stale_good(job, lookup)
        if stale and (lookup.in_backoff or lookup.background_failure):
            return stale
        if stale is None:
            self._raise_cached_failure(job, lookup)
            if lookup.background_failure:
                raise lookup.background_failure
        schedule()
        return stale

    def read_cached(self, job: CaptureJob, lookup: CacheLookup | None = None) -> ThumbnailResult | None:
        """The cached thumbnail if it is fresh or stale; costs one read."""
        if job.freshness.forced or job.shot.has_credentials:
            return None
        thumbnail = (lookup or self._cache.lookup(job.request)).thumbnail
        if thumbnail is None:
            return None
        freshness = freshness_for(job.freshness, thumbnail)
        age = freshness.age_of(thumbnail.taken_at, self._clock())
        if age is CacheAge.EXPIRED:
            return None
        cache = CacheState.HIT if age is CacheAge.FRESH else CacheState.STALE
        return ThumbnailResult(thumbnail=thumbnail, cache=cache, freshness=freshness)

    def get_current(self, job: CaptureJob) -> ThumbnailResult:
        """The thumbnail of the page as it is now: fresh or new, never stale."""
        lookup = self._cache.lookup(job.request)
        return self.read_cached(job, lookup) or self.run(job, lookup)

    def run_or_stale(self, job: CaptureJob, lookup: CacheLookup) -> ThumbnailResult:
        """A new thumbnail; while the target fails or its page is unusable, the last good one.

        RFC 5861, stale-if-error.
        """
        try:
            if self.in_backoff(job, lookup) and (stale := self.stale_good(job, lookup)):
                return stale
            result = self.run(job, lookup)
        except TintypeError as error:
            stale = self.stale_good(job, lookup) if error.status >= 500 else None  # noqa: PLR2004 - RFC 9110, 15.6
            if stale is None:
                raise
            self._back_off(job, error=error.code, reason=error.detail)
            return stale
        if is_unusable(result.thumbnail) and (stale := self.stale_good(job, lookup)):
            log.info("stale_served", target=_host(job), why="unusable", verdict=result.thumbnail.verdict)
            return stale
        return result

    def run(self, job: CaptureJob, lookup: CacheLookup) -> ThumbnailResult:
        """A new thumbnail, from a fresh master or from a new capture. Raises TintypeError."""
        if not job.freshness.forced and (master := self.fresh_master(job, lookup)):
            with self._waiting_limit.acquire(), job.permit.released():
                if result := self._derive(job, master):
                    return result
        if not job.shot.has_credentials:
            self._raise_cached_failure(job, lookup)
        with self._waiting_limit.acquire(job.shot.key), job.permit.released():
            return self._capture_uncached(job) if job.shot.has_credentials else self._capture_once(job)

    def in_backoff(self, job: CaptureJob, lookup: CacheLookup) -> bool:
        """Whether a good thumbnail is served without another attempt, because the last one failed."""
        if job.shot.has_credentials or job.freshness.forced or not lookup.good:
            return False
        return not self.fresh_master(job, lookup) and lookup.in_backoff

    def fresh_master(self, job: CaptureJob, lookup: CacheLookup) -> Capture | None:
        """A cached master, without its body, that is fresh enough to render from without capture and DNS query."""
        if job.shot.has_credentials:
            return None
        return next((master for master in lookup.masters() if self._is_acceptable(job, master)), None)

    def stale_good(self, job: CaptureJob, lookup: CacheLookup) -> ThumbnailResult | None:
        """The last thumbnail that shows the page, of any age; None for a request that forces a new capture."""
        if job.shot.has_credentials or job.freshness.forced or not (good := lookup.good):
            return None
        if isinstance(good, Thumbnail):
            return self._result(job, good, CacheState.STALE)
        with self._waiting_limit.acquire(), job.permit.released():
            thumbnail = self._renderer.render_master(
                lookup, good, job.request.rendition, lambda found: not is_unusable(found)
            )
        return self._result(job, thumbnail, CacheState.STALE) if thumbnail else None

    def capture_in_background(self, job: CaptureJob) -> None:
        """Capture while no client waits; the next request finds the thumbnail or the failure."""
        job = job.in_background(self._clock())
        with timed_step("ahead"), self._locks.hold(_lock_name(job), wait=0) as held:
            lookup = self._cache.lookup(job.request)
            if not held or self._completed(job, lookup):
                return
            try:
                self._raise_cached_failure(job, lookup)
                self._capturer.resolve_target(job)
                self._render_fresh_or_capture(job, lookup)
            except TintypeError as error:
                self._cache.put_background_failure(job.shot, error)
                if lookup.good:
                    self._cache.start_backoff(job.shot)
                log.warning("background_capture_failed", target=_host(job), error=error.code, reason=error.detail)

    def refresh(self, job: CaptureJob) -> None:
        """Replace a stale thumbnail; a failure keeps it and starts the back-off."""
        job = job.in_background(self._clock())
        with timed_step("refresh"), self._locks.hold(_lock_name(job), wait=0) as held:
            lookup = self._cache.lookup(job.request)
            if not held or lookup.in_backoff or self._completed(job, lookup):
                return
            try:
                self._raise_cached_failure(job, lookup)
                self._capturer.resolve_target(job)
                result = self._render_fresh_or_capture(job, lookup, replaces=lookup.thumbnail)
            except TintypeError as error:
                self._back_off(job, error=error.code, reason=error.detail)
            else:
                if result:
                    verdict = result.thumbnail.verdict
                    log.info("thumbnail_refreshed", target=_host(job), cache=result.cache, verdict=verdict)

    def _capture_once(self, job: CaptureJob) -> ThumbnailResult:
        """Capture under the lock of the shot: of concurrent requests one captures, the others use its result."""
        self._capturer.resolve_target(job)
        begin, wait, name = time.perf_counter(), time_left(wait_limit(self._wait_timeout)), _lock_name(job)
        with self._handover.join(name) as shared, self._locks.hold(name, wait) as held:
            job.timings["wait"] = (time.perf_counter() - begin) * 1000
            lookup = self._cache.lookup(job.request)  # the previous holder may have stored the result or a failure
            if completed := self._completed(job, lookup):
                return completed
            master = self.fresh_master(job, lookup)
            if master is None:
                self._raise_cached_failure(job, lookup)
                if received := self._receive(job, shared):
                    return received
                if not held:
                    raise Overloaded("many captures are waiting in the queue; retry later", retry_after=5)
                return self._capture_and_offer(job, lookup, shared)
        if result := self._derive(job, master):
            return result
        raise Overloaded("the cached page was evicted while this request waited; retry later", retry_after=1)

    def _capture_and_offer(self, job: CaptureJob, lookup: CacheLookup, shared: SharedCapture) -> ThumbnailResult:
        try:
            capture = self._capturer.capture(job)
            result = self._render_and_store(job, capture, lookup)
        except TintypeError as error:
            shared.offer_failure(error, self._clock())
            raise
        shared.offer(capture, job.request.key, result.thumbnail, self._clock())
        return result

    def _receive(self, job: CaptureJob, shared: SharedCapture) -> ThumbnailResult | None:
        """The result of a request of this process for which this one has waited, while the cache cannot keep it.

        Raises its failure. A cache that is available decides alone, because a purge applies to it.
        """
        if self._cache.is_available() or shared.offered_at < job.started_at:
            return None
        if shared.failure and not job.freshness.forced:
            raise shared.failure
        if shared.capture is None or not self._is_acceptable(job, shared.capture):
            return None
        thumbnail = shared.thumbnails.get(job.request.key)
        if thumbnail is None:
            thumbnail = shared.thumbnails[job.request.key] = self._render(job, shared.capture)
        return self._result(job, thumbnail, CacheState.COALESCED)

    def _capture_uncached(self, job: CaptureJob) -> ThumbnailResult:
        """Capture with a client's credentials; concurrent equal requests are coalesced by the engine only."""
        self._capturer.check_target(job)
        with job.timed("capture"):
            capture = self._capturer.capture_page(job, job.shot)
        job.timings.update(capture.timings)
        thumbnail = self._render(job, capture)
        return ThumbnailResult(thumbnail=thumbnail, cache=CacheState.MISS, freshness=job.freshness, timings=job.timings)

    def _derive(self, job: CaptureJob, master: Capture) -> ThumbnailResult | None:
        """Render a cached master, or None if it is gone; concurrent equal requests render once.

        The caller counts as waiting and has released its permit.
        """
        with self._locks.hold(f"rendition:{job.request.key}", time_left(self._wait_timeout)):
            lookup = self._cache.lookup(job.request)
            completed = self._completed(job, lookup, rejected=is_unusable(master))
            return completed or self._render_and_store_master(job, lookup, master)

    def _render_fresh_or_capture(
        self, job: CaptureJob, lookup: CacheLookup, replaces: Thumbnail | None = None
    ) -> ThumbnailResult | None:
        """Render a fresh master, else a new capture; None if that is partial and ``replaces`` is not."""
        master = self.fresh_master(job, lookup)
        if master and (derived := self._render_and_store_master(job, lookup, master)):
            return derived
        capture = self._capturer.capture(job)
        if capture.partial and replaces and not (is_transient(replaces) or is_unusable(replaces)):
            self._back_off(job, error="partial", reason="the page did not become stable in time")
            return None
        return self._render_and_store(job, capture, lookup)

    def _raise_cached_failure(self, job: CaptureJob, lookup: CacheLookup) -> None:
        """Raise the cached failure; for a forced request only that of a capture that began after it arrived."""
        if lookup.failure and (not job.freshness.forced or lookup.failure[0] >= job.arrived_at):
            raise lookup.failure[1]

    def _render(self, job: CaptureJob, capture: Capture) -> Thumbnail:
        with job.timed("render"):
            return self._renderer.render(capture, job.request.rendition)

    def _render_and_store_master(self, job: CaptureJob, lookup: CacheLookup, master: Capture) -> ThumbnailResult | None:
        """Render a fresh cached master and store the thumbnail; None if the master is gone."""
        accepts = partial(self._is_acceptable, job)
        with job.timed("render"):
            thumbnail = self._renderer.render_master(lookup, master, job.request.rendition, accepts)
        if thumbnail is None:
            return None
        result = self._result(job, thumbnail, CacheState.DERIVED)
        self._store_thumbnail(job, result, rejected=is_unusable(thumbnail) and lookup.good is not None)
        return result

    def _render_and_store(self, job: CaptureJob, capture: Capture, lookup: CacheLookup) -> ThumbnailResult:
        """Render a new capture, then store both: a master that cannot be rendered is not kept."""
        result = self._result(job, self._render(job, capture), CacheState.MISS)
        unusable, retention = is_unusable(capture), result.freshness.retention
        rejected = unusable and lookup.good is not None
        seconds = result.freshness.max_age if unusable else retention
        self._cache.put_master(job.shot, capture, seconds, job.tags, rejected=rejected)
        self._store_thumbnail(job, result, rejected=rejected)
        return result

    def _store_thumbnail(self, job: CaptureJob, result: ThumbnailResult, *, rejected: bool) -> None:
        seconds = result.freshness.retention + GOOD_RETENTION
        self._cache.put_thumbnail(job.request, result.thumbnail, seconds, job.tags, rejected=rejected)

    def _completed(self, job: CaptureJob, lookup: CacheLookup, *, rejected: bool = True) -> ThumbnailResult | None:
        """The thumbnail of this very request, if another request made it meanwhile; ``rejected`` ones included."""
        found = next((each for each in lookup.thumbnails(rejected=rejected) if self._is_acceptable(job, each)), None)
        return self._result(job, found, CacheState.COALESCED) if found else None

    def _is_acceptable(self, job: CaptureJob, image: Thumbnail | Capture) -> bool:
        """Fresh, or captured since the request started; for a forced request, begun since it arrived."""
        if job.freshness.forced:
            return image.begun_at >= job.arrived_at
        now = self._clock()
        if job.started_at <= image.taken_at <= now + CLOCK_TOLERANCE:
            return True
        return freshness_for(job.freshness, image).age_of(image.taken_at, now) is CacheAge.FRESH

    def _result(self, job: CaptureJob, thumbnail: Thumbnail, state: CacheState) -> ThumbnailResult:
        freshness = freshness_for(job.freshness, thumbnail)
        return ThumbnailResult(thumbnail=thumbnail, cache=state, freshness=freshness, timings=job.timings)

    def _back_off(self, job: CaptureJob, *, error: str, reason: str) -> None:
        self._cache.start_backoff(job.shot)
        log.warning("stale_served", target=_host(job), why="capture_failed", error=error, reason=reason)


def _lock_name(job: CaptureJob) -> str:
    """A client does not wait for a job that waits for it: their captures of one shot meet in the engine."""
    if is_low_priority():
        return f"low-priority:{job.shot.key}"
    return f"shot:{job.shot.key}"


def _host(job: CaptureJob) -> str:
    return urls.host_of(job.shot.url)
