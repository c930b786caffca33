"""Intercepts a page's requests: caller's credentials, inline HTML, filter lists, documents in a kept context.

Headers and the password go to the origin of the target only, where :mod:`.credential_scope` permits it; cookies go to
the host of the target, because cookies have no port (RFC 6265, 8.5). Chromium pauses requests only in captures that
need it; requests that it cannot pause (of service workers and WebSockets) carry neither headers nor password. This is
not the egress guard: every connection still passes the egress proxy.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.credential_scope import CredentialScope, origin_of
from tintype.chromium.capture.validation import DOCUMENTS, continue_request, is_page_response
from tintype.chromium.cdp.connection import PAUSED_REQUEST_TOO_LONG, Json
from tintype.chromium.cleaning.network import INTERCEPTED, NetworkFilter, abort_request
from tintype.options import INLINE_HTML_URL

_HTML_HEADERS = [{"name": "Content-Type", "value": "text/html; charset=utf-8"}]
_AUTH_SCHEMES = frozenset(("basic", "digest"))


class RequestInterceptor:
    """Handles the paused requests of one page (CDP domain ``Fetch``)."""

    def __init__(self, page: PageContext) -> None:
        self._page = page
        self._session = page.session
        self._shot = page.shot
        self._filters = page.filters
        self._network_filter = NetworkFilter(page)
        self._scope = CredentialScope(page.session, page.tab.frame, page.shot.url)
        self._has_credentials = bool(page.shot.credentials.headers or page.shot.credentials.basic_auth)
        """Whether requests may have to carry headers or answer a challenge; cookies need no pause."""
        self._pauses_page_only = False
        self._authenticated: set[str] = set()
        """Requests that received the password already: a second challenge means that it is wrong."""

    def enable(self) -> Iterator[asyncio.Future[Json]]:
        """Post the calls that pause requests and set cookies; none if the shot needs neither."""
        credentials = self._shot.credentials
        if patterns := [*self._patterns()]:
            self._session.on("Fetch.requestPaused", self._on_paused)
            self._session.on(PAUSED_REQUEST_TOO_LONG, lambda event: abort_request(self._session, event))
            self._session.on("Fetch.authRequired", self._on_auth_required)
            handle_auth = credentials.basic_auth is not None
            self._scope.enable()
            self._pauses_page_only = patterns == DOCUMENTS
            yield self._session.post("Fetch.enable", patterns=patterns, handleAuthRequests=handle_auth)
        if credentials.cookies:
            yield self._session.post("Network.setCookies", cookies=[*self._cookies()])
        self._network_filter.enable()

    def _cookies(self) -> Iterator[Json]:
        """Host-only cookies: they have no domain. Those of an https target are sent over https only.

        ``Lax`` is the browser's default, without its exception for cross-site POST in a cookie's first two minutes.
        """
        fixed = {"url": self._shot.url, "secure": origin_of(self._shot.url)[0] == "https", "sameSite": "Lax"}
        for name, value, path, _ in self._shot.credentials.cookies:
            yield {"name": name, "value": value, "path": path, **fixed}

    def _patterns(self) -> Iterator[Json]:
        """Patterns of the requests that Chromium pauses."""
        if self._shot.navigation.html:
            yield {"urlPattern": INLINE_HTML_URL, "resourceType": "Document"}
        if self._has_credentials:
            yield {"urlPattern": "*"}
        elif self._filters:
            yield from INTERCEPTED
        elif self._page.is_reused:
            yield from DOCUMENTS

    def _on_paused(self, event: Json) -> None:
        is_document = event["resourceType"] == "Document"
        if self._shot.navigation.html and is_document and event["request"]["url"] == INLINE_HTML_URL:
            self._fulfill_inline_html(event)
        elif self._network_filter.blocks(self._session, event):
            return
        elif not self._has_credentials:
            continue_request(self._page, self._session, event)
            if self._pauses_page_only and is_page_response(event):
                self._session.post("Fetch.disable")
        else:
            self._scope.resolve(event, lambda in_scope: self._continue(event, in_scope=in_scope))

    def _fulfill_inline_html(self, event: Json) -> None:
        body = base64.b64encode(self._shot.navigation.html.encode()).decode()
        self._session.post(
            "Fetch.fulfillRequest",
            requestId=event["requestId"],
            responseCode=200,
            responseHeaders=_HTML_HEADERS,
            body=body,
        )

    def _continue(self, event: Json, *, in_scope: bool) -> None:
        """Continue a paused request, with the caller's headers if it is in scope.

        After a redirect Chromium sends the headers of the first request again. They are removed for another origin, and
        not added again if a later redirect returns to the target: that server would choose a request in the caller's
        name.
        """
        added, present = dict(self._shot.credentials.headers), event["request"]["headers"]
        headers = present
        if not in_scope:
            headers = {name: value for name, value in present.items() if added.get(name.lower()) != value}
            headers |= self._without_cached_password(event)
        elif "redirectedRequestId" not in event:
            headers = {name: value for name, value in present.items() if name.lower() not in added} | added
        changed = {} if headers == present else {"headers": [{"name": n, "value": v} for n, v in headers.items()]}
        self._session.post("Fetch.continueRequest", requestId=event["requestId"], **changed)

    def _without_cached_password(self, event: Json) -> dict[str, str]:
        """An empty header that keeps Chromium from adding the password, which it caches once the target accepted it."""
        is_covered = self._shot.credentials.basic_auth and self._scope.is_target(event["request"]["url"])
        return {"Authorization": ""} if is_covered else {}

    def _on_auth_required(self, event: Json) -> None:
        challenge, id_ = event["authChallenge"], event["requestId"]
        is_supported = challenge.get("scheme", "").lower() in _AUTH_SCHEMES
        basic_auth = self._shot.credentials.basic_auth
        response: Json = {"response": "CancelAuth"}
        if basic_auth and is_supported and id_ not in self._authenticated and self._scope.includes_challenge(event):
            self._authenticated.add(id_)
            response = {"response": "ProvideCredentials", "username": basic_auth[0], "password": basic_auth[1]}
        self._session.post("Fetch.continueWithAuth", requestId=id_, authChallengeResponse=response)
