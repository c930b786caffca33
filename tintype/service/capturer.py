"""Visits of pages: look-up of the target, capture, second attempt at a blank page, and cached failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from tintype import urls
from tintype.errors import TintypeError
from tintype.model import Capture
from tintype.options import Shot
from tintype.protocols import Engine, TargetChecker
from tintype.service.policy import BlankRetry
from tintype.service.thumbnail_cache import ThumbnailCache

if TYPE_CHECKING:
    from tintype.service.pipeline import CaptureJob

log = structlog.get_logger("tintype.service")

RETRY_BLANK_WITHIN = 10.0
"""Seconds; a blank capture that took longer is not repeated."""
BLANK_EXTRA_DELAY, MAX_DELAY = 1500, 10_000
"""Milliseconds added to the delay of the second attempt at a blank page, and the maximum of the sum."""


class Capturer:
    """Captures pages and classifies them.

    ``clock`` is that of this worker, ``shared_clock`` the one of all workers that share the cache; both are in seconds
    since the epoch.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each part
        self,
        engine: Engine,
        target_checker: TargetChecker,
        cache: ThumbnailCache,
        classify: Callable[[Capture, Shot], Capture],
        clock: Callable[[], float],
        shared_clock: Callable[[], float],
        blank_retry: BlankRetry = BlankRetry.LOCAL,
    ) -> None:
        self._engine = engine
        self._target_checker = target_checker
        self._cache = cache
        self._classify = classify
        self._clock = clock
        self._shared_clock = shared_clock
        self._blank_retry = blank_retry

    def check_target(self, job: CaptureJob) -> None:
        """Resolve the host of the target; raises TargetDenied or TargetUnreachable."""
        with job.timed("lookup"):
            if not job.shot.navigation.html:
                self._target_checker.check(job.shot.url)

    def resolve_target(self, job: CaptureJob) -> None:
        """Resolve the host of the target; a failure is cached and raised."""
        with self._caching_failure(job.shot):
            self.check_target(job)

    def capture(self, job: CaptureJob) -> Capture:
        """The stages capture and classify; a failure is cached."""
        with job.timed("capture"), self._caching_failure(job.shot):
            capture = self._capture_with_retry(job)
        if job.freshness.forced:
            self._cache.clear_failure(job.shot)
        job.timings.update(capture.timings)
        return capture

    def _capture_with_retry(self, job: CaptureJob) -> Capture:
        """A new capture; a blank one is repeated once with a longer delay if the policy and the time allow it.

        The second visit counts against the client's rate limit, and is left out if that is exceeded.
        """
        begin = time.perf_counter()
        capture = self.capture_page(job, job.shot)
        if not self._blank_retry.applies_to(capture) or time.perf_counter() - begin > RETRY_BLANK_WITHIN:
            return capture
        if not job.charge():
            log.info("blank_retry_skipped", target=urls.host_of(job.shot.url))
            return capture
        log.info("blank_retried", target=urls.host_of(job.shot.url))
        try:
            return self.capture_page(job, with_longer_delay(job.shot))
        except TintypeError as error:
            log.warning("blank_retry_failed", target=urls.host_of(job.shot.url), error=error.code, reason=error.detail)
            return capture

    def capture_page(self, job: CaptureJob, shot: Shot) -> Capture:
        """One visit of the page, classified; its times are by the clocks of the cache and of this worker.

        The clock of the engine is not used, because that may run on another machine.
        """
        called_at = self._shared_clock()
        capture = self._engine.capture(shot, fresh=job.freshness.forced)
        begun_at = called_at + capture.begun_after
        capture = replace(capture, taken_at=self._clock(), begun_at=begun_at, begun_after=0.0)
        return self._classify(capture, job.shot)

    @contextmanager
    def _caching_failure(self, shot: Shot) -> Iterator[None]:
        begun_at = self._shared_clock()
        try:
            yield
        except TintypeError as error:
            if error.cacheable:
                self._cache.put_failure(shot, error, begun_at)
            raise


def with_longer_delay(shot: Shot) -> Shot:
    """The same shot, with more time for the page to render itself."""
    wait = shot.wait.model_copy(update={"delay": min(shot.wait.delay + BLANK_EXTRA_DELAY, MAX_DELAY)})
    return shot.model_copy(update={"wait": wait})
