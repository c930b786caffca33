"""Finds why a screenshot does not show the finished page: it still computes, connects or loads, or lacks resources.

Connections that stay open by nature are no reason: open sockets, event streams, bodies that are read as a stream, long
polling, beacons.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import ScriptFailed

_ANSWER_SECONDS = 2.0
"""Real seconds for a worker or a script; a worker that takes longer is computing."""


async def find_partial_reasons(page: PageContext) -> list[str]:
    """Reasons for ``X-Capture: partial``, sorted: ``deadline``, or what the page is doing, and limits of the proxy."""
    reasons: set[str] = {page.traffic.exceeded} if page.traffic.exceeded else set()
    if page.tab.frozen:
        return sorted(reasons | {"deadline"})
    unfinished, workers = await page.pending_work.find_unfinished(is_stalled=page.virtual_time.stalled)
    reasons |= unfinished
    if "computing" not in reasons and workers and await _has_busy_worker(page):
        reasons.add("computing")
    if "loading" not in reasons and page.virtual_time.stalled and await _answer(page.tab.evaluate("still_loading")):
        reasons.add("loading")
    return sorted(reasons)


async def _has_busy_worker(page: PageContext) -> bool:
    """Whether a dedicated worker is too busy to answer."""
    try:
        sessions = await page.frames.workers()
        calls = [session.call("Runtime.evaluate", expression="1") for session in sessions]
        async with asyncio.timeout(_ANSWER_SECONDS):
            await asyncio.gather(*calls, return_exceptions=True)
    except TimeoutError:
        return True
    except (ProtocolError, TargetClosed):
        pass
    return False


async def _answer(script: Awaitable[object]) -> bool:
    """The answer of a script; false if it does not answer in time."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return bool(await script)
    except (TimeoutError, ScriptFailed):
        return False
