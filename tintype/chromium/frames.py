"""How are scripts of ours run in the frames of a page? Those of its own process and, for a moment, those of others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tintype.chromium.cdp import Ended, Json, Refused, Session
from tintype.chromium.tab import WORLD, call_of, source

_MOST = 30
"""Frames looked at; a hostile page has any number."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame below the main one. ``parent`` is the session of the document that holds its element."""

    id: str
    session: Session
    parent: Session

    async def run(self, script: str, *arguments: Any) -> Any:
        """What one of ``scripts/`` says in it; None where the frame is gone or the script threw."""
        try:
            answer = await self.session.call(
                "Runtime.evaluate",
                expression=call_of(script, *arguments),
                contextId=await _world(self.session, self.id),
                returnByValue=True,
            )
        except (Refused, Ended):
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
        except (Refused, Ended):
            return None
        return answer["result"].get("value")


@asynccontextmanager
async def below(session: Session) -> AsyncIterator[list[Frame]]:
    """The frames of a page, those in other processes attached to for so long."""
    attached: list[tuple[str, Session]] = []

    def join(event: Json) -> None:
        if event["targetInfo"]["type"] == "iframe":
            attached.append((event["targetInfo"]["targetId"], session.branch(event["sessionId"])))

    session.on("Target.attachedToTarget", join)
    await session.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
    try:
        found = await _of(session)
        for id_, branch in attached:
            found += [Frame(id_, branch, session), *await _of(branch)]
        yield found[:_MOST]
    finally:
        session.off("Target.attachedToTarget", join)
        session.post("Target.setAutoAttach", autoAttach=False, waitForDebuggerOnStart=False, flatten=True)
        for _, branch in attached:
            branch.leave()


async def _of(session: Session) -> list[Frame]:
    """The frames that live in the process of a session, without its own."""
    try:
        tree = (await session.call("Page.getFrameTree"))["frameTree"]
    except (Refused, Ended):
        return []
    return [Frame(id_, session, session) for id_ in _children(tree)]


def _children(tree: Json) -> list[str]:
    nested = [(child["frame"]["id"], child) for child in tree.get("childFrames", [])]
    return [id_ for name, child in nested for id_ in (name, *_children(child))]


async def _world(session: Session, frame: str) -> int:
    made = await session.call("Page.createIsolatedWorld", frameId=frame, worldName=WORLD)
    return int(made["executionContextId"])
