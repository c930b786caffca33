"""Frames of a page: same-process frames share the page's session, out-of-process frames have another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import ISOLATED_WORLD, call_expression, script_source

MAX_FRAMES = 30
"""Frames returned at most; a hostile page can have any number."""
MAX_WORKERS = 50
"""Workers of one page whose emulation is set; a hostile page can start any number."""
_FRAMES_ONLY = [{"type": "iframe"}]
_FRAMES_AND_WORKERS = [{"type": kind} for kind in ("iframe", "worker")]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame below the main frame. ``parent`` is the session of the document that contains its element."""

    id: str
    url: str
    session: CdpSession
    parent: CdpSession
    parent_id: str = ""
    """Id of the frame that contains its element."""

    async def run(self, script: str, *arguments: Any) -> Any:
        """Run one of ``scripts/`` in the frame; None if the frame no longer exists or the script threw."""
        try:
            answer = await self.session.call(
                "Runtime.evaluate",
                expression=call_expression(script, *arguments),
                contextId=await _create_isolated_world(self.session, self.id),
                awaitPromise=True,
                returnByValue=True,
            )
        except (ProtocolError, TargetClosed):
            return None
        return answer["result"].get("value")

    async def call_on_element(self, script: str, *arguments: Any) -> Any:
        """Call one of ``scripts/`` on the frame's element, in the parent document; None as for :meth:`run`."""
        try:
            owner = await self.parent.call("DOM.getFrameOwner", frameId=self.id)
            node = await self.parent.call("DOM.resolveNode", backendNodeId=owner["backendNodeId"])
            answer = await self.parent.call(
                "Runtime.callFunctionOn",
                objectId=node["object"]["objectId"],
                functionDeclaration=script_source(script),
                arguments=[{"value": argument} for argument in arguments],
                returnByValue=True,
            )
        except (ProtocolError, TargetClosed):
            return None
        return answer["result"].get("value")


class Frames:
    """The frames of one page. Out-of-process frames are attached to by :meth:`attach_to_new` or :meth:`current`."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._child_sessions: dict[str, CdpSession] = {}
        self._workers: dict[str, CdpSession] = {}
        self._attached_workers = 0
        self._filter: list[Json] = []
        """Targets to attach to so far; empty before the first call."""
        self.has_isolated = False
        """Whether a frame was in a process of its own."""
        self._for_frames: list[Callable[[CdpSession], None]] = []
        self._for_workers: list[Callable[[CdpSession], None]] = []
        session.on("Target.attachedToTarget", self._on_attached)
        session.on("Target.detachedFromTarget", self._on_detached)

    @property
    def has_workers(self) -> bool:
        """Whether the page has started workers since :meth:`attach_to_new` or :meth:`attach_to_workers`."""
        return self._attached_workers > 0

    def attach_to_new(self, on_attached: Callable[[CdpSession], None], *, workers: bool = False) -> None:
        """Pause each out-of-process frame, and each worker, until the callback has run; call this before navigation."""
        self._for_frames.append(on_attached)
        if workers:
            self._for_workers.append(on_attached)
        # Without a filter for workers Chromium pauses them too, and nothing would start them.
        self._attach(_FRAMES_AND_WORKERS, hold=True)

    def attach_to_workers(self) -> asyncio.Future[Json]:
        """Attach to each frame in another process and to each worker, without a pause; call this before navigation."""
        hold = bool(self._for_frames or self._for_workers)
        return self._attach(_FRAMES_AND_WORKERS, hold=hold)

    async def current(self) -> list[Frame]:
        """Return the frames that exist now, at most 30."""
        if not self._filter:
            await self._attach(_FRAMES_ONLY, hold=False)
        found = await self._frames_of(self._session)
        for child in tuple(self._child_sessions.values()):
            found += await self._frames_of(child)
        return found[:MAX_FRAMES]

    async def workers(self) -> list[CdpSession]:
        """Return the sessions of the workers that exist now, at most 50; attaches to them."""
        if not any(each["type"] == "worker" for each in self._filter):
            await self._attach(_FRAMES_AND_WORKERS, hold=False)
        return [session for session in self._workers.values() if not session.failure]

    def _attach(self, targets: list[Json], *, hold: bool) -> asyncio.Future[Json]:
        self._filter = targets
        return _auto_attach(self._session, targets, hold=hold)

    def _on_attached(self, event: Json) -> None:
        child = self._session.child_session(event["sessionId"])
        if event["targetInfo"]["type"] == "iframe":
            self.has_isolated = True
            self._child_sessions[event["sessionId"]] = child
            for callback in self._for_frames:
                callback(child)
        else:
            self._workers[event["sessionId"]] = child
            self._prepare_worker(child)
        if event.get("waitingForDebugger"):
            child.post("Runtime.runIfWaitingForDebugger")

    def _prepare_worker(self, worker: CdpSession) -> None:
        self._attached_workers += 1
        if self._attached_workers > MAX_WORKERS:
            return
        worker.on("Target.attachedToTarget", self._on_attached)  # a worker may start workers
        _auto_attach(worker, _FRAMES_AND_WORKERS, hold=True)
        for callback in self._for_workers:
            callback(worker)

    def _on_detached(self, event: Json) -> None:
        child = self._child_sessions.pop(event["sessionId"], None) or self._workers.pop(event["sessionId"], None)
        if child:
            child.detach()

    async def _frames_of(self, session: CdpSession) -> list[Frame]:
        """Return the frames in a session's process; for a child session also its root frame."""
        try:
            tree = (await session.call("Page.getFrameTree"))["frameTree"]
        except (ProtocolError, TargetClosed):
            return []
        frames = [Frame(frame["id"], frame["url"], session, session, frame["parentId"]) for frame in _children(tree)]
        if session is self._session:
            return frames
        root = tree["frame"]
        return [Frame(root["id"], root["url"], session, self._session, root.get("parentId", "")), *frames]


def _children(tree: Json) -> list[Json]:
    nested = tree.get("childFrames", [])
    return [frame for child in nested for frame in (child["frame"], *_children(child))]


async def _create_isolated_world(session: CdpSession, frame: str) -> int:
    made = await session.call("Page.createIsolatedWorld", frameId=frame, worldName=ISOLATED_WORLD)
    return int(made["executionContextId"])


def _auto_attach(session: CdpSession, targets: list[Json], *, hold: bool) -> asyncio.Future[Json]:
    return session.post(
        "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=hold, flatten=True, filter=targets
    )
