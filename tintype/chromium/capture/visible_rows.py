"""Captures lists that keep only the rows in view, screen by screen, for a full-page image.

A list, table or editor of thousands of rows often has only the visible ones in the document. Drawn from the top, beyond
the viewport, the others are missing. The walk of ``full_page`` has recorded what it saw; if the page at its top lacks
rows of that, they are captured where they are in view, and replace the empty part of the image.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from dataclasses import dataclass, replace
from typing import Any

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.full_page import DOCUMENT, image_height, scroll_step
from tintype.chromium.capture.page_area import find_page_area
from tintype.chromium.capture.screenshot import screenshot_viewport
from tintype.chromium.cdp.tab import ScriptFailed
from tintype.imaging import Patch

MAX_SCREENS = 60
"""Screens captured of one page."""
MAX_SECONDS = 12.0
"""Real seconds for these screens."""
_SETTLE_MS = 300
"""Milliseconds of virtual time at each screen: lists draw some rows only after scrolling has ended."""
_LOADING_SECONDS = 3.0
"""Real seconds for what the screens of one page load."""
_MIN_WAIT = 0.05
_RESERVE = 2.0
"""Seconds before the soft deadline that are left for the screenshot."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """The box of lost rows on the page, in CSS pixels, and what scrolls it."""

    index: int
    x: float
    y: float
    width: float
    height: float


async def capture_lost_rows(page: PageContext, part: tuple[float, float] | None = None) -> None:
    """Capture what walks through the page have seen and the page does not show at its top.

    ``part`` is the top and the bottom of the region to capture; None for the whole page.
    """
    lost = [_limit(page, _Rows(**box), part) for box in await page.tab.evaluate("find_lost_rows") or ()]
    if lost:
        with page.timed("rows"), contextlib.suppress(ScriptFailed):
            await _capture(page, sorted(lost, key=lambda rows: rows.index))


def _limit(page: PageContext, rows: _Rows, part: tuple[float, float] | None) -> _Rows:
    """The rows that the image shows; all below, if the walk has not reached their end."""
    if part:
        top = max(0, part[0])
        return replace(rows, y=top, height=part[1] - top)
    height = math.inf if rows.index in page.unseen_ends else rows.height
    return replace(rows, height=min(height, image_height(page) - rows.y))


async def _capture(page: PageContext, lost: list[_Rows]) -> None:
    begin = asyncio.get_running_loop().time()
    until = min(begin + MAX_SECONDS, page.deadline - _RESERVE)
    for rows in lost:
        if rows.index != DOCUMENT:
            await page.tab.evaluate("collapse_scrollers")
        await _capture_screens(page, rows, begin, until)
        await scroll_step(page, rows.index, 0)
    await page.tab.evaluate("hide_pinned", None)
    for index in range(page.expanded):
        await page.tab.evaluate("expand_scroller", index, image_height(page))
    await page.virtual_time.advance(_SETTLE_MS, _MIN_WAIT)


async def _capture_screens(page: PageContext, rows: _Rows, begin: float, until: float) -> None:
    loop, area = asyncio.get_running_loop(), await find_page_area(page)
    seen = await scroll_step(page, rows.index, 0)
    step = _screen_step(math.floor(seen["screen"]), page.shot.emulation.scale * area.zoom)
    number = max(0, int(rows.y // step) - 1)
    while True:
        if len(page.patches) >= MAX_SCREENS or loop.time() > until:
            page.rows_end = min(page.rows_end, number * step)
            return
        seen = await scroll_step(page, rows.index, number * step)
        await page.virtual_time.advance(_SETTLE_MS, max(_MIN_WAIT, begin + _LOADING_SECONDS - loop.time()))
        is_page_end = (number + 1) * step >= seen["height"]
        view = await page.tab.evaluate("hide_pinned", rows.index, number == 0, is_page_end)
        page.patches.append(_patch(await screenshot_viewport(page), rows, view, area.view_x))
        number += 1
        if is_page_end or number * step >= rows.y + rows.height:
            return


def _patch(png: bytes, rows: _Rows, view: dict[str, Any], view_x: float) -> Patch:
    """The rows of one screen: ``view`` is the part of the viewport in which they move."""
    top = max(view["top"], rows.y - view["scrolled"])
    bottom = min(view["bottom"], rows.y + rows.height - view["scrolled"])
    return Patch(png, rows.x - view_x, top, rows.width, max(0, bottom - top), rows.x, top + view["scrolled"])


def _screen_step(screen: int, scale: float) -> int:
    """The longest step of at most one screen that is a whole number of device pixels."""
    steps = (step for step in range(screen, max(screen - 200, 0), -1) if round(step * scale, 4).is_integer())
    return next(steps, screen)
