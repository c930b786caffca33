"""Captures one page of a job: parses its options under the current settings, and makes a result of every error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from tintype.errors import BackendUnavailable, BrowserCrashed, EngineError, Overloaded, TintypeError
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.model import Lease, PageResult, scope_of
from tintype.low_priority import low_priority
from tintype.model import PersistResult, Thumbnail
from tintype.request_parser import RequestParser, ThumbnailRequest
from tintype.service import ThumbnailService
from tintype.service.charging import CaptureCharge, charged_to

log = structlog.get_logger("tintype.jobs")

RETRIED = (Overloaded, BackendUnavailable, BrowserCrashed, EngineError)
"""Errors of this service, after which a page is captured again. A client retries pages with other errors."""


class PageCapturer:
    """Captures pages; ``charge_to`` returns what counts the captures of an API key by its name."""

    def __init__(
        self,
        service: ThumbnailService,
        parser: RequestParser,
        charge_to: Callable[[str], CaptureCharge | None] = lambda _: None,
    ) -> None:
        self._service, self._parser, self._charge_to = service, parser, charge_to

    def __call__(self, lease: Lease) -> CaptureOutcome:
        """Capture the page of a lease; never raises."""
        begun = time.monotonic()
        outcome = self._attempt(lease)
        return replace(outcome, result=replace(outcome.result, seconds=round(time.monotonic() - begun, 3)))

    def _attempt(self, lease: Lease) -> CaptureOutcome:
        try:
            pairs = [("url", lease.url), *json.loads(lease.options).items()]
            request = self._parser.parse(pairs)
            if lease.retried:
                request = replace(request, freshness=replace(request.freshness, forced=True))
            with low_priority(), charged_to(self._charge_to(lease.owner)):
                return CaptureOutcome(result=self._store(request, lease) if lease.stores else self._cache(request))
        except TintypeError as error:
            result = PageResult(error=error.code, detail=error.detail)
            return CaptureOutcome(result=result, retry_after=error.retry_after if isinstance(error, RETRIED) else None)
        except Exception:
            log.exception("job_page_failed", job=lease.job, page=lease.number)
            return CaptureOutcome(result=PageResult(error=TintypeError.code, detail=TintypeError.title))

    def _store(self, request: ThumbnailRequest, lease: Lease) -> PageResult:
        wanted, freshness, fail_on = request.capture_request, request.freshness, request.fail_on
        if scope := scope_of(lease.job):
            return _of_stored(self._service.persist_in(scope, wanted, freshness, fail_on=fail_on))
        return _of_stored(self._service.persist(wanted, freshness, fail_on=fail_on))

    def _cache(self, request: ThumbnailRequest) -> PageResult:
        result = self._service.get(request.capture_request, request.freshness, fail_on=request.fail_on)
        return _of_thumbnail(result.thumbnail)


def _of_stored(stored: PersistResult) -> PageResult:
    return PageResult(
        verdict=stored.verdict,
        key=stored.key,
        url=stored.url,
        content_type=stored.content_type,
        width=stored.width,
        height=stored.height,
        bytes=stored.bytes,
    )


def _of_thumbnail(thumbnail: Thumbnail) -> PageResult:
    return PageResult(
        verdict=thumbnail.verdict,
        http_status=thumbnail.status,
        final_url=thumbnail.final_url,
        content_type=thumbnail.mime,
        width=thumbnail.width,
        height=thumbnail.height,
        bytes=len(thumbnail.body),
    )
