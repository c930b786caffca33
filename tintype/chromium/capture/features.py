"""Reads the page features and the metadata that a page reports about itself."""

from __future__ import annotations

import asyncio
from typing import Any

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.loading_screen import read_loading_screen
from tintype.chromium.cdp.connection import Json
from tintype.chromium.cdp.tab import ScriptFailed
from tintype.chromium.cleaning import bundled_rules

_READ_SECONDS = 1.0
"""Real seconds for each script; a page can be too busy to run it."""


async def read_features(page: PageContext) -> Json:
    """HTTP status, URL, title and page features; empty if the page does not answer in time."""
    reading = asyncio.create_task(read_loading_screen(page))  # begins after the features, which have less time
    try:
        info = await read_report(page, "page_features", bundled_rules.marks(), bundled_rules.consent_selectors())
        loading = await reading
    finally:
        reading.cancel()
    if loading and info.get("features"):
        info["features"]["loading"] = loading
    return info


async def read_metadata(page: PageContext) -> Json:
    """Title, description, icons and link-preview properties; empty if the page does not answer in time."""
    return await read_report(page, "metadata")


async def read_report(page: PageContext, script: str, *arguments: Any, seconds: float = _READ_SECONDS) -> Json:
    """The object that one of ``scripts/`` returns; empty if the page does not answer in time."""
    try:
        async with asyncio.timeout(seconds):
            if info := await page.tab.evaluate(script, *arguments):
                return dict(info)
            reason = "frozen"
    except (TimeoutError, ScriptFailed) as failure:
        reason = type(failure).__name__
    page.log.warning("features_unavailable", script=script, reason=reason)
    return {}
