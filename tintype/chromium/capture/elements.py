"""Finds the elements that options name by a CSS selector: wait_for, selector, click, scroll_to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.virtual_time import POLL_INTERVAL
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.tab import ScriptFailed, script_source
from tintype.errors import InvalidParameter, InvalidRequest, SelectorNotFound

Option = Literal["wait_for", "selector", "click", "scroll_to"]

_FIND_SECONDS = 3.0
"""Seconds in which a script of the page may still create the element."""
_CLOSED_INTERVAL = 0.5
"""Seconds between two searches for closed shadow trees, while no element matches."""
MAX_CLOSED_ROOTS = 200
"""Closed shadow trees that are searched; a hostile page can have any number."""
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
    loop, next_search = asyncio.get_running_loop(), 0.0
    while not (found := await query(page, option, selector)):
        if loop.time() >= next_search:
            next_search = loop.time() + _CLOSED_INTERVAL
            if await register_closed_roots(page):
                continue
        await page.virtual_time.sync_with_wall_clock(POLL_INTERVAL)
    return found


async def find_element(page: PageContext, option: Option, selector: str) -> Any:
    """As :func:`wait_for_element` for at most 3 s; then raises SelectorNotFound."""
    try:
        async with asyncio.timeout(_FIND_SECONDS):
            return await wait_for_element(page, option, selector)
    except TimeoutError:
        raise element_not_found(option) from None


async def register_closed_roots(page: PageContext) -> bool:
    """Make the closed shadow trees visible to ``deep_trees.js``; True if there are new ones.

    Scripts cannot reach them, not even in an isolated world; DevTools can. A page whose tree is too long to be sent
    keeps its closed trees closed.
    """
    try:
        tree = (await page.session.call("DOM.getDocument", depth=-1, pierce=True))["root"]
        unknown = (root for root in _closed_roots(tree) if root not in page.closed_roots)
        new = [*islice(unknown, max(0, MAX_CLOSED_ROOTS - len(page.closed_roots)))]
        await asyncio.gather(*(register_root(page, root) for root in new))
        page.session.post("DOM.disable")
    except ProtocolError:
        return False
    page.closed_roots.update(new)
    return bool(new)


def _closed_roots(tree: Json) -> Iterator[int]:
    """The backend ids of the closed shadow trees of the page's own document, from the outermost."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        nodes += node.get("children", ())
        for root in node.get("shadowRoots", ()):
            nodes.append(root)
            if root.get("shadowRootType") == "closed":
                yield int(root["backendNodeId"])


async def register_root(page: PageContext, root: int) -> None:
    """Make a closed shadow tree, by its backend node id, visible to ``deep_trees.js``."""
    context = await page.tab.world_id()
    node = await page.session.call("DOM.resolveNode", backendNodeId=root, executionContextId=context)
    source = script_source("register_closed_root")
    await page.session.call("Runtime.callFunctionOn", objectId=node["object"]["objectId"], functionDeclaration=source)


def element_not_found(option: Option) -> SelectorNotFound:
    """The error for a selector that matches nothing."""
    return SelectorNotFound(f"{option}: nothing on the page matches")
