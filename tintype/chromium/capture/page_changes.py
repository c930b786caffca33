"""How is a page changed before its picture? Styles from the beginning, the caller's script and click once it is there.

Styles and clicks come from a world of our own, out of the page's reach and of its content security policy; the caller's
script runs in the page's own world.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError
from tintype.chromium.cdp.tab import ScriptFailed, Tab, script_source
from tintype.errors import InvalidParameter, InvalidRequest
from tintype.options import Shot

_MAX_MESSAGE = 300


class PageChanger:
    """What a shot wants changed on one page."""

    def __init__(self, tab: Tab, shot: Shot) -> None:
        self._tab = tab
        self._shot = shot

    async def add_styles(self) -> None:
        """Put the caller's styles on the page, again where the page threw them away; raises InvalidRequest."""
        wanted = self._shot.page_changes
        if not (wanted.css or wanted.hide_selectors):
            return
        try:
            await self._tab.evaluate("caller_styles", wanted.css, wanted.hide_selectors)
        except ScriptFailed:
            raise InvalidRequest(
                InvalidParameter("hide_selectors", "must be CSS selectors separated by commas")
            ) from None

    async def run_script(self) -> None:
        """Run the caller's script and wait for what it promises; raises InvalidRequest with its own words."""
        session = self._tab.session
        try:
            answer = await session.call(
                "Runtime.evaluate",
                expression=self._shot.page_changes.js,
                replMode=True,  # await and let at the top, as in a console
                awaitPromise=True,
                userGesture=True,
            )
            promised = answer["result"]
            if promised.get("subtype") == "promise":
                answer = await session.call("Runtime.awaitPromise", promiseObjectId=promised["objectId"])
        except ProtocolError:
            return  # it sent the page elsewhere
        if "exceptionDetails" in answer and not self._tab.frozen:
            raise InvalidRequest(
                InvalidParameter("js", f"failed in the page: {_error_message(answer['exceptionDetails'])}")
            )

    async def click(self) -> None:
        """Click the element, which is there."""
        await self._tab.evaluate("click", self._shot.page_changes.click)


def preload_styles(session: CdpSession, shot: Shot) -> Iterator[asyncio.Future[Json]]:
    """The calls that have styles on a page before it is first drawn."""
    wanted = shot.page_changes
    if wanted.css or wanted.hide_selectors:
        said = f"{json.dumps(wanted.css)},{json.dumps(wanted.hide_selectors)}"
        yield session.post(
            "Page.addScriptToEvaluateOnNewDocument",
            source=f"({script_source('caller_styles')})({said})",
            worldName="tintype",
        )


def _error_message(details: Json) -> str:
    """The first line of what a script threw; the rest is a trace."""
    thrown = details.get("exception", {})
    said = str(thrown.get("description") or thrown.get("value") or details.get("text") or "")
    return said.partition("\n")[0][:_MAX_MESSAGE] or "it threw nothing that can be told"
