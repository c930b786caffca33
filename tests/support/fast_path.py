"""Compares responses of the fast path with those of Flask."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.web.conftest import URL, Site
from tintype.web.fast_path import FastPath

Seen = tuple[str, list[tuple[str, str]], bytes]


@dataclass
class Ask:
    """One request."""

    query: str = f"url={URL}"
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    peer: str = "192.0.2.1"

    def environ(self) -> dict[str, Any]:
        headers = {"X-Request-Id": "same", **self.headers}
        environ = EnvironBuilder(path="/thumb", method=self.method, headers=headers).get_environ()
        return {**environ, "QUERY_STRING": self.query, "REMOTE_ADDR": self.peer}


class FastPathComparison:
    """Two services in the same state, one called through the fast path and one without it.

    ``passed`` counts the requests that the fast path passed to Flask.
    """

    def __init__(self, **options: Any) -> None:
        self.sites = Site(**options), Site(**options)
        self.passed = 0
        front, behind = (site.app.wsgi_app for site in self.sites)
        assert isinstance(front, FastPath)
        assert isinstance(behind, FastPath)
        front._application = self._counting(front._application)
        self.front, self.behind = front, behind._application

    def ask(self, ask: Ask) -> Seen:
        """What both answer, which is the same."""
        fast, slow = (run(app, ask.environ()) for app in (self.front, self.behind))
        assert fast == slow
        return fast

    def etag(self, ask: Ask) -> str:
        return dict(self.ask(ask)[1])["ETag"]

    def both(self, act: Callable[[Site], object]) -> None:
        for site in self.sites:
            assert site.service.wait_idle(10), "a refresh under way would see the clock turn"
            act(site)

    def turn(self, seconds: float) -> None:
        self.both(lambda site: site.clock.advance(seconds))

    def _counting(self, application: Any) -> Any:
        def counted(environ: Any, start_response: Any) -> Any:
            self.passed += 1
            return application(environ, start_response)

        return counted


def run(app: Any, environ: dict[str, Any]) -> Seen:
    """Status, headers without durations, and body of a WSGI call."""
    body, status, headers = run_wsgi_app(app, environ)
    assert len({name.lower() for name, _ in headers}) == len(list(headers)), "a header is there twice"
    timeless = [(name, re.sub(r"dur=[0-9.]+", "dur=*", value)) for name, value in headers]
    return status, sorted(timeless), b"".join(body)


def state(seen: Seen) -> str:
    return dict(seen[1]).get("X-Cache", seen[0])
