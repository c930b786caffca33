"""Playground: the pages ``GET /`` and ``GET /playground/jobs``, their files, and totals at ``GET /status.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from tintype import __version__, telemetry
from tintype.errors import NotFound
from tintype.jobs.submission import MAX_NAME, MAX_PAGES
from tintype.web import form, progress
from tintype.web.auth import Authenticator
from tintype.web.bodies import StatusReport
from tintype.web.responses import YEAR, with_etag
from tintype.web.static_files import static_files

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
JOBS_PATH = "/playground/jobs"
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
    jobs_text = cache(lambda: _render_jobs_page(playground, access))

    @routes.get("/")
    def page() -> ResponseReturnValue:
        if "plain" in request.args:
            return redirect(f"thumb?{urlencode(form.parse_form(request.args))}", 303)
        return with_security_headers(with_etag(text(), "text/html; charset=utf-8", request))

    @routes.get(JOBS_PATH)
    def jobs_page() -> ResponseReturnValue:
        if not _has_jobs(access):
            raise NotFound("this service accepts no jobs")
        return with_security_headers(with_etag(jobs_text(), "text/html; charset=utf-8", request))

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
    return render_template(
        "playground.html",
        **_common_values(playground, access, "playground.js"),
        static=_static(),
        signed=access.accepts_signatures,
        snippets=(*_SNIPPETS, *([("signed", "Signed URL")] if access.accepts_signatures else [])),
        reports_progress=progress.ROUTE in _routes(),
        has_jobs=_has_jobs(access),
    )


def _render_jobs_page(playground: Playground, access: Authenticator) -> str:
    return render_template(
        "jobs.html",
        **_common_values(playground, access, "jobs.js"),
        static=f"../{_static()}",
        max_pages=MAX_PAGES,
        max_name=MAX_NAME,
        has_schedules="/schedules" in _routes(),
    )


def _common_values(playground: Playground, access: Authenticator, script: str) -> dict[str, Any]:
    """Values that both pages show; ``script`` is the one that the page starts."""
    return {
        "common": form.common_fields(playground.hidden_options),
        "groups": form.field_groups(playground.hidden_options),
        "viewports": {value: preset for value, _, preset in form.device_viewports()},
        "modules": static_files().modules(script),
        "access": "open" if access.is_public else "keys" if access.keys else "signed",
        "has_docs": "/docs" in _routes(),
        "footer_links": [path for path in _FOOTER_LINKS if f"/{path}" in _routes()],
        "version": __version__,
    }


def _has_jobs(access: Authenticator) -> bool:
    """Whether a person can use jobs on a page: a signed URL cannot submit one."""
    return "/jobs" in _routes() and (access.is_public or bool(access.keys))


def _routes() -> set[str]:
    return {rule.rule for rule in current_app.url_map.iter_rules()}


def _static() -> str:
    return f"static/{static_files().digest}"


def with_security_headers(response: Response) -> Response:
    """Allow the page to load files of this service only, and no site to embed it in a frame."""
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response
