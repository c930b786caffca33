"""How a picture comes about once it is its turn: from the master if that will do, else from the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from tintype import imaging, urls
from tintype.errors import TintypeError
from tintype.model import CacheAge, CacheState, Capture, Freshness, Thumbnail, ThumbnailResult, Verdict
from tintype.options import CaptureRequest, Shot
from tintype.protocols import Engine, TargetChecker
from tintype.service.classify.classifier import classify
from tintype.service.policy import freshness_for, is_unusable
from tintype.service.thumbnail_cache import ThumbnailCache
from tintype.telemetry.timing import timed_step

log = structlog.get_logger("tintype.service")

GOOD_RETENTION = 86_400.0
"""Seconds a picture is kept beyond its use, for the time when no better one is to be had."""
RETRY_BLANK_WITHIN = 10.0
"""Seconds; a capture that took longer leaves no time for another."""
BLANK_EXTRA_DELAY, MAX_DELAY = 1500, 10_000
"""Milliseconds by which a second attempt at a blank page waits longer, and the longest wait there is."""


@dataclass(frozen=True, slots=True)
class CaptureJob:
    """A request that needs a picture. ``arrived`` is seconds since the epoch, ``timings`` are milliseconds."""

    request: CaptureRequest
    freshness: Freshness
    started_at: float
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def shot(self) -> Shot:
        """What to photograph."""
        return self.request.shot

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long a step took."""
        begin = time.perf_counter()
        with timed_step(name):
            yield
        self.timings[name] = (time.perf_counter() - begin) * 1000


class CapturePipeline:
    """Takes, renders and remembers; whoever calls holds the lock of the shot."""

    def __init__(
        self, engine: Engine, lookup: TargetChecker, memory: ThumbnailCache, clock: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._lookup = lookup
        self._memory = memory
        self._clock = clock

    def precheck(self, task: CaptureJob) -> None:
        """Raise at once what is already known to fail; look the target up."""
        self.raise_cached_failure(task)
        with task.timed("lookup"), self._caching_failure(task.shot):
            if not task.shot.navigation.html:
                self._lookup.check(task.shot.url)

    def raise_cached_failure(self, task: CaptureJob) -> None:
        """Raise the remembered failure; for a caller who insists, only one younger than the call."""
        since = task.started_at if task.freshness.forced else float("-inf")
        if failure := self._memory.get_failure(task.shot, since):
            raise failure

    def raise_background_failure(self, task: CaptureJob) -> None:
        """Raise how a capture failed that nobody waited for."""
        if setback := self._memory.get_background_failure(task.shot):
            raise setback

    def find_completed(self, task: CaptureJob) -> ThumbnailResult | None:
        """The very picture, when somebody else made it meanwhile."""
        for aside in (False, True):
            thumbnail = self._memory.get_thumbnail(task.request, rejected=aside)
            if thumbnail and self._is_acceptable(task, thumbnail):
                return self._result(task, thumbnail, CacheState.COALESCED)
        return None

    def cached_master(self, task: CaptureJob) -> Capture | None:
        """A remembered master that will do."""
        masters = (self._memory.get_master(task.shot, rejected=aside) for aside in (False, True))
        return next((master for master in masters if master and self._is_acceptable(task, master)), None)

    def get_master(self, task: CaptureJob) -> tuple[Capture, CacheState]:
        """The master from which to render: remembered, else taken now."""
        if master := self.cached_master(task):
            return master, CacheState.DERIVED
        with task.timed("capture"), self._caching_failure(task.shot):
            capture = self._capture_with_retry(task.shot)
        if task.freshness.forced:
            self._memory.clear_failure(task.shot)
        task.timings.update(capture.timings)
        return capture, CacheState.MISS

    def render_and_store(self, task: CaptureJob, capture: Capture, state: CacheState) -> ThumbnailResult:
        """Render and remember; a master is kept only after it could be rendered, a bad one beside a good one."""
        with task.timed("render"):
            thumbnail = imaging.render(capture, task.request.rendition)
        aside = is_unusable(capture) and self._last_good(task) is not None
        answer = self._result(task, thumbnail, state)
        keep = answer.freshness.retention if not is_unusable(capture) else answer.freshness.max_age
        if state is CacheState.MISS:
            self._memory.put_master(task.shot, capture, keep, rejected=aside)
        self._memory.put_thumbnail(task.request, thumbnail, answer.freshness.retention + GOOD_RETENTION, rejected=aside)
        return answer

    def stale_good(self, task: CaptureJob) -> ThumbnailResult | None:
        """A good picture from before, for a caller who does not insist on a new one."""
        good = None if task.freshness.forced else self._last_good(task)
        if isinstance(good, Capture):
            good = imaging.render(good, task.request.rendition)
        return self._result(task, good, CacheState.STALE) if good else None

    def _last_good(self, task: CaptureJob) -> Thumbnail | Capture | None:
        """What is remembered that shows the page, however old: the picture, or a master to make it from."""
        thumbnail = self._memory.get_thumbnail(task.request)
        if thumbnail and not is_unusable(thumbnail):
            return thumbnail
        master = self._memory.get_master(task.shot)
        return master if master and not is_unusable(master) else None

    def _capture_with_retry(self, shot: Shot) -> Capture:
        """A new capture; one that is blank is tried once more with more patience, if the first was quick."""
        begin = time.perf_counter()
        capture = with_verdict(self._engine.capture(shot), shot)
        if capture.verdict is not Verdict.BLANK or time.perf_counter() - begin > RETRY_BLANK_WITHIN:
            return capture
        log.info("blank_retried", target=urls.host_of(shot.url))
        try:
            return with_verdict(self._engine.capture(with_longer_delay(shot)), shot)
        except TintypeError:
            return capture

    def _is_acceptable(self, task: CaptureJob, picture: Thumbnail | Capture) -> bool:
        """Taken since the call, or fresh enough for a caller who does not insist."""
        if picture.taken_at >= task.started_at:
            return True
        age = freshness_for(task.freshness, picture).age_of(picture.taken_at, self._clock())
        return age is CacheAge.FRESH and not task.freshness.forced

    def _result(self, task: CaptureJob, thumbnail: Thumbnail, state: CacheState) -> ThumbnailResult:
        bounds = freshness_for(task.freshness, thumbnail)
        return ThumbnailResult(thumbnail=thumbnail, cache=state, freshness=bounds, timings=task.timings)

    @contextmanager
    def _caching_failure(self, shot: Shot) -> Iterator[None]:
        try:
            yield
        except TintypeError as error:
            if error.cacheable:
                self._memory.put_failure(shot, error, self._clock())
            raise


def with_verdict(capture: Capture, shot: Shot) -> Capture:
    """A capture with its verdict in the place of what it was made from."""
    is_part = bool(shot.region.clip or shot.region.selector)
    return replace(capture, verdict=classify(capture, shot.url, is_part=is_part), features={})


def with_longer_delay(shot: Shot) -> Shot:
    """The same shot, with more time for the page to draw itself."""
    wait = shot.wait.model_copy(update={"delay": min(shot.wait.delay + BLANK_EXTRA_DELAY, MAX_DELAY)})
    return shot.model_copy(update={"wait": wait})
