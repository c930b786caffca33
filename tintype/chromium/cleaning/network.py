"""Which requests of a page come through, where an operator has filter lists? Each is held until the lists were asked.

Hosts are refused for nothing at the filter (:mod:`tintype.chromium.proxy.blocklist`); lists speak of paths, so
requests have to be held up in the browser, which costs a capture a tenth of its time. Without lists nothing is held.
"""

from __future__ import annotations

from tintype.chromium.cdp.connection import CdpSession, Json
from tintype.chromium.cdp.frames import Frames
from tintype.chromium.cdp.tab import Tab
from tintype.filters.engine import FilterEngine

INTERCEPTED = [
    {"urlPattern": "*", "resourceType": kind}
    for kind in ("Document", "Script", "Image", "Media", "XHR", "Fetch", "Ping", "Other")
]
"""What is held up. Fonts and style sheets are let through unasked: lists hardly speak of them, and pages wait for them.
Web sockets cannot be held."""
_MAX_RECORDED = 500


class NetworkFilter:
    """The requests of one page and of the frames in it."""

    def __init__(self, tab: Tab, frames: Frames, filters: FilterEngine) -> None:
        self._tab = tab
        self._frames = frames
        self._filters = filters
        self.blocked_urls: set[str] = set()
        """Those of pictures and frames that did not come, so many of them."""
        self._frame_urls: dict[str, str] = {}
        """Where each frame is: what a request comes from."""

    def enable(self) -> None:
        """Before navigation. The requests of the page itself are brought to :meth:`refused` by its escort."""
        self._tab.session.on("Page.frameNavigated", self._on_navigated)
        self._frames.attach_to_new(self._intercept_frame)

    def blocks(self, session: CdpSession, event: Json) -> bool:
        """Whether a request that is held up was refused; else it is still held up."""
        url, kind = event["request"]["url"], event["resourceType"]
        is_page = kind == "Document" and event["frameId"] == self._tab.frame
        if is_page or not self._filters.blocks(url, self._initiator(event), kind):
            return False
        self._record(url, kind)
        session.post("Fetch.failRequest", requestId=event["requestId"], errorReason="BlockedByClient")
        return True

    def _intercept_frame(self, session: CdpSession) -> None:
        """The same for a frame in another process."""

        def judge(event: Json) -> None:
            if not self.blocks(session, event):
                session.post("Fetch.continueRequest", requestId=event["requestId"])

        session.on("Fetch.requestPaused", judge)
        session.on("Page.frameNavigated", self._on_navigated)
        session.post("Page.enable")
        session.post("Fetch.enable", patterns=INTERCEPTED)

    def _record(self, url: str, kind: str) -> None:
        if kind in {"Image", "Document"} and len(self.blocked_urls) < _MAX_RECORDED:
            self.blocked_urls.add(url)

    def _initiator(self, event: Json) -> str:
        """The document that asks; for a frame's own document the page."""
        asking = "" if event["resourceType"] == "Document" else self._frame_urls.get(event["frameId"], "")
        page = str(self._tab.document.get("url", ""))
        return asking if asking.startswith("http") else page

    def _on_navigated(self, event: Json) -> None:
        self._frame_urls[event["frame"]["id"]] = event["frame"]["url"]
