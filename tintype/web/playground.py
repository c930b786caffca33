"""``GET /``: the page on which people try the service. ``GET /status.json``: the figures it shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tintype import __version__, telemetry
from tintype.errors import NotFound
from tintype.telemetry import Summary
from tintype.web import form
from tintype.web.auth import Authenticator
from tintype.web.responses import YEAR, with_etag
from tintype.web.static_files import static_files

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_LINKS = (("API", "docs"), ("OpenAPI", "openapi.json"))
"""Pages of the same service, where they are."""
GLANCE = 1.0
"""Seconds for which one look at the figures will do, however many pages are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """Whether there is a page at ``/``, and which options it does not offer."""

    enabled: bool = True
    hidden_options: tuple[str, ...] = ()


def blueprint(playground: Playground, access: Authenticator) -> Blueprint:
    """The routes; nobody has a key to this page itself, and there is nothing in it but what the package ships."""
    routes, glance = Blueprint("playground", __name__), StatusCache()
    text = cache(lambda: _render_page(playground, access))

    @routes.get("/")
    def page() -> ResponseReturnValue:
        if "plain" in request.args:
            return redirect(f"thumb?{urlencode(form.parse_form(request.args))}", 303)
        return with_security_headers(with_etag(text(), "text/html; charset=utf-8", request))

    @routes.get("/static/<digest>/<name>")
    def static(digest: str, name: str) -> Response:
        shipped = static_files()
        if digest != shipped.digest or name not in shipped.files:
            raise NotFound("there is no such file; the page may be of another version")
        response = Response(shipped.files[name], content_type=shipped.media_type(name))
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        return response

    @routes.get("/status.json")
    def status() -> Response:
        access.authenticate(request)
        response = jsonify(glance.figures())
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _render_page(playground: Playground, access: Authenticator) -> str:
    addresses = {rule.rule for rule in current_app.url_map.iter_rules()}
    return render_template(
        "playground.html",
        common=form.common_fields(playground.hidden_options),
        groups=form.field_groups(playground.hidden_options),
        static=f"static/{static_files().digest}",
        modules=[name for name in static_files().files if name.endswith(".js") and name != "playground.js"],
        access="open" if access.is_public else "keys" if access.keys else "signed",
        signed=access.accepts_signatures,
        links=[link for link in _LINKS if f"/{link[1]}" in addresses],
        version=__version__,
    )


def with_security_headers(response: Response) -> Response:
    """A page that loads nothing but what comes from here, and stands in nobody's frame."""
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


class StatusCache:
    """The node's figures, looked at once in a while."""

    def __init__(
        self, look: Callable[[], Summary] = telemetry.totals, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._clock = clock
        self._turn = threading.Lock()
        self._seen: tuple[float, dict[str, Any]] | None = None

    def figures(self) -> dict[str, Any]:
        """As members of a JSON object; nothing in them tells who asked for which page."""
        with self._turn:
            if self._seen is None or self._clock() - self._seen[0] > GLANCE:
                self._seen = self._clock(), _figures(self._look())
            return self._seen[1]


def _figures(totals: Summary) -> dict[str, Any]:
    own = totals.slots is not None
    return {
        "time": round(time.time(), 1),
        "hit_ratio": None if totals.hit_ratio is None else round(totals.hit_ratio, 4),
        "pictures": {
            "hits": totals.hits,
            "stale": totals.stale,
            "derived": totals.derived,
            "coalesced": totals.coalesced,
            "misses": totals.misses,
        },
        "captures": totals.captures,
        "failures": totals.failures,
        "capture_seconds": round(totals.capture_seconds, 3),
        "line": {"waiting": totals.waiting, "busy": totals.busy, "slots": totals.slots} if own else None,
    }
