"""One page in the browser: navigation milestones, scripts in an isolated world, freezing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import structlog

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError

log = structlog.get_logger("tintype.chromium")

ISOLATED_WORLD = "tintype"
"""Name of the world of our scripts: they share the DOM with the page's scripts, and no variables."""

SHARED_WORKERS = ("shared_worker", "service_worker")
"""Types of targets that belong to a browser context, and not to one page."""
MAX_SHARED_WORKERS = 20
"""Shared workers and service workers of one page that are prepared; a hostile page can start any number."""
_MAX_DIALOGS, _MAX_POPUPS = 1000, 50
"""Limits; a page that reaches one is frozen."""
_RETRY_DELAY = 0.05
"""Seconds before a script is retried in a page that has navigated meanwhile."""
_MAX_RETRIES = 40
"""Retries without a navigation in between: 2 s, enough for the event of a navigation to arrive. A page that keeps
navigating is the only one in which a script is retried until the caller's deadline."""


_HELPERS = {
    "deepTrees": "deep_trees",
    "firstElements": "first_elements",
    "deepQuery": "deep_query",
    "rowKey": "row_key",
    "scaleOf": "scale_of",
    "ownChildren": "own_children",
    "elementWeight": "element_weight",
    "consentText": "consent_text",
    "consentDialogs": "consent_dialogs",
    "findClosedRoots": "find_closed_roots",
    "drawFrame": "draw_frame",
    "runningAnimations": "running_animations",
    "finishAnimations": "finish_animations",
    "finishTransition": "finish_transition",
}
"""Functions that scripts may call, and the scripts that define them: each may call those before it."""


_IMPROVING = frozenset(
    [
        "disable_transitions",
        "is_still",
        "leaves_nothing",
        "expand_scroller",
        "find_lost_rows",
        "find_scroller",
        "has_filling_frame",
        "remember_seen",
        "render_skipped",
        "restore_seen",
        "scroll_near",
        "scroll_to_anchor",
        "scrolls_sideways",
        "unpin_fixed",
        "uses_scripting_query",
    ]
)
"""Scripts without which a screenshot is possible. Documents can be of kinds that they do not expect: without a root
element, or with form fields that have the names of properties."""


class ScriptFailed(Exception):
    """One of ``scripts/`` threw."""


class Tab:
    """The main frame of a page. Frames, workers and the console of the page are ignored."""

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
        self._on_shared_worker: Callable[[CdpSession], None] | None = None
        self._shared_workers = 0
        self.has_shared_workers = False
        """Whether a shared worker or a service worker was started in the browser context."""
        self.popups = 0
        """Windows that the page has opened and the browser has closed."""
        self._dialogs = 0
        self._listen()

    async def wait_for(self, milestone: str) -> None:
        """Wait for ``committed``, ``domcontentloaded`` or ``load``; raises TargetClosed."""
        while milestone not in self._reached:
            self._changed = self.session.create_future()
            await self._changed

    async def wait_for_navigation(self, earlier: int) -> None:
        """Wait until more navigations than ``earlier`` are committed; raises TargetClosed."""
        while self.navigations <= earlier:
            self._changed = self.session.create_future()
            await self._changed

    async def evaluate(self, script: str, *arguments: Any) -> Any:
        """Run one of ``scripts/`` in an isolated world; raises ScriptFailed, TargetClosed, ProtocolError.

        A script that only improves the screenshot returns None where it fails. A navigation destroys the world, so a
        protocol error is retried, at most 40 times without a navigation.
        """
        retries, navigations = 0, self.navigations
        while True:
            try:
                answer = await self.session.call(
                    "Runtime.evaluate",
                    expression=call_expression(script, *arguments),
                    contextId=await self.world_id(),
                    awaitPromise=True,
                    returnByValue=True,
                )
            except ProtocolError:
                self._world = None
                retries = retries + 1 if self.navigations == navigations else 0
                navigations = self.navigations
                if retries > _MAX_RETRIES:
                    raise
                await asyncio.sleep(_RETRY_DELAY)
                continue
            if "exceptionDetails" in answer and not self.frozen:
                reason = str(answer["result"].get("description", ""))[:300]
                if script not in _IMPROVING:
                    raise ScriptFailed(reason)
                log.info("page_script_failed", script=script, reason=reason)
                return None
            return answer["result"].get("value")

    def attach_to_shared_workers(self, on_attached: Callable[[CdpSession], None]) -> asyncio.Future[Json]:
        """Pause each new shared worker and service worker until the callback has run for it.

        Only the session of the browser attaches to all of them, and before they start.
        """
        self._on_shared_worker = on_attached
        targets = [{"type": kind} for kind in SHARED_WORKERS]
        return self.session.browser.post(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True, filter=targets
        )

    def prepare_shared_worker(self, worker: CdpSession) -> None:
        """Call what :meth:`attach_to_shared_workers` was given, for at most 20 workers."""
        self._shared_workers += 1
        if self._on_shared_worker and self._shared_workers <= MAX_SHARED_WORKERS:
            self._on_shared_worker(worker)

    def freeze(self) -> None:
        """Stop scripts and loading. Nothing is awaited: the page may be too busy to reply."""
        self.frozen = True
        self.session.post("Emulation.setScriptExecutionDisabled", value=True)
        self.session.post("Page.stopLoading")
        self.session.post("Runtime.terminateExecution")

    def count_popup(self) -> None:
        """Count a window that the page has opened and the browser has closed."""
        self.popups += 1
        if self.popups == _MAX_POPUPS:
            self.freeze()

    def _listen(self) -> None:
        on = self.session.on
        on("Page.frameStartedLoading", self._on_started_loading)
        on("Page.frameNavigated", self._on_navigated)
        on("Page.domContentEventFired", lambda _: self._mark("domcontentloaded"))
        on("Page.loadEventFired", lambda _: self._mark("domcontentloaded", "load"))
        on("Page.frameStoppedLoading", self._on_stopped_loading)
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
        """Loading has stopped, with or without a load event: a navigation may have become a download."""
        if event["frameId"] == self.frame:
            self._mark("committed", "domcontentloaded", "load")

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

    async def world_id(self) -> int:
        """The execution context of the isolated world in the current document."""
        if self._world is None:
            made = await self.session.call("Page.createIsolatedWorld", frameId=self.frame, worldName=ISOLATED_WORLD)
            self._world = int(made["executionContextId"])
        return self._world


def call_expression(script: str, *arguments: Any) -> str:
    """Return the expression that calls one of ``scripts/`` with JSON arguments."""
    helpers = _helpers_of(script)
    call = f"({script_source(script)})({','.join(json.dumps(argument) for argument in arguments)})"
    return f"(() => {{{helpers}return {call}}})()" if helpers else call


@cache
def _helpers_of(script: str) -> str:
    """The definitions of the helpers that a script and its helpers call."""
    sources, definitions = script_source(script), ""
    for name, file in reversed(_HELPERS.items()):
        if f"{name}(" in sources:
            sources += script_source(file)
            definitions = f"const {name} = {script_source(file)};\n{definitions}"
    return definitions


@cache
def script_source(name: str) -> str:
    """Return one of ``scripts/`` without its comment lines."""
    lines = files("tintype").joinpath("chromium", "scripts", f"{name}.js").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//")).strip()
