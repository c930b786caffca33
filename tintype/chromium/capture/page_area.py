"""The area of a page that a visitor can scroll to: its size, its origin and its zoom."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tintype.chromium.capture.clip import Clip, fit_clip
from tintype.chromium.capture.context import PageContext
from tintype.model import Truncation


@dataclass(frozen=True, slots=True)
class PageArea:
    """Lengths in CSS pixels. Chromium counts from the left edge of all content, also in documents that start right."""

    x: float
    """The left edge: not 0 if the page starts at its right side and hides what overflows to the left."""
    width: float
    height: float
    zoom: float
    """Less than 1 on phones, where a page that is wider than the screen is shown smaller."""
    view_x: float
    """Left edge of the layout viewport at the current scroll position."""
    view_y: float


async def find_page_area(page: PageContext) -> PageArea:
    """Measure the page as it is scrolled and laid out now."""
    metrics = await page.session.call("Page.getLayoutMetrics")
    content, layout, visual = (metrics[f"css{name}"] for name in ("ContentSize", "LayoutViewport", "VisualViewport"))
    x, width = float(layout["pageX"]), float(visual["clientWidth"])
    if content["width"] > width and await page.tab.evaluate("scrolls_sideways"):
        x, width = 0.0, float(content["width"])
    height = max(content["height"], visual["clientHeight"])
    zoom = min(1.0, visual["scale"])
    return PageArea(x, width, height, zoom, layout["pageX"], layout["pageY"])


async def find_full_page_clip(page: PageContext) -> Clip:
    """The clip of a full-page image: the whole area within the limits."""
    area = await find_page_area(page)
    clip = Clip(area.x, 0, area.width, area.height, zoom=area.zoom)
    if page.rows_end < area.height:
        clip = replace(clip, height=page.rows_end, truncated=Truncation.SCREENS)
    return fit_clip(clip, page.shot.emulation.scale * area.zoom, page.max_height)
