"""What goes along with a page's requests? A caller's headers, cookies, password: to the origin of url, to no other.

Also answers for a page that came as HTML, and asks an operator's filter lists. Requests are held up in the browser for
such captures only; what is not held up (those of workers, sockets) carries nothing. This is no part of the guard: every
connection still passes the filter.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from urllib.parse import urlsplit

from tintype.chromium.cdp.connection import CdpSession, Json
from tintype.chromium.cleaning.network import INTERCEPTED, NetworkFilter
from tintype.options import INLINE_HTML_URL, Shot

_HTML_HEADERS = [{"name": "Content-Type", "value": "text/html; charset=utf-8"}]
_AUTH_SCHEMES = frozenset(("basic", "digest"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


class RequestInterceptor:
    """Meets the requests of one page."""

    def __init__(self, session: CdpSession, shot: Shot, network_filter: NetworkFilter | None = None) -> None:
        self._session = session
        self._network_filter = network_filter
        self._shot = shot
        self._target_origin = _origin(shot.url)
        self._authenticated: set[str] = set()
        """Requests that were answered with the password once; a second time it is wrong."""

    def enable(self) -> Iterator[asyncio.Future[Json]]:
        """The calls that have requests held up; none for a shot that has nothing to send."""
        sent = self._shot.credentials
        if patterns := [*self._patterns()]:
            self._session.on("Fetch.requestPaused", self._on_paused)
            self._session.on("Fetch.authRequired", self._on_auth_required)
            yield self._session.post("Fetch.enable", patterns=patterns, handleAuthRequests=sent.basic_auth is not None)
        if sent.cookies:
            yield self._session.post("Network.setCookies", cookies=[*self._cookies()])

    def _cookies(self) -> Iterator[Json]:
        """Without a domain they belong to the very host; those of an encrypted page stay on encrypted connections."""
        secure = self._target_origin[0] == "https"
        for name, value, path, _ in self._shot.credentials.cookies:
            yield {"name": name, "value": value, "path": path, "url": self._shot.url, "secure": secure}

    def _patterns(self) -> Iterator[Json]:
        """What is held up."""
        if self._shot.navigation.html:
            yield {"urlPattern": INLINE_HTML_URL, "resourceType": "Document"}
        if self._shot.credentials.headers or self._shot.credentials.basic_auth:
            yield {"urlPattern": "*"}
        elif self._network_filter:
            yield from INTERCEPTED

    def _on_paused(self, event: Json) -> None:
        is_document = event["resourceType"] == "Document"
        if self._shot.navigation.html and is_document and event["request"]["url"] == INLINE_HTML_URL:
            self._fulfill_inline_html(event)
        elif not (self._network_filter and self._network_filter.blocks(self._session, event)):
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
        ours, theirs = dict(self._shot.credentials.headers), request["headers"]
        if _origin(request["url"]) == self._target_origin:
            kept = {name: value for name, value in theirs.items() if name.lower() not in ours} | ours
        else:  # after a redirect they would go along to wherever it leads
            kept = {name: value for name, value in theirs.items() if ours.get(name.lower()) != value}
        changed = {} if kept == theirs else {"headers": [{"name": n, "value": v} for n, v in kept.items()]}
        self._session.post("Fetch.continueRequest", requestId=event["requestId"], **changed)

    def _on_auth_required(self, event: Json) -> None:
        challenge, id_ = event["authChallenge"], event["requestId"]
        is_ours = challenge.get("source") == "Server" and _origin(event["request"]["url"]) == self._target_origin
        is_ours = is_ours and _origin(challenge.get("origin", "")) == self._target_origin
        known = self._shot.credentials.basic_auth
        answer: Json = {"response": "CancelAuth"}
        if (
            is_ours
            and known
            and challenge.get("scheme", "").lower() in _AUTH_SCHEMES
            and id_ not in self._authenticated
        ):
            self._authenticated.add(id_)
            answer = {"response": "ProvideCredentials", "username": known[0], "password": known[1]}
        self._session.post("Fetch.continueWithAuth", requestId=id_, authChallengeResponse=answer)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454, 4); whatever cannot be read is nobody's."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").removesuffix("."), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
