"""How are the frames of a page reached? Those of its own process through its session, others through their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tintype.chromium.cdp.connection import CdpSession, Json, ProtocolError, TargetClosed
from tintype.chromium.cdp.tab import WORLD, call_of, source

_MOST = 30
"""Frames looked at; a hostile page has any number."""
_FRAMES_ONLY = [{"type": "iframe"}]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame below the main one. ``parent`` is the session of the document that holds its element."""

    id: str
    url: str
    session: CdpSession
    parent: CdpSession

    async def run(self, script: str, *arguments: Any) -> Any:
        """What one of ``scripts/`` says in it; None where the frame is gone or the script threw."""
        try:
            answer = await self.session.call(
                "Runtime.evaluate",
                expression=call_of(script, *arguments),
                contextId=await _world(self.session, self.id),
                returnByValue=True,
            )
        except (ProtocolError, TargetClosed):
            return None
        return answer["result"].get("value")

    async def ask_owner(self, script: str, *arguments: Any) -> Any:
        """What a script says that is called on the frame's element, in the document above."""
        try:
            owner = await self.parent.call("DOM.getFrameOwner", frameId=self.id)
            node = await self.parent.call("DOM.resolveNode", backendNodeId=owner["backendNodeId"])
            answer = await self.parent.call(
                "Runtime.callFunctionOn",
                objectId=node["object"]["objectId"],
                functionDeclaration=source(script),
                arguments=[{"value": argument} for argument in arguments],
                returnByValue=True,
            )
        except (ProtocolError, TargetClosed):
            return None
        return answer["result"].get("value")


class Frames:
    """The frames of one page. Those in other processes are attached to when first asked for, or as they come."""

    def __init__(self, session: CdpSession) -> None:
        self._session = session
        self._branches: dict[str, CdpSession] = {}
        self._attaching = False
        self._welcome: Callable[[CdpSession], None] = lambda _: None
        session.on("Target.attachedToTarget", self._join)
        session.on("Target.detachedFromTarget", self._part)

    def follow(self, welcome: Callable[[CdpSession], None]) -> None:
        """Before navigation: hold each frame of another process until it was welcomed."""
        self._welcome = welcome
        self._attach(hold=True)

    async def below(self) -> list[Frame]:
        """The frames there are now."""
        if not self._attaching:
            await self._attach(hold=False)
        found = await self._of(self._session)
        for branch in tuple(self._branches.values()):
            found += await self._of(branch)
        return found[:_MOST]

    def _attach(self, *, hold: bool) -> Any:
        self._attaching = True
        return self._session.post(
            "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=hold, flatten=True, filter=_FRAMES_ONLY
        )

    def _join(self, event: Json) -> None:
        branch = self._branches[event["sessionId"]] = self._session.branch(event["sessionId"])
        self._welcome(branch)
        if event.get("waitingForDebugger"):
            branch.post("Runtime.runIfWaitingForDebugger")

    def _part(self, event: Json) -> None:
        if branch := self._branches.pop(event["sessionId"], None):
            branch.leave()

    async def _of(self, session: CdpSession) -> list[Frame]:
        """The frames that live in the process of a session, of a branch the first one too."""
        try:
            tree = (await session.call("Page.getFrameTree"))["frameTree"]
        except (ProtocolError, TargetClosed):
            return []
        frames = [Frame(frame["id"], frame["url"], session, session) for frame in _children(tree)]
        if session is self._session:
            return frames
        return [Frame(tree["frame"]["id"], tree["frame"]["url"], session, self._session), *frames]


def _children(tree: Json) -> list[Json]:
    nested = tree.get("childFrames", [])
    return [frame for child in nested for frame in (child["frame"], *_children(child))]


async def _world(session: CdpSession, frame: str) -> int:
    made = await session.call("Page.createIsolatedWorld", frameId=frame, worldName=WORLD)
    return int(made["executionContextId"])
