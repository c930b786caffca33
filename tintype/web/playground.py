"""Playground: the page at ``GET /``, its files at ``GET /static/…``, its totals at ``GET /status.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tintype import __version__, telemetry
from tintype.errors import NotFound
from tintype.web import form, progress
from tintype.web.auth import Authenticator
from tintype.web.bodies import StatusReport
from tintype.web.responses import YEAR, with_etag
from tintype.web.static_files import static_files

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_ENTRIES = ("docs.js", "playground.js")
"""Scripts that a page names itself; the others are modules that they import."""
_FOOTER_LINKS = ("docs", "openapi.json", "health", "ready")
"""Links in the footer of the page; those whose route is disabled are left out."""
_SNIPPETS = (
    ("img", "HTML"),
    ("curl", "curl"),
    ("python", "Python"),
    ("javascript", "JavaScript"),
    ("markdown", "Markdown"),
)
"""Name and title of each snippet; one for signed URLs follows if the service accepts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """Whether the page at ``/`` is enabled, and which options its form hides."""

    enabled: bool = True
    hidden_options: tuple[str, ...] = ()


def blueprint(playground: Playground, access: Authenticator) -> Blueprint:
    """The routes. The page itself needs no API key; it contains only static content."""
    routes = Blueprint("playground", __name__)
    text = cache(lambda: _render_page(playground, access))

    @routes.get("/")
    def page() -> ResponseReturnValue:
        if "plain" in request.args:
            return redirect(f"thumb?{urlencode(form.parse_form(request.args))}", 303)
        return with_security_headers(with_etag(text(), "text/html; charset=utf-8", request))

    @routes.get("/static/<digest>/<name>")
    def static(digest: str, name: str) -> Response:
        bundle = static_files()
        if digest != bundle.digest or name not in bundle.files:
            raise NotFound("unknown static file; reload the page, the service has been updated")
        response = Response(bundle.files[name], content_type=bundle.media_type(name))
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        return response

    @routes.get("/status.json")
    def status() -> Response:
        access.authenticate(request)
        response = jsonify(StatusReport.of(telemetry.summarize()).members())
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _render_page(playground: Playground, access: Authenticator) -> str:
    routes = {rule.rule for rule in current_app.url_map.iter_rules()}
    return render_template(
        "playground.html",
        common=form.common_fields(playground.hidden_options),
        groups=form.field_groups(playground.hidden_options),
        static=f"static/{static_files().digest}",
        modules=[name for name in static_files().files if name.endswith(".js") and name not in _ENTRIES],
        access="open" if access.is_public else "keys" if access.keys else "signed",
        signed=access.accepts_signatures,
        viewports={value: preset for value, _, preset in form.device_viewports()},
        snippets=(*_SNIPPETS, *([("signed", "Signed URL")] if access.accepts_signatures else [])),
        reports_progress=progress.ROUTE in routes,
        has_docs="/docs" in routes,
        footer_links=[path for path in _FOOTER_LINKS if f"/{path}" in routes],
        version=__version__,
    )


def with_security_headers(response: Response) -> Response:
    """Allow the page to load files of this service only, and no site to embed it in a frame."""
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response
