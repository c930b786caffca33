"""Applies the request's changes to the page: css, hide_selectors, js, click.

Styles and clicks run in an isolated world, out of reach of the page's scripts and of its content security policy. The
script of ``js`` runs in the page's own world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.elements import find_element, register_closed_roots
from tintype.chromium.cdp.connection import Json, ProtocolError
from tintype.chromium.cdp.tab import ISOLATED_WORLD, ScriptFailed, call_expression
from tintype.errors import InvalidParameter, InvalidRequest

_MAX_MESSAGE = 300


def preload_styles(page: PageContext) -> Iterator[asyncio.Future[Json]]:
    """The call that adds ``css`` and ``hide_selectors`` before each document is first drawn."""
    changes = page.shot.page_changes
    if changes.css or changes.hide_selectors:
        script = call_expression("caller_styles", changes.css, changes.hide_selectors)
        yield page.session.post("Page.addScriptToEvaluateOnNewDocument", source=script, worldName=ISOLATED_WORLD)


async def add_styles(page: PageContext) -> None:
    """Add ``css`` and ``hide_selectors``, again if the page removed them; raises InvalidRequest."""
    changes = page.shot.page_changes
    if not (changes.css or changes.hide_selectors):
        return
    if changes.hide_selectors:
        await register_closed_roots(page)
    try:
        await page.tab.evaluate("caller_styles", changes.css, changes.hide_selectors)
    except ScriptFailed:
        wrong = InvalidParameter("hide_selectors", "must be CSS selectors separated by commas")
        raise InvalidRequest(wrong) from None


async def run_script(page: PageContext) -> None:
    """Run ``js`` and await the promise it returns; raises InvalidRequest with the message of what it threw."""
    try:
        answer = await page.session.call(
            "Runtime.evaluate",
            expression=page.shot.page_changes.js,
            replMode=True,  # top-level await and let, as in a console
            awaitPromise=True,
            userGesture=True,
        )
        returned = answer["result"]
        if returned.get("subtype") == "promise":
            answer = await page.session.call("Runtime.awaitPromise", promiseObjectId=returned["objectId"])
    except ProtocolError:
        return  # the script navigated the page away
    if "exceptionDetails" in answer and not page.tab.frozen:
        message = _error_message(answer["exceptionDetails"])
        raise InvalidRequest(InvalidParameter("js", f"failed in the page: {message}"))


async def click(page: PageContext) -> None:
    """Click the element of ``click``; raises SelectorNotFound or InvalidRequest."""
    selector = page.shot.page_changes.click
    await find_element(page, "click", selector)
    await page.tab.evaluate("click", selector)


def _error_message(details: Json) -> str:
    """The first line of what a script threw; the others are the stack trace."""
    thrown = details.get("exception", {})
    text = str(thrown.get("description") or thrown.get("value") or details.get("text") or "")
    return text.partition("\n")[0][:_MAX_MESSAGE] or "it threw a value without text"
