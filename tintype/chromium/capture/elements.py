"""Finds the elements that options name by a CSS selector: wait_for, selector, click, scroll_to."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.virtual_time import POLL_INTERVAL
from tintype.chromium.cdp.tab import ScriptFailed
from tintype.errors import InvalidParameter, InvalidRequest, SelectorNotFound

Option = Literal["wait_for", "selector", "click", "scroll_to"]

_FIND_SECONDS = 3.0
"""Seconds in which a script of the page may still create the element."""
_SCRIPTS: dict[Option, str] = {
    "wait_for": "exists",
    "selector": "reveal_element",
    "click": "element_box",
    "scroll_to": "scroll_to",
}
"""The page script that finds the element of each option."""


async def query(page: PageContext, option: Option, selector: str) -> Any:
    """Return the result of the option's script for a selector: falsy if nothing matches. Raises InvalidRequest."""
    try:
        return await page.tab.evaluate(_SCRIPTS[option], selector)
    except ScriptFailed:
        raise InvalidRequest(InvalidParameter(option, "must be a valid CSS selector")) from None


async def wait_for_element(page: PageContext, option: Option, selector: str) -> Any:
    """Query until an element matches; the deadline of the capture ends it."""
    while not (found := await query(page, option, selector)):
        await page.virtual_time.sync_with_wall_clock(POLL_INTERVAL)
    return found


async def find_element(page: PageContext, option: Option, selector: str) -> Any:
    """As :func:`wait_for_element` for at most 3 s; then raises SelectorNotFound."""
    try:
        async with asyncio.timeout(_FIND_SECONDS):
            return await wait_for_element(page, option, selector)
    except TimeoutError:
        raise element_not_found(option) from None


def element_not_found(option: Option) -> SelectorNotFound:
    """The error for a selector that matches nothing."""
    return SelectorNotFound(f"{option}: nothing on the page matches")
