"""Takes the screenshot of a stable page: the viewport, an element, a clip or the full page."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from tintype import imaging
from tintype.chromium.capture.clip import Clip, fit_clip, png_size
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.elements import element_not_found, query
from tintype.chromium.capture.page_area import find_full_page_clip, find_page_area
from tintype.chromium.cdp.connection import ProtocolError
from tintype.errors import EngineError, InvalidParameter, InvalidRequest
from tintype.model import Truncation

_SLOW_SCREENSHOT = 0.3
"""Seconds after which the page's time runs while Chromium takes the screenshot: it may be waiting for a frame."""


@dataclass(frozen=True, slots=True)
class RawCapture:
    """A PNG with its size in device pixels, or a PDF with the size of its sheet in CSS pixels."""

    body: bytes
    width: int
    height: int
    truncated: Truncation = Truncation.NONE


async def take_screenshot(page: PageContext) -> RawCapture:
    """A PNG of the region; raises TintypeError, or ProtocolError while the page is between two documents."""
    region = await _find_region(page)
    try:
        png = await _screenshot_region(page, region)
    except ProtocolError as error:
        if "Unable to capture" in error.message:
            raise EngineError("the page is too large for a screenshot") from None
        raise
    try:
        width, height = png_size(png)
    except ValueError:
        raise EngineError("the browser returned an empty image") from None
    return RawCapture(png, width, height, truncated=_truncation(page, region) if region else Truncation.NONE)


def _truncation(page: PageContext, region: Clip) -> Truncation:
    return Truncation.SCREENS if page.rows_end < region.y + region.height else region.truncated


async def _find_region(page: PageContext) -> Clip | None:
    """The part of the page that ``selector``, ``clip`` or ``full_page`` name; None for the viewport."""
    emulation, region = page.shot.emulation, page.shot.region
    if region.selector:
        return await _find_element_clip(page, region.selector)
    if region.clip:
        clip, area = Clip(*region.clip), await find_page_area(page)
        if clip.x >= area.width or clip.y >= max(area.height, emulation.height):
            pixels = f"{area.width:.0f} × {area.height:.0f} pixels"
            raise InvalidRequest(InvalidParameter("clip", f"lies outside of the page, which has {pixels}"))
        return fit_clip(replace(clip, x=clip.x + area.x), emulation.scale, page.max_height)
    if region.full_page:
        return await find_full_page_clip(page)
    return None


async def _find_element_clip(page: PageContext, selector: str) -> Clip:
    """The visible part of an element; raises SelectorNotFound if no scroll position shows any of it."""
    box, area = await query(page, "selector", selector), await find_page_area(page)
    if not box:
        raise element_not_found("selector")
    truncated = Truncation.SCROLLER if box.pop("hidden") else Truncation.NONE
    clip = Clip(**box, truncated=truncated)
    clip = replace(clip, x=clip.x + area.view_x, y=clip.y + area.view_y)
    if clip.x + clip.width <= 0 or clip.y + clip.height <= 0:
        raise element_not_found("selector")
    return fit_clip(clip, page.shot.emulation.scale, page.max_height)


async def _screenshot_region(page: PageContext, region: Clip | None) -> bytes:
    view = None if region is None else await _viewport(page)
    if region is None or view == (region.x, region.y, region.width, region.height):
        return await screenshot_viewport(page)  # a clip of this size moves a page that starts at its right side
    if view and _is_in_viewport(region, *view):  # then Chromium need not resize the window
        return await screenshot_viewport(page, **region.parameters(beyond_viewport=False))
    async with _scripts_paused(page):
        tiles = [
            await screenshot_viewport(page, **tile.parameters())
            for tile in region.tiles(page.shot.emulation.scale * region.zoom)
        ]
    png = tiles[0] if len(tiles) == 1 else await asyncio.to_thread(imaging.stitch_vertically, tiles)
    if not page.patches:
        return png
    factor = page.shot.emulation.scale * region.zoom
    return await asyncio.to_thread(imaging.apply_patches, png, page.patches, (region.x, region.y), factor)


async def _viewport(page: PageContext) -> tuple[float, float, float, float]:
    """The part of the page in the viewport: left, top, width, height."""
    metrics = await page.session.call("Page.getLayoutMetrics")
    layout, visual = metrics["cssLayoutViewport"], metrics["cssVisualViewport"]
    x, y = (layout[axis] + visual[offset] for axis, offset in (("pageX", "offsetX"), ("pageY", "offsetY")))
    return float(x), float(y), float(visual["clientWidth"]), float(visual["clientHeight"])


def _is_in_viewport(region: Clip, x: float, y: float, width: float, height: float) -> bool:
    """Whether the page is scrolled to its upper left corner and its viewport contains the whole region."""
    return not (x or y) and region.zoom == 1 and region.fits_in(width, height)


@contextlib.asynccontextmanager
async def _scripts_paused(page: PageContext) -> AsyncIterator[None]:
    """Disable the page's scripts, unless its styles depend on that (the media feature ``scripting``).

    Beyond the viewport Chromium briefly resizes the window by one pixel; pages with resize listeners would re-render.
    """
    if page.tab.frozen or await page.tab.evaluate("uses_scripting_query"):
        yield
        return
    page.session.post("Emulation.setScriptExecutionDisabled", value=True)
    try:
        yield
    finally:
        page.session.post("Emulation.setScriptExecutionDisabled", value=page.tab.frozen)


async def screenshot_viewport(page: PageContext, **parameters: Any) -> bytes:
    """A PNG of the viewport, or of the clip in ``parameters``."""
    call = page.session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True, **parameters)
    answer = await page.virtual_time.with_time_running(call, after=_SLOW_SCREENSHOT)
    return await asyncio.to_thread(base64.b64decode, answer["data"])
