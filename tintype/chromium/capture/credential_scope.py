"""Scope of the caller's credentials: which requests of a page may carry its headers and answer a challenge.

Browsers add a bearer header to no request by themselves, so servers do not expect one from a hostile page. Credentials
therefore go to the origin of the target only, and only if a document of that origin sends the request: in the main
frame, or in a frame whose ancestors all have that origin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from tintype.chromium.cdp.connection import CdpSession, Json

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_RELOADABLE = 50
"""URLs of the main frame that are remembered to recognise a reload."""


class CredentialScope:
    """Knows the frames of one page and which of them have requested a document of another origin.

    A frame counts as foreign from the moment of that request, before the document can run, and for the rest of the
    capture. Needs every request of type Document to be paused.
    """

    def __init__(self, session: CdpSession, main_frame: str, target_url: str) -> None:
        self._session = session
        self._main_frame = main_frame
        self._target = origin_of(target_url)
        self._parents: dict[str, str] = {main_frame: ""}
        self._foreign: set[str] = set()
        self._reloadable: set[str] = set()

    def enable(self) -> None:
        """Subscribe to the page's frames; call before navigation."""
        self._session.on("Page.frameAttached", self._on_attached)
        self._session.on("Page.frameDetached", self._on_detached)

    def resolve(self, event: Json, decide: Callable[[bool], None]) -> None:
        """Pass to ``decide`` whether a paused request is in scope, as soon as its frame is known.

        The event of a new frame may arrive after its first request; then Chromium lists the frames.
        """
        self._record_document(event)
        if event["frameId"] in self._parents or not self.is_target(event["request"]["url"]):
            decide(self._includes(event))
            return

        def on_listed(tree: asyncio.Future[Json]) -> None:
            if not tree.cancelled() and not tree.exception():
                self._add_tree(tree.result()["frameTree"], "")
            decide(self._includes(event))

        self._session.post("Page.getFrameTree").add_done_callback(on_listed)

    def is_target(self, url: str) -> bool:
        """Return whether a URL has the origin of the target (RFC 6454, 4)."""
        return bool(self._target[1]) and origin_of(url) == self._target

    def includes_challenge(self, event: Json) -> bool:
        """Return whether the credentials may answer an authentication challenge."""
        challenge = event["authChallenge"]
        from_target = challenge.get("source") == "Server" and self.is_target(challenge.get("origin", ""))
        return from_target and self.is_target(event["request"]["url"]) and self._is_own_frame(event["frameId"])

    def _includes(self, event: Json) -> bool:
        request, frame = event["request"], event["frameId"]
        if not self.is_target(request["url"]) or not self._is_own_frame(frame):
            return False
        is_navigation = event["resourceType"] == "Document" and frame == self._main_frame
        return not is_navigation or "redirectedRequestId" in event or self._is_own_navigation(request)

    def _is_own_frame(self, frame: str) -> bool:
        """Return whether a frame and its ancestors have shown documents of the target's origin only."""
        while frame:
            if frame in self._foreign or frame not in self._parents:
                return False
            frame = self._parents[frame]
        return True

    def _is_own_navigation(self, request: Json) -> bool:
        """Return whether the capture or the page itself navigates the main frame: a frame inside it can, too."""
        url, headers = request["url"], request["headers"]
        referrer = next((value for name, value in headers.items() if name.lower() == "referer"), "")
        is_own = not self._reloadable or self.is_target(referrer) or url in self._reloadable
        if is_own and len(self._reloadable) < _MAX_RELOADABLE:
            self._reloadable.add(url)
        return is_own

    def _record_document(self, event: Json) -> None:
        if event["resourceType"] == "Document" and not self.is_target(event["request"]["url"]):
            self._foreign.add(event["frameId"])

    def _add_tree(self, tree: Json, parent: str) -> None:
        pending = [(tree, parent)]
        while pending:
            node, above = pending.pop()
            frame = node["frame"]["id"]
            self._parents.setdefault(frame, above)
            pending += [(child, frame) for child in node.get("childFrames", ())]

    def _on_attached(self, event: Json) -> None:
        self._parents[event["frameId"]] = event["parentFrameId"]

    def _on_detached(self, event: Json) -> None:
        if event.get("reason") == "remove":  # the other reason is a frame that moves to another process
            self._parents.pop(event["frameId"], None)
            self._foreign.discard(event["frameId"])


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454, 4); empty for an invalid URL, which then matches no target."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").removesuffix("."), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
