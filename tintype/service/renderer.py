"""Classification and rendering of captures within the rendering limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tintype import imaging
from tintype.model import Capture, Thumbnail
from tintype.options import Rendition, Shot
from tintype.service.classify.classifier import classify
from tintype.service.rendering_limit import RenderingLimit
from tintype.service.thumbnail_cache import CacheLookup


class Renderer:
    """Makes thumbnails of new captures and of cached masters. Methods raise Overloaded beyond the limit."""

    def __init__(self, limit: RenderingLimit) -> None:
        self._limit = limit

    def classify(self, capture: Capture, shot: Shot) -> Capture:
        """Add the verdict; the classifier may look at the pixels."""
        with self._limit.acquire(capture.width * capture.height, held_bytes=len(capture.body)):
            return with_verdict(capture, shot)

    def render(self, capture: Capture, rendition: Rendition) -> Thumbnail:
        """Render a new capture: it waits with its body in memory and therefore goes first."""
        pixels = imaging.rendering_pixels(capture.width, capture.height, rendition)
        with self._limit.acquire(pixels, held_bytes=len(capture.body)):
            return imaging.render(capture, rendition)

    def render_master(
        self, lookup: CacheLookup, master: Capture, rendition: Rendition, accepts: Callable[[Capture], bool]
    ) -> Thumbnail | None:
        """Render the cached master that is accepted; None if it is gone. ``master`` is the same without its body.

        The body is read once there is a slot, so that requests which wait hold no image in memory.
        """
        with self._limit.acquire(imaging.rendering_pixels(master.width, master.height, rendition)):
            found = next(filter(accepts, lookup.read_masters()), None)
            return imaging.render(found, rendition) if found else None


def with_verdict(capture: Capture, shot: Shot) -> Capture:
    """Classify a capture; the verdict takes the place of the page features."""
    is_part = bool(shot.region.clip or shot.region.selector)
    return replace(capture, verdict=classify(capture, shot.url, is_part=is_part), features={})
