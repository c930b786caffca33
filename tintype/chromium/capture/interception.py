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
from tintype.chromium.cleaning.network import HELD, NetworkFilter
from tintype.options import PASTED, Shot

_PASTED_TYPE = [{"name": "Content-Type", "value": "text/html; charset=utf-8"}]
_SCHEMES = frozenset(("basic", "digest"))
_DEFAULT_PORTS = {"http": 80, "https": 443}


class RequestInterceptor:
    """Meets the requests of one page."""

    def __init__(self, session: CdpSession, shot: Shot, sieve: NetworkFilter | None = None) -> None:
        self._session = session
        self._sieve = sieve
        self._shot = shot
        self._own = _origin(shot.url)
        self._asked: set[str] = set()
        """Requests that were answered with the password once; a second time it is wrong."""

    def begin(self) -> Iterator[asyncio.Future[Json]]:
        """The calls that have requests held up; none for a shot that has nothing to send."""
        sent = self._shot.identify
        if patterns := [*self._patterns()]:
            self._session.on("Fetch.requestPaused", self._meet)
            self._session.on("Fetch.authRequired", self._identify)
            yield self._session.post("Fetch.enable", patterns=patterns, handleAuthRequests=sent.basic_auth is not None)
        if sent.cookies:
            yield self._session.post("Network.setCookies", cookies=[*self._cookies()])

    def _cookies(self) -> Iterator[Json]:
        """Without a domain they belong to the very host; those of an encrypted page stay on encrypted connections."""
        secure = self._own[0] == "https"
        for name, value, path, _ in self._shot.identify.cookies:
            yield {"name": name, "value": value, "path": path, "url": self._shot.url, "secure": secure}

    def _patterns(self) -> Iterator[Json]:
        """What is held up."""
        if self._shot.navigate.html:
            yield {"urlPattern": PASTED, "resourceType": "Document"}
        if self._shot.identify.headers or self._shot.identify.basic_auth:
            yield {"urlPattern": "*"}
        elif self._sieve:
            yield from HELD

    def _meet(self, event: Json) -> None:
        is_document = event["resourceType"] == "Document"
        if self._shot.navigate.html and is_document and event["request"]["url"] == PASTED:
            self._answer(event)
        elif not (self._sieve and self._sieve.refused(self._session, event)):
            self._accompany(event)

    def _answer(self, event: Json) -> None:
        body = base64.b64encode(self._shot.navigate.html.encode()).decode()
        self._session.post(
            "Fetch.fulfillRequest",
            requestId=event["requestId"],
            responseCode=200,
            responseHeaders=_PASTED_TYPE,
            body=body,
        )

    def _accompany(self, event: Json) -> None:
        request = event["request"]
        ours, theirs = dict(self._shot.identify.headers), request["headers"]
        if _origin(request["url"]) == self._own:
            kept = {name: value for name, value in theirs.items() if name.lower() not in ours} | ours
        else:  # after a redirect they would go along to wherever it leads
            kept = {name: value for name, value in theirs.items() if ours.get(name.lower()) != value}
        changed = {} if kept == theirs else {"headers": [{"name": n, "value": v} for n, v in kept.items()]}
        self._session.post("Fetch.continueRequest", requestId=event["requestId"], **changed)

    def _identify(self, event: Json) -> None:
        challenge, id_ = event["authChallenge"], event["requestId"]
        is_ours = challenge.get("source") == "Server" and _origin(event["request"]["url"]) == self._own
        is_ours = is_ours and _origin(challenge.get("origin", "")) == self._own
        known = self._shot.identify.basic_auth
        answer: Json = {"response": "CancelAuth"}
        if is_ours and known and challenge.get("scheme", "").lower() in _SCHEMES and id_ not in self._asked:
            self._asked.add(id_)
            answer = {"response": "ProvideCredentials", "username": known[0], "password": known[1]}
        self._session.post("Fetch.continueWithAuth", requestId=id_, authChallengeResponse=answer)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454, 4); whatever cannot be read is nobody's."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").removesuffix("."), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
