"""Prepares a full-page screenshot: expands inner scrollers, scrolls through the page, unpins fixed elements.

Scrolling loads lazy content. It proceeds by one viewport per step. Growth of the page and time are limited, because
some pages grow without end.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

from tintype.chromium.capture.clip import Clip, fit_clip
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.elements import register_closed_roots
from tintype.chromium.capture.filling_frames import expand_frames
from tintype.chromium.capture.page_area import find_full_page_clip, find_page_area

_STEP_MS = 250
"""Milliseconds of virtual time at every step."""
_MAX_ANIMATION_MS = 5000
"""Animations of at most this length that start during scrolling are finished."""
_MAX_GROWTH = 10
"""Viewports by which a page may grow while it is scrolled, or twice its height if that is more."""
_MAX_SECONDS = 6.0
"""Real seconds for scrolling down."""
_LOADING_SECONDS = 2.0
"""Real seconds for everything that loads on the way."""
_MIN_WAIT = 0.02
_MAX_SCROLLERS = 3
"""Elements that scroll in place of the document, one inside the other."""
DOCUMENT = -1
"""The document, where page scripts expect the number of an element that scrolls."""


def image_height(page: PageContext) -> int:
    """The greatest height of a full-page image in CSS pixels, by the operator's limit and the limit of pixels."""
    emulation = page.shot.emulation
    return int(fit_clip(Clip(0, 0, emulation.width, math.inf), emulation.scale, page.max_height).height)


async def scroll_through(page: PageContext) -> None:
    """Load everything down to :func:`image_height`, then scroll back to the top."""
    await _register_closed_roots(page)
    await page.tab.evaluate("render_skipped")
    await expand_frames(page, image_height(page))
    begin = asyncio.get_running_loop().time()
    await expand_scrollers(page)
    await _walk(page, DOCUMENT, begin)


async def expand_scrollers(page: PageContext) -> None:
    """Scroll through elements that scroll in place of the document, and make them as tall as their content."""
    begin = asyncio.get_running_loop().time()
    while await _find_scroller(page):
        await _walk(page, page.expanded, begin)
        await _expand_scroller(page)


async def _find_scroller(page: PageContext) -> bool:
    await page.tab.evaluate("disable_transitions")
    return page.expanded < _MAX_SCROLLERS and bool(await page.tab.evaluate("find_scroller"))


async def _expand_scroller(page: PageContext) -> None:
    await page.tab.evaluate("expand_scroller", page.expanded, image_height(page))
    page.expanded += 1


async def scroll_through_part(page: PageContext, top: float, bottom: float) -> None:
    """Load everything between two heights of the page, then scroll back to the top."""
    await _walk(page, DOCUMENT, asyncio.get_running_loop().time(), top, bottom)


async def _walk(page: PageContext, scroller: int, begin: float, first: float = 0, last: float = math.inf) -> None:
    """Scroll down by one screen per step, and back; records what each screen shows. ``begin`` is when walks began."""
    loop = asyncio.get_running_loop()
    top, step, until, height = max(0, first), int(first > 0), last, math.inf
    max_height = min(last, first + image_height(page))
    while top < min(until, height) and loop.time() - begin < _MAX_SECONDS:
        seen = await scroll_step(page, scroller, top)
        if height == math.inf:
            until = min(max_height, max(3 * seen["height"], seen["height"] + _MAX_GROWTH * seen["screen"]))
        height = seen["height"]
        await page.virtual_time.advance(_STEP_MS, max(_MIN_WAIT, begin + _LOADING_SECONDS - loop.time()))
        await page.tab.evaluate("remember_seen", scroller, step)
        top, step = top + seen["screen"], step + 1
    if top < min(max_height, height):
        page.unseen_ends.add(scroller)
    await scroll_step(page, scroller, 0)


async def restore_seen(page: PageContext) -> None:
    """Show again what the page showed only while it was in view."""
    await page.tab.evaluate("restore_seen", _MAX_ANIMATION_MS)


async def unpin_fixed(page: PageContext) -> None:
    """Place fixed and sticky elements so that a full-page image shows each once."""
    await _register_closed_roots(page)
    await page.tab.evaluate("render_skipped")
    clip, area = await find_full_page_clip(page), await find_page_area(page)
    await page.tab.evaluate("unpin_fixed", clip.height, clip.x - area.view_x, clip.width)


async def _register_closed_roots(page: PageContext) -> None:
    """Register them if there are any: the whole tree of a page is too long to be read for nothing."""
    if page.pending_work.closed_roots:
        await register_closed_roots(page)


async def scroll_step(page: PageContext, scroller: int, top: float) -> dict[str, Any]:
    """Scroll the document or an element, and finish the animations that start there; returns height and screen."""
    return dict(await page.tab.evaluate("scroll_step", scroller, top, _MAX_ANIMATION_MS))
