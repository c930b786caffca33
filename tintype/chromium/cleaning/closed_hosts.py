"""Registers the closed shadow trees that cleaning has to reach, without a copy of the whole page."""

from __future__ import annotations

import asyncio

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.elements import register_root
from tintype.chromium.cdp.connection import Json
from tintype.chromium.cdp.tab import call_expression

MAX_HOSTS = 40
"""Elements that are examined in one step; a hostile page can have any number of empty ones."""
_MAX_DEPTH = 3
"""Closed trees inside closed trees that are searched."""


async def register_hosts(page: PageContext) -> None:
    """Make closed shadow trees visible to ``deep_trees.js``, if their hosts look like it. Raises ProtocolError."""
    for _ in range(_MAX_DEPTH):
        if not await _register_once(page):
            return


async def _register_once(page: PageContext) -> bool:
    """Whether a closed tree was found that was not known before."""
    session = page.session
    answer = await session.call(
        "Runtime.evaluate",
        expression=call_expression("closed_hosts", MAX_HOSTS),
        contextId=await page.tab.world_id(),
        objectGroup="hosts",
    )
    if not (array := answer["result"].get("objectId")) or "exceptionDetails" in answer:
        return False
    listed = await session.call("Runtime.getProperties", objectId=array, ownProperties=True)
    hosts = [each["value"]["objectId"] for each in listed["result"] if each["name"].isdecimal()]
    nodes = await asyncio.gather(*(session.call("DOM.describeNode", objectId=host) for host in hosts))
    roots = {root for node in nodes for root in _closed_roots(node["node"])} - page.closed_roots
    await asyncio.gather(*(register_root(page, root) for root in roots))
    session.post("Runtime.releaseObjectGroup", objectGroup="hosts")
    page.closed_roots.update(roots)
    return bool(roots)


def _closed_roots(node: Json) -> list[int]:
    return [int(root["backendNodeId"]) for root in node.get("shadowRoots", ()) if root["shadowRootType"] == "closed"]
