"""One page in the browser: what it has reached, scripts of ours in it, and the means to stop it."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from importlib.resources import files
from typing import Any

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError

ISOLATED_WORLD = "tintype"
"""The world of our scripts: they share the document with the page's, and nothing else."""

_MAX_DIALOGS, _MAX_POPUPS = 1000, 50
"""After so many the page is stopped: it does not mean well."""
_RETRY_DELAY = 0.05
"""Seconds before a script is tried again on a page that moved on under it."""


class ScriptFailed(Exception):
    """A script of ours threw."""


class Tab:
    """Follows the main frame. Frames, workers and the page's own console are none of our business."""

    def __init__(self, session: CdpSession, frame: str, browser_context: str) -> None:
        self.session = session
        self.document: Json = {}
        """The main frame as of its last navigation; empty before the first."""
        self.navigations = 0
        """Navigations of the main frame so far."""
        self.frozen = False
        self.frame = frame
        self.browser_context = browser_context
        """Id of the CDP browser context that the page belongs to."""
        self._reached: set[str] = set()
        self._changed: asyncio.Future[Any] | None = None
        self._world: int | None = None
        self._dialogs = 0
        self._popups = 0
        self._listen()

    async def wait_for(self, milestone: str) -> None:
        """Wait for ``committed``, ``domcontentloaded``, ``load`` or ``networkidle``; raises Ended."""
        while milestone not in self._reached:
            self._changed = self.session.create_future()
            await self._changed

    async def evaluate(self, script: str, *arguments: Any) -> Any:
        """Run one of ``scripts/`` in a world of its own, out of the page's reach; raises ScriptFailed and Ended."""
        while True:
            try:
                answer = await self.session.call(
                    "Runtime.evaluate",
                    expression=call_expression(script, *arguments),
                    contextId=await self._world_id(),
                    awaitPromise=True,
                    returnByValue=True,
                )
            except ProtocolError:
                self._world = None
                await asyncio.sleep(_RETRY_DELAY)
                continue
            if "exceptionDetails" in answer and not self.frozen:
                raise ScriptFailed(str(answer["result"].get("description", ""))[:300])
            return answer["result"].get("value")

    def freeze(self) -> None:
        """Stop scripts and loading. Nothing is awaited: the page may be too busy to answer."""
        self.frozen = True
        self.session.post("Emulation.setScriptExecutionDisabled", value=True)
        self.session.post("Page.stopLoading")
        self.session.post("Runtime.terminateExecution")

    def count_popup(self) -> None:
        """A window it opened was closed."""
        self._popups += 1
        if self._popups == _MAX_POPUPS:
            self.freeze()

    def _listen(self) -> None:
        on = self.session.on
        on("Page.frameStartedLoading", self._on_started_loading)
        on("Page.frameNavigated", self._on_navigated)
        on("Page.domContentEventFired", lambda _: self._mark("domcontentloaded"))
        on("Page.loadEventFired", lambda _: self._mark("domcontentloaded", "load"))
        on("Page.frameStoppedLoading", self._on_stopped_loading)
        on("Page.lifecycleEvent", self._on_lifecycle_event)
        on("Page.javascriptDialogOpening", self._on_dialog)

    def _on_started_loading(self, event: Json) -> None:
        if event["frameId"] == self.frame:
            self._reached.clear()

    def _on_navigated(self, event: Json) -> None:
        frame = event["frame"]
        if "parentId" in frame or (not self.document and frame["url"] == "about:blank"):
            return
        self.document = frame
        self.navigations += 1
        self._world = None
        self._reached.clear()
        self._mark("committed")

    def _on_stopped_loading(self, event: Json) -> None:
        """Loading is over, with or without a load event: a navigation may have ended as a download."""
        if event["frameId"] == self.frame:
            self._mark("committed", "domcontentloaded", "load")

    def _on_lifecycle_event(self, event: Json) -> None:
        if event["name"] == "networkIdle" and event["frameId"] == self.frame:
            self._mark("networkidle")

    def _mark(self, *milestones: str) -> None:
        if not self.document:
            return
        self._reached.update(milestones)
        if self._changed and not self._changed.done():
            self._changed.set_result(None)

    def _on_dialog(self, event: Json) -> None:
        self.session.post("Page.handleJavaScriptDialog", accept=event.get("type") == "beforeunload")
        self._dialogs += 1
        if self._dialogs == _MAX_DIALOGS:
            self.freeze()

    async def _world_id(self) -> int:
        if self._world is None:
            made = await self.session.call("Page.createIsolatedWorld", frameId=self.frame, worldName=ISOLATED_WORLD)
            self._world = int(made["executionContextId"])
        return self._world


def call_expression(script: str, *arguments: Any) -> str:
    """The expression that calls one of ``scripts/``."""
    return f"({script_source(script)})({','.join(json.dumps(argument) for argument in arguments)})"


@cache
def script_source(name: str) -> str:
    """One of ``scripts/``, without its opening comment."""
    lines = files("tintype").joinpath("chromium", "scripts", f"{name}.js").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//")).strip()
