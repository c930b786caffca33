"""Lasting state of a browser context: what a page leaves in it beside the HTTP cache, and what cannot be removed.

Storage and cookies of all origins can be cleared. Passwords of HTTP authentication and client hints that a server has
requested (``Accept-CH``, RFC 8942) cannot: Chromium has no call for them. A page gives the browser a password by a URL
only: of a document, of an ``XMLHttpRequest`` (its arguments end there, too), or of a ``WebSocket``. Documents alone may
request client hints. A context in which a page has used such a URL, or received such a header field, is not kept; nor
is one whose page went to another site, which the next capture may not do.

To watch all requests takes 4 to 10 % of the CPU time of a capture. So they are watched until the document of the page
has arrived. After that ``report_passwords.js`` sees the URLs that scripts use, and other documents show as frames and
navigations. A page with those is not kept, and in the next capture of its site all requests are watched.

The requests of workers are reported by sessions of their own only, and none may be missed. To attach before a worker
starts, Chromium has to pause new targets, and a page that opens windows would stand still. So a context in which a
worker was started is not kept either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

from tintype.chromium.cdp.connection import EVENT_TOO_LONG, CdpSession, Json
from tintype.chromium.cdp.frames import Frames
from tintype.chromium.cdp.tab import Tab, call_expression

_AUTH_SCHEMES = ("basic ", "digest ", "ntlm ", "negotiate ")
_CLIENT_HINTS = frozenset({"accept-ch", "critical-ch"})
_MAX_EVENTS = 5000
"""Events that are read; a hostile page can cause any number. Those without the words below do not count."""
_SAME_DOCUMENT = frozenset({"sameDocument", "historySameDocument"})
_IN_URLS, _IN_REQUESTS, _IN_RESPONSES = (b"@",), (b"authorization",), (b"accept-ch", b"critical-ch")


class LastingState:
    """Watches what a page exchanges with servers, from before the first navigation, and whether it starts workers."""

    def __init__(self, tab: Tab, frames: Frames, url: str, *, watches_all: bool) -> None:
        """``watches_all``: watch requests also after the document of the page has arrived."""
        self.reason = ""
        """Why the context cannot be kept; empty if it can."""
        self.must_watch_all = False
        """Whether the page has done what only a watch of all requests covers."""
        self._watches_all = watches_all
        self._tab = tab
        self._frames = frames
        self._host = _host_without_www(url)
        self._events = 0
        self._has_document = False

    def watch(self) -> Iterator[asyncio.Future[Json]]:
        """Post the calls that report requests and responses; call this before navigation."""
        session = self._tab.session
        session.on("Page.frameNavigated", self._on_navigated)
        if not self._watches_all:
            session.on("Page.frameAttached", lambda _: self._set_unwatched("a frame, or a URL with a password"))
            session.on("Page.frameStartedNavigating", self._on_navigation)
            source = call_expression("report_passwords")
            yield session.post("Page.addScriptToEvaluateOnNewDocument", source=source)
        yield self._watch_network(session)
        yield self._frames.attach_to_workers()

    def check(self) -> str:
        """Return why the context cannot be kept; empty if it can."""
        if self._frames.has_isolated:
            self._set_reason("a frame in a process of its own")  # its workers are not seen
        if self._frames.has_workers or self._tab.has_shared_workers:
            self._set_reason("a worker")
        if self._tab.popups:
            self._set_reason("windows")
        return self.reason

    def _watch_network(self, session: CdpSession) -> asyncio.Future[Json]:
        session.on("Network.requestWillBeSent", self._on_request, _IN_URLS)
        session.on("Network.webSocketCreated", self._on_web_socket, _IN_URLS)
        session.on("Network.responseReceived", self._on_response, (*_IN_URLS, *_IN_RESPONSES))
        session.on("Network.requestWillBeSentExtraInfo", self._on_request_fields, _IN_REQUESTS)
        session.on("Network.responseReceivedExtraInfo", self._on_response_fields, _IN_RESPONSES)
        session.on(EVENT_TOO_LONG, lambda _: self._set_reason("a request that is too long"))
        return session.post("Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0)

    def _on_request(self, event: Json) -> None:
        self._count_event()
        if _has_password(event["request"]["url"]) or _has_password(event["documentURL"]):
            self._set_reason("a URL with a password")

    def _on_web_socket(self, event: Json) -> None:
        self._count_event()
        if _has_password(event["url"]):
            self._set_reason("a URL with a password")

    def _on_response(self, event: Json) -> None:
        self._count_event()
        if _has_password(event["response"]["url"]):
            self._set_reason("a URL with a password")
        self._check_hints(event["response"]["headers"])

    def _on_request_fields(self, event: Json) -> None:
        """Another look at passwords: Chromium adds those it knows to requests. Scripts may add fields of their own."""
        self._count_event()
        for name, value in event["headers"].items():
            if name.lower() == "authorization" and value.lower().startswith(_AUTH_SCHEMES):
                self._set_reason("a password")

    def _on_response_fields(self, event: Json) -> None:
        self._count_event()
        self._check_hints(event["headers"])

    def _check_hints(self, headers: Json) -> None:
        if _CLIENT_HINTS.intersection(map(str.lower, headers)):
            self._set_reason("client hints")

    def _count_event(self) -> None:
        self._events += 1
        if self._events > _MAX_EVENTS:
            self._set_reason("too many requests")

    def _set_reason(self, reason: str) -> None:
        self.reason = self.reason or reason

    def _set_unwatched(self, reason: str) -> None:
        self.must_watch_all = True
        self._set_reason(reason)

    def _on_navigation(self, event: Json) -> None:
        """A navigation begins; the first one of the page is ours."""
        is_other = self._has_document and event["frameId"] == self._tab.frame and event["url"].startswith("http")
        if is_other and event["navigationType"] not in _SAME_DOCUMENT:
            self._set_unwatched("another document")

    def _on_navigated(self, event: Json) -> None:
        frame = event["frame"]
        if "parentId" in frame or frame["url"] == "about:blank":
            return
        if _host_without_www(frame["url"]) != self._host:
            self._set_reason("another site")
        if not self._watches_all and not self._has_document:
            self._tab.session.post("Network.disable")
        self._has_document = True


def clear(tab: Tab) -> Iterator[asyncio.Future[Json]]:
    """Post the calls that remove all but the HTTP cache from the browser context of a page, of every origin."""
    yield tab.session.post("Storage.clearDataForOrigin", origin="*", storageTypes="all")
    yield tab.session.browser.post("Storage.clearCookies", browserContextId=tab.browser_context)


def _has_password(url: str) -> bool:
    """Whether a URL contains a user name or a password (RFC 3986, 3.2.1)."""
    return "@" in url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]


def _host_without_www(url: str) -> tuple[str, int | None]:
    """Host and port; ``example.com`` commonly redirects to ``www.example.com``, and http to https."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").removesuffix(".").removeprefix("www."), parts.port
    except ValueError:
        return "", None
