"""Compares responses of the fast path with those of Flask."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.web.conftest import URL, Site
from tintype.web.fast_path import FastPath

RawResponse = tuple[str, list[tuple[str, str]], bytes]


@dataclass
class RawRequest:
    """A request for /thumb as WSGI environ; ``query`` is sent as it is."""

    query: str = f"url={URL}"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    peer: str = "192.0.2.1"

    def environ(self) -> dict[str, Any]:
        headers = Headers({"X-Request-Id": "same", **self.headers})
        environ = EnvironBuilder(path="/thumb", method=self.method, headers=headers).get_environ()
        return {**environ, "QUERY_STRING": self.query, "REMOTE_ADDR": self.peer}


class FastPathComparison:
    """Two services in the same state, one called through the fast path and one without it.

    ``passed`` counts the requests that the fast path passed to Flask.
    """

    def __init__(self, **options: Any) -> None:
        self.sites = Site(**options), Site(**options)
        self.delegated = 0
        front, behind = (site.app.wsgi_app for site in self.sites)
        assert isinstance(front, FastPath)
        assert isinstance(behind, FastPath)
        front._application = self._counting(front._application)
        self.fast_path, self.flask = front, behind._application

    def send(self, request: RawRequest) -> RawResponse:
        """Send the request to both, assert equal responses, and return one."""
        fast, slow = (call_wsgi(app, request.environ()) for app in (self.fast_path, self.flask))
        assert fast == slow
        return fast

    def etag(self, request: RawRequest) -> str:
        return dict(self.send(request)[1])["ETag"]

    def apply(self, act: Callable[[Site], object]) -> None:
        for site in self.sites:
            assert site.service.wait_idle(10), "a running refresh would see the clock advance"
            act(site)

    def advance(self, seconds: float) -> None:
        self.apply(lambda site: site.clock.advance(seconds))

    def _counting(self, application: Any) -> Any:
        def counted(environ: Any, start_response: Any) -> Any:
            self.delegated += 1
            return application(environ, start_response)

        return counted


def call_wsgi(app: Any, environ: dict[str, Any]) -> RawResponse:
    """Status, headers without durations, and body of a WSGI call."""
    body, status, headers = run_wsgi_app(app, environ)
    assert len({name.lower() for name, _ in headers}) == len(list(headers)), "duplicate header"
    timeless = [(name, re.sub(r"dur=[0-9.]+", "dur=*", value)) for name, value in headers]
    return status, sorted(timeless), b"".join(body)


def cache_state(response: RawResponse) -> str:
    return dict(response[1]).get("X-Cache", response[0])
