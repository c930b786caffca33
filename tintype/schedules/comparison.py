"""Decides whether a page has changed since the run before, and stores a picture of the difference."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from tintype import imaging
from tintype.errors import BackendUnavailable, EngineError, StorageFull
from tintype.imaging import Box, ImageDifference
from tintype.model import STORED_PREFIX, Thumbnail, digest_of
from tintype.request_parser import RequestParser
from tintype.schedules.model import Region, RunPage, Schedule
from tintype.service import ThumbnailService

log = structlog.get_logger("tintype.schedules")

MAX_PICTURE = 64 << 20
"""Bytes of a stored thumbnail that is compared; the stored PNG of a page of 60 million pixels can have more."""


@dataclass(frozen=True, slots=True)
class PageComparer:
    """Compares the thumbnails of two runs, within the rendering limit of this process."""

    service: ThumbnailService
    parser: RequestParser
    clock: Callable[[], float] = time.time

    def compare(self, schedule: Schedule, page: RunPage, before: str) -> RunPage:
        """The page with its change since the thumbnail with the key ``before``; raises Overloaded.

        Without a thumbnail to compare with, the page has no change, and ``detail`` has the reason.
        """
        if before == page.key:
            return replace(page, change=0.0, before=before)
        try:
            bodies = [self._read(key) for key in (before, page.key)]
            pixels = sum(math.prod(imaging.size(body)[:2]) for body in bodies)
            with self.service.drawing(pixels):
                return self._compared(schedule, replace(page, before=before), *bodies)
        except (BackendUnavailable, EngineError) as error:
            log.warning("schedule_comparison_failed", schedule=schedule.id, page=page.number, reason=error.detail)
            return replace(page, detail=f"the page was captured, but not compared: {error.detail}")

    def _read(self, key: str) -> bytes:
        """A stored thumbnail; raises BackendUnavailable if it was deleted."""
        stored = self.service.open_stored(key)
        if stored is None:
            raise BackendUnavailable("the thumbnail was deleted; keep stored thumbnails for two runs at least")
        with stored.file:
            stored.file.seek(0)
            body = stored.file.read(MAX_PICTURE + 1)
        if len(body) > MAX_PICTURE:
            raise EngineError(f"the thumbnail has more than {MAX_PICTURE >> 20} MB; request webp or a smaller one")
        return body

    def _compared(self, schedule: Schedule, page: RunPage, before: bytes, after: bytes) -> RunPage:
        ignored = self._ignored_boxes(schedule, page)
        difference = imaging.find_difference(before, after, ignored)
        change = round(100 * difference.share, 4)
        changed = change > schedule.spec.threshold
        picture = self._store_picture(schedule, page, after, difference) if changed else ""
        return replace(page, change=change, changed=changed, difference=picture)

    def _store_picture(self, schedule: Schedule, page: RunPage, after: bytes, difference: ImageDifference) -> str:
        """The storage key of the difference picture; empty if it cannot be stored."""
        body, width, height, mime = imaging.draw_difference(after, difference)
        picture = Thumbnail(
            body=body, mime=mime, width=width, height=height, taken_at=self.clock(), digest=digest_of(body)
        )
        try:
            return self.service.store_picture(schedule.id, page.url, picture).key
        except (StorageFull, BackendUnavailable) as error:
            log.warning("schedule_difference_lost", schedule=schedule.id, page=page.number, reason=error.detail)
            return ""

    def _ignored_boxes(self, schedule: Schedule, page: RunPage) -> list[Box]:
        regions = schedule.spec.ignore_regions
        if not regions:
            return []
        options = page_options(schedule.spec.job, page.number)
        request = self.parser.parse([*{**options, "url": page.url}.items()]).capture_request
        shot, rendition = request.shot, request.rendition
        css_width = shot.region.clip[2] if shot.region.clip else shot.emulation.width
        factor = page.width / css_width if rendition.thumb_width else shot.emulation.scale
        return [to_pixels(region, factor) for region in regions]


def to_pixels(region: Region, factor: float) -> Box:
    """The box of whole pixels around a region; ``factor`` is in pixels per CSS pixel."""
    left, top = math.floor(region[0] * factor), math.floor(region[1] * factor)
    right, bottom = math.ceil((region[0] + region[2]) * factor), math.ceil((region[1] + region[3]) * factor)
    return left, top, right - left, bottom - top


def page_options(job: Mapping[str, Any], number: int) -> dict[str, Any]:
    """The options of a page of a job, as the client sent them; ``number`` counts from 1."""
    pages = job.get("pages", ())
    own = pages[number - 1] if number <= len(pages) else {}
    merged = {**job.get("options", {}), **(own if isinstance(own, Mapping) else {})}
    merged.pop("url", None)
    return merged


def address_of(key: str) -> str:
    """The part of a storage key that is equal for equal requests of one schedule: only such pictures are compared."""
    return key.partition("-")[0].removeprefix(STORED_PREFIX)


def last_pictures(runs: Sequence[Any]) -> dict[str, str]:
    """The latest thumbnail of each request, by the address in its key; runs are ordered from the newest."""
    found: dict[str, str] = {}
    for run in runs:
        for page in run.pages:
            if page.key:
                found.setdefault(address_of(page.key), page.key)
    return found
