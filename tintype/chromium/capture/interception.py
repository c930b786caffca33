"""Intercepts a page's requests: caller's credentials, inline HTML, filter lists.

Headers, cookies and the password go to the origin of the target only. Chromium pauses requests only in captures that
need it; requests that it cannot pause (of workers and WebSockets) carry no credentials. This is not the egress guard:
every connection still passes the egress proxy.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from urllib.parse import urlsplit

from tintype.chromium.capture.context import PageContext
from tintype.chromium.cdp.connection import Json
from tintype.chromium.cleaning.network import INTERCEPTED, NetworkFilter
from tintype.options import INLINE_HTML_URL

_HTML_HEADERS = [{"name": "Content-Type", "value": "text/html; charset=utf-8"}]
_AUTH_SCHEMES = frozenset(("basic", "digest"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


class RequestInterceptor:
    """Handles the paused requests of one page (CDP domain ``Fetch``)."""

    def __init__(self, page: PageContext) -> None:
        self._session = page.session
        self._shot = page.shot
        self._filters = page.filters
        self._network_filter = NetworkFilter(page)
        self._target_origin = _origin(page.shot.url)
        self._authenticated: set[str] = set()
        """Requests that received the password already: a second challenge means that it is wrong."""

    def enable(self) -> Iterator[asyncio.Future[Json]]:
        """Post the calls that pause requests and set cookies; none if the shot needs neither."""
        credentials = self._shot.credentials
        if patterns := [*self._patterns()]:
            self._session.on("Fetch.requestPaused", self._on_paused)
            self._session.on("Fetch.authRequired", self._on_auth_required)
            handle_auth = credentials.basic_auth is not None
            yield self._session.post("Fetch.enable", patterns=patterns, handleAuthRequests=handle_auth)
        if credentials.cookies:
            yield self._session.post("Network.setCookies", cookies=[*self._cookies()])
        self._network_filter.enable()

    def _cookies(self) -> Iterator[Json]:
        """Host-only cookies: they have no domain. Those of an https target are sent over https only."""
        secure = self._target_origin[0] == "https"
        for name, value, path, _ in self._shot.credentials.cookies:
            yield {"name": name, "value": value, "path": path, "url": self._shot.url, "secure": secure}

    def _patterns(self) -> Iterator[Json]:
        """Patterns of the requests that Chromium pauses."""
        if self._shot.navigation.html:
            yield {"urlPattern": INLINE_HTML_URL, "resourceType": "Document"}
        if self._shot.credentials.headers or self._shot.credentials.basic_auth:
            yield {"urlPattern": "*"}
        elif self._filters:
            yield from INTERCEPTED

    def _on_paused(self, event: Json) -> None:
        is_document = event["resourceType"] == "Document"
        if self._shot.navigation.html and is_document and event["request"]["url"] == INLINE_HTML_URL:
            self._fulfill_inline_html(event)
        elif not self._network_filter.blocks(self._session, event):
            self._continue_with_headers(event)

    def _fulfill_inline_html(self, event: Json) -> None:
        body = base64.b64encode(self._shot.navigation.html.encode()).decode()
        self._session.post(
            "Fetch.fulfillRequest",
            requestId=event["requestId"],
            responseCode=200,
            responseHeaders=_HTML_HEADERS,
            body=body,
        )

    def _continue_with_headers(self, event: Json) -> None:
        request = event["request"]
        added, present = dict(self._shot.credentials.headers), request["headers"]
        if _origin(request["url"]) == self._target_origin:
            headers = {name: value for name, value in present.items() if name.lower() not in added} | added
        else:  # a redirect keeps the headers of the first request: remove the caller's
            headers = {name: value for name, value in present.items() if added.get(name.lower()) != value}
        changed = {} if headers == present else {"headers": [{"name": n, "value": v} for n, v in headers.items()]}
        self._session.post("Fetch.continueRequest", requestId=event["requestId"], **changed)

    def _on_auth_required(self, event: Json) -> None:
        challenge, id_ = event["authChallenge"], event["requestId"]
        is_target = challenge.get("source") == "Server" and _origin(event["request"]["url"]) == self._target_origin
        is_target = is_target and _origin(challenge.get("origin", "")) == self._target_origin
        is_supported = challenge.get("scheme", "").lower() in _AUTH_SCHEMES
        basic_auth = self._shot.credentials.basic_auth
        response: Json = {"response": "CancelAuth"}
        if is_target and basic_auth and is_supported and id_ not in self._authenticated:
            self._authenticated.add(id_)
            response = {"response": "ProvideCredentials", "username": basic_auth[0], "password": basic_auth[1]}
        self._session.post("Fetch.continueWithAuth", requestId=id_, authChallengeResponse=response)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454, 4); empty for an invalid URL, which then matches no target."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").removesuffix("."), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
