"""Waits until a page has loaded and is visually stable."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tintype.chromium.capture import motion
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.virtual_time import POLL_INTERVAL
from tintype.chromium.cdp.tab import ScriptFailed

_ADVANCE_MS = 3000
"""Milliseconds of virtual time that pass before the screenshot: most of what starts with a page is over by then."""
_STEP_MS = 250
"""Milliseconds of virtual time between two checks for pending work: a timer is early by less than this."""
_VISIT_SECONDS = 3.0
"""Real seconds in which a page may finish pending work, as long as a visitor waits before looking."""
_REAL_STEP = 0.015
"""Seconds between two checks while the page's time runs at the rate of real time."""
_FINE_STEPS = 10
"""Parts of such a step while operations are pending. The page stands still between two parts, so each operation of a
sequence takes one of them."""
_FURTHER_MS = 300
"""Milliseconds of virtual time after each change of the page."""
_MAX_ROUNDS = 4
"""Changes after which the page counts as one that is never stable."""
_LOADING_SECONDS = {"load": 1.0, "networkidle": 1.0, "domcontentloaded": 0.25}
"""Real seconds for what a page loads after the event of ``wait_until``."""
_SCRIPT_SECONDS = 1.0
"""Real seconds for the images, fonts and videos in the viewport."""
_MAX_NAVIGATIONS = 5
"""Documents that one page may navigate to, one after the other."""


async def wait_loaded(page: PageContext) -> None:
    """Wait for the event of ``wait_until`` and a stable page; if it navigates meanwhile, for the next document."""
    for _ in range(_MAX_NAVIGATIONS):
        await page.virtual_time.with_time_running(_wait_event(page), after=2 * POLL_INTERVAL)
        navigations = page.tab.navigations
        await wait_stable(page, _ADVANCE_MS)
        if navigations == page.tab.navigations:
            return


async def _wait_event(page: PageContext) -> None:
    """Wait for the event of ``wait_until``; ``networkidle`` follows ``load``."""
    until = page.shot.navigation.wait_until
    if until != "networkidle":
        await page.tab.wait_for(until)
        return
    await page.tab.wait_for("load")
    await page.network.wait_idle(page.pending_work.awaits_answers)


async def wait_stable(page: PageContext, milliseconds: float = _FURTHER_MS) -> None:
    """Advance virtual time until the page no longer changes, at most 4 times: some pages always change.

    The time of a page on which nothing is due need not be advanced.
    """
    loop, navigations = asyncio.get_running_loop(), page.tab.navigations
    await _run_wait_stable(page, only_changes=False)
    page.is_still = await _becomes_still(page, milliseconds)
    if page.is_still:
        return
    until = loop.time() + _LOADING_SECONDS[page.shot.navigation.wait_until]
    await _advance(page, milliseconds, until)
    for _ in range(_MAX_ROUNDS):
        if navigations != page.tab.navigations or not await _run_wait_stable(page, only_changes=True):
            return
        await page.virtual_time.advance(_FURTHER_MS, max(POLL_INTERVAL, until - loop.time()))


async def _becomes_still(page: PageContext, milliseconds: float) -> bool:
    """Whether nothing more will change the page within some milliseconds, nor by what it waits for."""
    for _ in range(_MAX_ROUNDS):
        if page.virtual_time.started or not await page.pending_work.is_idle():
            return False
        state = await _run_is_still(page, milliseconds)
        if state != "changed":
            return state == "still" and not await motion.has_moving_svg({page.session})
        await _run_wait_stable(page, only_changes=True)
    return False


async def _run_is_still(page: PageContext, milliseconds: float) -> Any:
    """The result of ``is_still.js``; None if it did not finish within a second."""
    with contextlib.suppress(TimeoutError, ScriptFailed):
        async with asyncio.timeout(_SCRIPT_SECONDS):
            return await page.tab.evaluate("is_still", page.key, milliseconds)
    return None


async def _advance(page: PageContext, milliseconds: float, until: float) -> None:
    """Advance virtual time in steps, at the rate of real time while the page waits for what virtual time cannot see.

    ``until`` is the time of the event loop to which the page may load.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + _VISIT_SECONDS
    left = milliseconds
    while True:
        if loop.time() < limit and await page.pending_work.is_pending():
            start = loop.time()
            parts = _FINE_STEPS if page.pending_work.has_operations else 1
            for _ in range(parts):
                await page.virtual_time.pass_real_time(_REAL_STEP / parts)
            left -= (loop.time() - start) * 1000
        elif left > 0:
            step = min(_STEP_MS, left)
            await page.virtual_time.advance(step, max(0.0, until - loop.time()))
            left -= step
        else:
            return


async def _run_wait_stable(page: PageContext, *, only_changes: bool) -> Any:
    """Run ``wait_stable.js`` for at most a second; falsy if it found no change, or did not finish."""
    with contextlib.suppress(TimeoutError, ScriptFailed):
        async with asyncio.timeout(_SCRIPT_SECONDS):
            script = page.tab.evaluate("wait_stable", page.key, motion.end_ms(page), page.checked_height, only_changes)
            return await page.virtual_time.with_time_running(script, after=2 * POLL_INTERVAL)
    return None


async def scroll_near(page: PageContext, top: float, height: float) -> None:
    """Scroll to a part of the page below the viewport and wait, so that what is lazy loads; then back to the top."""
    if await page.tab.evaluate("scroll_near", top, height):
        await page.tab.evaluate("render_skipped")
        await page.virtual_time.sync_with_wall_clock(POLL_INTERVAL)
        await wait_stable(page)
        await page.tab.evaluate("remember_seen", -1, 1)
        await page.tab.evaluate("scroll_to", 0)
