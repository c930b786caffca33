"""Scrolls to the anchor: the element or the text that the fragment of the target URL names.

The browser itself scrolls to what exists when the page has loaded, text fragments included. Later browsers give up;
a capture also scrolls to an element that scripts create until the screenshot, unless something has scrolled before.
``scroll_to`` has priority, and ``selector``, ``clip``, ``full_page`` and PDFs begin at the top of the page.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import Json
from tintype.chromium.cdp.tab import ISOLATED_WORLD, ScriptFailed, call_expression


def preload_anchor(page: PageContext) -> Iterator[asyncio.Future[Json]]:
    """The call that makes each document remember whether it has scrolled."""
    if "#" in page.shot.url:
        source = call_expression("preload_anchor")
        yield page.session.post("Page.addScriptToEvaluateOnNewDocument", source=source, worldName=ISOLATED_WORLD)


async def scroll_to_top(page: PageContext) -> None:
    """Undo the browser's scroll to the anchor."""
    if "#" in page.shot.url:
        await page.tab.evaluate("scroll_to", 0)


async def scroll_to_anchor(page: PageContext) -> None:
    """Scroll to an anchor that scripts have created after the load event."""
    if "#" in page.shot.url and not _has_other_region(page):
        with contextlib.suppress(ScriptFailed):
            page.scrolled_to_anchor |= bool(await page.tab.evaluate("scroll_to_anchor"))


def _has_other_region(page: PageContext) -> bool:
    region = page.shot.region
    return bool(region.selector or region.clip or region.full_page or region.scroll_to or page.shot.pdf)
