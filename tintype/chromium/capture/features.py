"""Reads the page features and the metadata that a page reports about itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.loading_screen import read_loading_screen
from tintype.chromium.cdp.connection import Json
from tintype.chromium.cdp.tab import ScriptFailed
from tintype.chromium.cleaning import bundled_rules

_READ_SECONDS = 1.0
"""Real seconds for each script, after the end of the screenshot: a page can be too busy to run it, and on a machine
with little CPU time a page that answers does so as late as its screenshot."""


async def read_features(page: PageContext, screenshot: asyncio.Future[Any] | None = None) -> Json:
    """HTTP status, URL, title and page features; empty if the page does not answer in time."""
    reading = asyncio.create_task(read_loading_screen(page))  # begins after the features, which have less time
    try:
        rules = bundled_rules.marks(), bundled_rules.consent_selectors()
        info = await read_report(page, "page_features", *rules, screenshot=screenshot)
        loading = await reading
    finally:
        reading.cancel()
    if loading and info.get("features"):
        info["features"]["loading"] = loading
    return info


async def read_metadata(page: PageContext, screenshot: asyncio.Future[Any] | None = None) -> Json:
    """Title, description, icons and link-preview properties; empty if the page does not answer in time."""
    return await read_report(page, "metadata", screenshot=screenshot)


async def read_report(
    page: PageContext,
    script: str,
    *arguments: Any,
    seconds: float = _READ_SECONDS,
    screenshot: asyncio.Future[Any] | None = None,
) -> Json:
    """The object that one of ``scripts/`` returns; empty if the page does not answer in time.

    The time begins with the end of a screenshot that is being taken.
    """
    try:
        async with asyncio.timeout(None if screenshot else seconds) as limit, _starting(limit, seconds, screenshot):
            if info := await page.tab.evaluate(script, *arguments):
                return dict(info)
            reason = "frozen"
    except (TimeoutError, ScriptFailed) as failure:
        reason = type(failure).__name__
    page.log.warning("features_unavailable", script=script, reason=reason)
    return {}


@asynccontextmanager
async def _starting(
    limit: asyncio.Timeout, seconds: float, screenshot: asyncio.Future[Any] | None
) -> AsyncIterator[None]:
    """Start a time limit when the screenshot has ended, if one is being taken."""
    is_over = False

    def start(_: object) -> None:
        if not is_over:  # asyncio calls it also if it was removed in the moment in which the screenshot ended
            limit.reschedule(asyncio.get_running_loop().time() + seconds)

    if screenshot:
        screenshot.add_done_callback(start)
    try:
        yield
    finally:
        is_over = True
        if screenshot:
            screenshot.remove_done_callback(start)
