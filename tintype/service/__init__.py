"""The story of a picture: recall it, else take it once, render it, remember it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import structlog

from tintype import urls
from tintype.errors import BackendUnavailable, Overloaded, TintypeError
from tintype.model import (
    CacheAge,
    CacheState,
    Capture,
    Freshness,
    PersistResult,
    StoredObject,
    Thumbnail,
    ThumbnailResult,
    Verdict,
    is_storage_key,
    storage_key,
)
from tintype.options import CaptureRequest
from tintype.protocols import Cache, Engine, Locks, Storage, TargetChecker
from tintype.service.background import BackgroundTasks
from tintype.service.discreet import UncachedCapture
from tintype.service.health import HealthChecks
from tintype.service.pipeline import CaptureJob, CapturePipeline
from tintype.service.policy import freshness_for, is_transient, is_unusable, raise_for_verdict
from tintype.service.seats import WaitingLimit
from tintype.service.thumbnail_cache import ThumbnailCache
from tintype.service.turns import ConcurrencyLimit
from tintype.telemetry.timing import timed_step

log = structlog.get_logger("tintype.service")


class ThumbnailService:
    """Thumbnails for whoever asks: web, command line, later jobs.

    ``patience`` is how long a caller waits for others who photograph the same page; seconds. ``seats`` bound
    those who wait, for that or for a capture.
    """

    def __init__(  # noqa: PLR0913 - one argument a part, named at the call
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
        waiting_limit: WaitingLimit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory = ThumbnailCache(records, masters, failure_ttl)
        self._studio = CapturePipeline(engine, target_checker, self._memory, clock)
        self._discreet = UncachedCapture(engine, target_checker)
        self._engine = engine
        self._locks = locks
        self._storage = storage
        self._patience = wait_timeout
        self._clock = clock
        self._seats = waiting_limit or WaitingLimit()
        self._turns = ConcurrencyLimit()
        self._background = BackgroundTasks()
        self._captures = BackgroundTasks(queue_size=64)
        self._checkup = HealthChecks(
            {"engine": engine.check, "state": partial(check_cache, records), "storage": storage.check}
        )

    def limit_concurrency(self) -> AbstractContextManager[None]:
        """Among those who ask for pictures: to be held while a request is worked on, lent to others while it waits."""
        return self._turns.acquire()

    def get(self, request: CaptureRequest, freshness: Freshness) -> ThumbnailResult:
        """The picture for a request: remembered if fresh enough, taken otherwise."""
        return self.get_cached(request, freshness) or self.capture(request, freshness)

    def get_fresh(self, request: CaptureRequest, freshness: Freshness) -> ThumbnailResult | None:
        """A remembered picture if it is fresh; nothing is done about one that is not."""
        answer = self._read_cached(request, freshness)
        return answer if answer and answer.cache is CacheState.HIT else None

    def get_cached(self, request: CaptureRequest, freshness: Freshness) -> ThumbnailResult | None:
        """A remembered picture; a stale one comes at once and is refreshed in the background."""
        answer = self._read_cached(request, freshness)
        if answer and answer.cache is CacheState.STALE:
            self._background.submit(request.key, partial(self._refresh, request, freshness))
        return answer

    def capture(self, request: CaptureRequest, freshness: Freshness) -> ThumbnailResult:
        """A new picture; while none of the page itself is to be had, an older good one (RFC 5861, stale-if-error)."""
        if request.shot.has_credentials:
            return self._capture(CaptureJob(request, freshness, self._clock()))
        task = CaptureJob(request, freshness, self._clock())
        if (
            self._memory.in_backoff(task.shot)
            and not self._studio.cached_master(task)
            and (older := self._studio.stale_good(task))
        ):
            return older
        try:
            answer = self._derive_from_master(task) or self._capture(task)
        except TintypeError as error:
            older = self._studio.stale_good(task) if error.status >= 500 else None  # noqa: PLR2004 - RFC 9110, 15.6
            if older is None:
                raise
            self._back_off(task, error=error.code, reason=error.detail)
            return older
        if is_unusable(answer.thumbnail) and (older := self._studio.stale_good(task)):
            log.info("stale_served", target=urls.host_of(task.shot.url), verdict=answer.thumbnail.verdict)
            return older
        return answer

    def get_or_schedule(self, request: CaptureRequest, freshness: Freshness) -> ThumbnailResult | None:
        """A picture for which no page has to be visited; None while one is being taken in the background.

        Raises how the last attempt failed.
        """
        task = CaptureJob(request, freshness, self._clock())
        if request.shot.has_credentials or self._studio.cached_master(task):
            return self.capture(request, freshness)
        older = self._studio.stale_good(task)
        if older is None:
            self._studio.raise_cached_failure(task)
            self._studio.raise_background_failure(task)
        self._captures.submit(request.key, partial(self._capture_in_background, request, freshness))
        return older

    def persist(
        self, request: CaptureRequest, freshness: Freshness, fail_on: Collection[Verdict] = ()
    ) -> PersistResult:
        """The lasting address of a request's picture; on return it is durably stored.

        Raises TargetError or UnusableCapture for a verdict in ``fail_on``.
        """
        lasting = None if request.shot.has_credentials else self._storage.latest(f"thumbs/{request.key}-")
        lasting = None if lasting and lasting.meta.get("passing") else lasting
        if lasting and not freshness.forced:
            return self._persisted(lasting, cached=True)
        recent = self._read_cached(request, replace(freshness, stale_for=0))
        task = CaptureJob(request, freshness, self._clock())
        answer = recent or self._derive_from_master(task) or self._capture(task)
        raise_for_verdict(answer.thumbnail, fail_on)
        if lasting and is_unusable(answer.thumbnail):
            return self._persisted(lasting, cached=True)
        stored = _to_store(request, answer.thumbnail)
        self._storage.put(stored)
        return self._persisted(stored, cached=False)

    def get_stored(self, key: str) -> StoredObject | None:
        """What was persisted under a key."""
        return self._storage.get(key) if is_storage_key(key) else None

    def purge(self, url: str) -> int:
        """Forget everything remembered about a canonical URL; what was persisted stays."""
        return self._memory.purge(url)

    def clear(self) -> int:
        """Forget everything remembered; what was persisted stays."""
        return self._memory.clear()

    def readiness(self) -> dict[str, str]:
        """For engine, state and storage: ``ok``, or the reason of the failure."""
        return self._checkup.report()

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know although everything works."""
        return self._engine.warnings()

    def wait_idle(self, timeout: float) -> bool:
        """Wait at most ``within`` seconds for captures and refreshes under way; whether they ended."""
        until = time.monotonic() + timeout
        return self._captures.join(timeout) and self._background.join(max(0.0, until - time.monotonic()))

    def _read_cached(self, request: CaptureRequest, freshness: Freshness) -> ThumbnailResult | None:
        thumbnail = None if freshness.forced or request.shot.has_credentials else self._memory.get_thumbnail(request)
        if thumbnail is None:
            return None
        bounds = freshness_for(freshness, thumbnail)
        age = bounds.age_of(thumbnail.taken_at, self._clock())
        if age is CacheAge.EXPIRED:
            return None
        cache = CacheState.HIT if age is CacheAge.FRESH else CacheState.STALE
        return ThumbnailResult(thumbnail=thumbnail, cache=cache, freshness=bounds)

    def _derive_from_master(self, task: CaptureJob) -> ThumbnailResult | None:
        """Another rendition of what was photographed lately, if anything was: no page is visited, no host looked up."""
        master = None if task.shot.has_credentials else self._studio.cached_master(task)
        return self._render(task, master) if master else None

    def _render(self, task: CaptureJob, master: Capture) -> ThumbnailResult:
        """One rendition is made once; several of one master are made at the same time."""
        with self._turns.released(), self._locks.hold(f"rendition:{task.request.key}", self._patience):
            return self._studio.find_completed(task) or self._studio.render_and_store(task, master, CacheState.DERIVED)

    def _capture(self, task: CaptureJob) -> ThumbnailResult:
        """A new picture, by whoever's turn it is; at once Overloaded where too many wait already."""
        with self._seats.acquire(task.shot.key), self._turns.released():
            return self._discreet.take(task) if task.shot.has_credentials else self._capture_locked(task)

    def _capture_locked(self, task: CaptureJob) -> ThumbnailResult:
        self._studio.precheck(task)
        begin = time.perf_counter()
        with self._locks.hold(_capture_lock(task), self._patience) as held:
            task.timings["wait"] = (time.perf_counter() - begin) * 1000
            # Whoever held the lock before may have made this very picture, or failed to.
            if found := self._studio.find_completed(task):
                return found
            master = self._studio.cached_master(task)
            if master is None:
                self._studio.raise_cached_failure(task)
                if not held:
                    raise Overloaded("many captures are waiting in line; try again shortly", retry_after=5)
                return self._studio.render_and_store(task, *self._studio.get_master(task))
        return self._render(task, master)

    def _capture_in_background(self, request: CaptureRequest, freshness: Freshness) -> None:
        """Take a picture nobody waits for; whoever asks again finds it, or how it failed."""
        task = CaptureJob(request, freshness, self._clock())
        with timed_step("ahead"), self._locks.hold(_capture_lock(task), wait=0) as held:
            if not held or self._studio.find_completed(task):
                return
            try:
                self._studio.precheck(task)
                self._studio.render_and_store(task, *self._studio.get_master(task))
            except TintypeError as error:
                self._memory.put_background_failure(task.shot, error)
                log.warning(
                    "background_capture_failed",
                    target=urls.host_of(task.shot.url),
                    error=error.code,
                    reason=error.detail,
                )

    def _refresh(self, request: CaptureRequest, freshness: Freshness) -> None:
        """Replace a stale picture; a failure leaves it and pauses further attempts."""
        task = CaptureJob(request, freshness, self._clock())
        with timed_step("refresh"), self._locks.hold(_capture_lock(task), wait=0) as held:
            if not held or self._memory.in_backoff(task.shot) or self._studio.find_completed(task):
                return
            try:
                self._refresh_now(task)
            except TintypeError as error:
                self._back_off(task, error=error.code, reason=error.detail)

    def _refresh_now(self, task: CaptureJob) -> None:
        old = self._memory.get_thumbnail(task.request)
        self._studio.precheck(task)
        capture, state = self._studio.get_master(task)
        if capture.partial and old and not (is_transient(old) or is_unusable(old)):
            return self._back_off(task, error="partial", reason="the page was not done")
        answer = self._studio.render_and_store(task, capture, state)
        log.info(
            "thumbnail_refreshed", target=urls.host_of(task.shot.url), cache=state, verdict=answer.thumbnail.verdict
        )
        return None

    def _back_off(self, task: CaptureJob, **why: str) -> None:
        """Let an older picture do for a while."""
        self._memory.start_backoff(task.shot)
        log.warning("stale_served", target=urls.host_of(task.shot.url), **why)

    def _persisted(self, stored: StoredObject, *, cached: bool) -> PersistResult:
        width, height, size = (int(stored.meta.get(name, 0)) for name in ("width", "height", "bytes"))
        return PersistResult(
            url=self._storage.url(stored.key),
            key=stored.key,
            cached=cached,
            content_type=stored.mime,
            width=width,
            height=height,
            bytes=size,
            verdict=Verdict(stored.meta.get("verdict", Verdict.OK)),
        )


def check_cache(cache: Cache) -> None:
    """Raise BackendUnavailable unless a value put into a cache comes back."""
    cache.put("checkup", b"", 60)  # empty: fits any budget, even none
    if cache.get("checkup") is None:
        raise BackendUnavailable("the cache does not keep values")


def _capture_lock(task: CaptureJob) -> str:
    return f"shot:{task.shot.key}"


def _to_store(request: CaptureRequest, thumbnail: Thumbnail) -> StoredObject:
    meta = {"width": str(thumbnail.width), "height": str(thumbnail.height), "bytes": str(len(thumbnail.body))}
    meta["verdict"] = thumbnail.verdict
    if is_transient(thumbnail) or is_unusable(thumbnail):
        meta["passing"] = "true"
    return StoredObject(key=storage_key(request.key, thumbnail), body=thumbnail.body, mime=thumbnail.mime, meta=meta)
