"""Takes the screenshot of a stable page: the viewport, an element, a clip or the full page."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tintype import imaging
from tintype.chromium.capture.clip import Clip, fit_clip, png_size
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.elements import element_not_found, query
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.errors import EngineError, InvalidParameter, InvalidRequest

_SLOW_SCREENSHOT = 0.3
"""Seconds after which the page's time runs while Chromium takes the screenshot: it may be waiting for a frame."""


@dataclass(frozen=True, slots=True)
class RawCapture:
    """A PNG with its size in device pixels, or a PDF with the size of its sheet in CSS pixels."""

    body: bytes
    width: int
    height: int
    truncated: bool = False


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
    return RawCapture(png, width, height, truncated=bool(region and region.truncated))


async def _find_region(page: PageContext) -> Clip | None:
    """The part of the page that ``selector``, ``clip`` or ``full_page`` name; None for the viewport."""
    emulation, region = page.shot.emulation, page.shot.region
    if region.selector:
        box = await query(page, "selector", region.selector)
        if not box:
            raise element_not_found("selector")
        return fit_clip(Clip(**box), emulation.scale, page.max_height)
    if region.clip:
        clip, size = Clip(*region.clip), await _page_size(page)
        if clip.x >= size["width"] or clip.y >= max(size["height"], emulation.height):
            pixels = f"{size['width']:.0f} × {size['height']:.0f} pixels"
            raise InvalidRequest(InvalidParameter("clip", f"lies outside of the page, which has {pixels}"))
        return fit_clip(clip, emulation.scale, page.max_height)
    if region.full_page:
        size = await _page_size(page)
        clip = Clip(0, 0, emulation.width, max(size["height"], emulation.height))
        return fit_clip(clip, emulation.scale, page.max_height)
    return None


async def _page_size(page: PageContext) -> Json:
    """Width and height of the page's content in CSS pixels."""
    return dict((await page.session.call("Page.getLayoutMetrics"))["cssContentSize"])


async def _screenshot_region(page: PageContext, region: Clip | None) -> bytes:
    if region is None:
        return await _screenshot(page)
    if await _is_in_viewport(page, region):  # then Chromium need not resize the window
        return await _screenshot(page, **region.parameters(beyond_viewport=False))
    async with _scripts_paused(page):
        tiles = [await _screenshot(page, **tile.parameters()) for tile in region.tiles(page.shot.emulation.scale)]
    return tiles[0] if len(tiles) == 1 else await asyncio.to_thread(imaging.stitch_vertically, tiles)


async def _is_in_viewport(page: PageContext, region: Clip) -> bool:
    """Whether the page is scrolled to its top and its viewport contains the whole region."""
    viewport = (await page.session.call("Page.getLayoutMetrics"))["cssVisualViewport"]
    is_at_top = not (viewport["pageX"] or viewport["pageY"])
    return is_at_top and region.fits_in(viewport["clientWidth"], viewport["clientHeight"])


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


async def _screenshot(page: PageContext, **parameters: Any) -> bytes:
    call = page.session.call("Page.captureScreenshot", format="png", optimizeForSpeed=True, **parameters)
    answer = await page.virtual_time.with_time_running(call, after=_SLOW_SCREENSHOT)
    return await asyncio.to_thread(base64.b64decode, answer["data"])
