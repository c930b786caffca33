"""Network rules of the operator's filter lists: blocks requests by URL.

The blocklist at the egress proxy (:mod:`tintype.chromium.proxy.blocklist`) costs no time, but matches hosts only. Lists
contain paths, so Chromium has to pause each request, which costs a tenth of a capture's time. Without lists, requests
are not paused.
"""

from __future__ import annotations

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.validation import continue_request
from tintype.chromium.cdp.connection import PAUSED_REQUEST_TOO_LONG, CdpSession, Json

INTERCEPTED = [
    {"urlPattern": "*", "resourceType": kind}
    for kind in ("Document", "Script", "Image", "Media", "XHR", "Fetch", "Ping", "Other")
]
"""Request patterns that Chromium pauses. Not fonts and style sheets: lists rarely name them, and pages wait for them.
Chromium cannot pause WebSockets."""
_MAX_RECORDED = 500


class NetworkFilter:
    """Applies the lists to the requests of one page and of its frames; without lists it blocks nothing."""

    def __init__(self, page: PageContext) -> None:
        self._page = page
        self._frame_urls: dict[str, str] = {}
        """URL of the document in each frame: the source of the frame's requests."""

    def enable(self) -> None:
        """Call before navigation. ``RequestInterceptor`` passes the page's own requests to :meth:`blocks`."""
        if self._page.filters:
            self._page.session.on("Page.frameNavigated", self._on_navigated)
            self._page.frames.attach_to_new(self._intercept_frame)

    def blocks(self, session: CdpSession, event: Json) -> bool:
        """Fail a paused request that the lists block; False leaves it paused. The page itself is never blocked."""
        url, kind = event["request"]["url"], event["resourceType"]
        is_page = kind == "Document" and event["frameId"] == self._page.tab.frame
        filters = self._page.filters
        if is_page or not filters or not filters.blocks(url, self._initiator(event), kind):
            return False
        if kind in {"Image", "Document"} and len(self._page.blocked_urls) < _MAX_RECORDED:
            self._page.blocked_urls.add(url)
        session.post("Fetch.failRequest", requestId=event["requestId"], errorReason="BlockedByClient")
        return True

    def _intercept_frame(self, session: CdpSession) -> None:
        """Pause the requests of an out-of-process frame too."""

        def on_paused(event: Json) -> None:
            if not self.blocks(session, event):
                continue_request(self._page, session, event)

        session.on("Fetch.requestPaused", on_paused)
        session.on(PAUSED_REQUEST_TOO_LONG, lambda event: abort_request(session, event))
        session.on("Page.frameNavigated", self._on_navigated)
        session.post("Page.enable")
        session.post("Fetch.enable", patterns=INTERCEPTED)

    def _initiator(self, event: Json) -> str:
        """URL of the document that sends the request; for a frame's own document, of the page."""
        url = "" if event["resourceType"] == "Document" else self._frame_urls.get(event["frameId"], "")
        return url if url.startswith("http") else self._page.url

    def _on_navigated(self, event: Json) -> None:
        self._frame_urls[event["frame"]["id"]] = event["frame"]["url"]


def abort_request(session: CdpSession, event: Json) -> None:
    """Fail a paused request: its body is too long to be read."""
    session.post("Fetch.failRequest", requestId=event["requestId"], errorReason="Aborted")
