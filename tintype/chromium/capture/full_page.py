"""Prepares a full-page screenshot: expands inner scrollers, scrolls through the page, unpins fixed elements.

Scrolling loads lazy content. It proceeds by one viewport per step. Growth of the page and time are limited, because
some pages grow without end.
"""

from __future__ import annotations

import asyncio
import math

from tintype.chromium.capture.clip import Clip, fit_clip
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.page_area import find_full_page_clip, find_page_area

_STEP_MS = 100
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


def image_height(page: PageContext) -> int:
    """The greatest height of a full-page image in CSS pixels, by the operator's limit and the limit of pixels."""
    emulation = page.shot.emulation
    return int(fit_clip(Clip(0, 0, emulation.width, math.inf), emulation.scale, page.max_height).height)


async def scroll_through(page: PageContext) -> None:
    """Load everything down to :func:`image_height`, then scroll back to the top."""
    await page.tab.evaluate("render_skipped")
    await page.tab.evaluate("expand_scrollers")
    loop, max_height = asyncio.get_running_loop(), image_height(page)
    begin, top, until = loop.time(), 0, max_height
    while top < until and loop.time() - begin < _MAX_SECONDS:
        height = await _scroll_to(page, top)
        if not top:
            until = min(max_height, max(3 * height, height + _MAX_GROWTH * page.shot.emulation.height))
        elif top >= height:
            break
        await page.virtual_time.advance(_STEP_MS, max(_MIN_WAIT, begin + _LOADING_SECONDS - loop.time()))
        await page.tab.evaluate("remember_seen")
        top += page.shot.emulation.height
    await _scroll_to(page, 0)


async def restore_seen(page: PageContext) -> None:
    """Show again what the page showed only while it was in view."""
    await page.tab.evaluate("restore_seen", _MAX_ANIMATION_MS)


async def unpin_fixed(page: PageContext) -> None:
    """Place fixed and sticky elements so that a full-page image shows each once."""
    await page.tab.evaluate("render_skipped")
    clip, area = await find_full_page_clip(page), await find_page_area(page)
    await page.tab.evaluate("unpin_fixed", clip.height, clip.x - area.view_x, clip.width)


async def _scroll_to(page: PageContext, top: int) -> int:
    """Scroll and finish the animations that start there; returns the page's height in CSS pixels."""
    result = await page.tab.evaluate("scroll_to", top, {"maxAnimationMs": _MAX_ANIMATION_MS})
    return int(result["height"])
