"""One page in the browser: what it has reached, scripts of ours in it, and the means to stop it."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from importlib.resources import files
from typing import Any

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError

WORLD = "tintype"
"""The world of our scripts: they share the document with the page's, and nothing else."""

_DIALOGS, _POPUPS = 1000, 50
"""After so many the page is stopped: it does not mean well."""
_AGAIN = 0.05
"""Seconds before a script is tried again on a page that moved on under it."""


class ScriptFailed(Exception):
    """A script of ours threw."""


class Tab:
    """Follows the main frame. Frames, workers and the page's own console are none of our business."""

    def __init__(self, session: CdpSession, frame: str) -> None:
        self.session = session
        self.document: Json = {}
        """The main frame as of its last navigation; empty before the first."""
        self.journeys = 0
        """Navigations of the main frame so far."""
        self.frozen = False
        self.frame = frame
        self._reached: set[str] = set()
        self._change: asyncio.Future[Any] | None = None
        self._world: int | None = None
        self._dialogs = 0
        self._popups = 0
        self._listen()

    async def reach(self, milestone: str) -> None:
        """Wait for ``committed``, ``domcontentloaded``, ``load`` or ``networkidle``; raises Ended."""
        while milestone not in self._reached:
            self._change = self.session.promise()
            await self._change

    async def evaluate(self, script: str, *arguments: Any) -> Any:
        """Run one of ``scripts/`` in a world of its own, out of the page's reach; raises ScriptFailed and Ended."""
        while True:
            try:
                answer = await self.session.call(
                    "Runtime.evaluate",
                    expression=call_of(script, *arguments),
                    contextId=await self._own_world(),
                    awaitPromise=True,
                    returnByValue=True,
                )
            except ProtocolError:
                self._world = None
                await asyncio.sleep(_AGAIN)
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

    def popup_closed(self) -> None:
        """A window it opened was closed."""
        self._popups += 1
        if self._popups == _POPUPS:
            self.freeze()

    def _listen(self) -> None:
        on = self.session.on
        on("Page.frameStartedLoading", self._started)
        on("Page.frameNavigated", self._navigated)
        on("Page.domContentEventFired", lambda _: self._arrive("domcontentloaded"))
        on("Page.loadEventFired", lambda _: self._arrive("domcontentloaded", "load"))
        on("Page.frameStoppedLoading", self._stopped)
        on("Page.lifecycleEvent", self._lifecycle)
        on("Page.javascriptDialogOpening", self._dialog)

    def _started(self, event: Json) -> None:
        if event["frameId"] == self.frame:
            self._reached.clear()

    def _navigated(self, event: Json) -> None:
        frame = event["frame"]
        if "parentId" in frame or (not self.document and frame["url"] == "about:blank"):
            return
        self.document = frame
        self.journeys += 1
        self._world = None
        self._reached.clear()
        self._arrive("committed")

    def _stopped(self, event: Json) -> None:
        """Loading is over, with or without a load event: a navigation may have ended as a download."""
        if event["frameId"] == self.frame:
            self._arrive("committed", "domcontentloaded", "load")

    def _lifecycle(self, event: Json) -> None:
        if event["name"] == "networkIdle" and event["frameId"] == self.frame:
            self._arrive("networkidle")

    def _arrive(self, *milestones: str) -> None:
        if not self.document:
            return
        self._reached.update(milestones)
        if self._change and not self._change.done():
            self._change.set_result(None)

    def _dialog(self, event: Json) -> None:
        self.session.post("Page.handleJavaScriptDialog", accept=event.get("type") == "beforeunload")
        self._dialogs += 1
        if self._dialogs == _DIALOGS:
            self.freeze()

    async def _own_world(self) -> int:
        if self._world is None:
            made = await self.session.call("Page.createIsolatedWorld", frameId=self.frame, worldName=WORLD)
            self._world = int(made["executionContextId"])
        return self._world


def call_of(script: str, *arguments: Any) -> str:
    """The expression that calls one of ``scripts/``."""
    return f"({source(script)})({','.join(json.dumps(argument) for argument in arguments)})"


@cache
def source(name: str) -> str:
    """One of ``scripts/``, without its opening comment."""
    lines = files("tintype").joinpath("chromium", "scripts", f"{name}.js").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//")).strip()
