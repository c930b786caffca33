"""How is a picture taken with a caller's secrets? As any other, and nothing of it is remembered, not even a failure."""

from __future__ import annotations

from tintype import imaging
from tintype.model import CacheState, ThumbnailResult
from tintype.protocols import Engine, TargetChecker
from tintype.service.pipeline import CaptureJob, with_verdict


class UncachedCapture:
    """Looks up, takes and renders. Callers share only what the engine lets them: the very same at the same time."""

    def __init__(self, engine: Engine, lookup: TargetChecker) -> None:
        self._engine = engine
        self._lookup = lookup

    def take(self, task: CaptureJob) -> ThumbnailResult:
        """A picture that was taken now, for this caller; raises TintypeError."""
        with task.timed("lookup"):
            self._lookup.check(task.shot.url)
        with task.timed("capture"):
            capture = with_verdict(self._engine.capture(task.shot), task.shot)
        task.timings.update(capture.timings)
        with task.timed("render"):
            thumbnail = imaging.render(capture, task.request.rendition)
        return ThumbnailResult(
            thumbnail=thumbnail, cache=CacheState.MISS, freshness=task.freshness, timings=task.timings
        )
