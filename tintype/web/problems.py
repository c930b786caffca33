"""Error handlers: every error becomes problem+json (RFC 9457), an HTML page or an image."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import structlog
from flask import Flask, Request, Response, current_app, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from tintype import errors, signing, telemetry
from tintype.errors import TintypeError
from tintype.options import DOCUMENTS
from tintype.options.negotiation import negotiate, quality
from tintype.web import fallback_images, request_log
from tintype.web.bodies import Problem
from tintype.web.fallback_images import FallbackImages
from tintype.web.fast_path import permit_of
from tintype.web.raw_params import accepted_types, valid_options

log = structlog.get_logger("tintype.web")

PROBLEM_JSON = "application/problem+json"
COUNTED_KEY = "tintype.counted"
"""The key of the WSGI environment that is set once a request is authenticated and its rate limit has admitted it."""
_IMAGES_KEY, _PREFIX_KEY = "tintype_fallback_images", "tintype_path_prefix"
_STYLE = (Path(__file__).parent / "templates/problem.css").read_text(encoding="utf-8")
"""Inline, because a service without the playground has no static files."""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CSP = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_NEVER_IMAGES = {412, 416}
"""Only programs send conditions and ranges."""
_ROUTES = (
    "unknown path; the routes are GET /thumb, POST /thumb, GET /meta, POST /persist, GET /health, GET /ready and"
    " GET /openapi.json, which lists all"
)
_PAGES = "; the pages for browsers are / and /docs"
_BY_STATUS = {
    400: errors.InvalidRequest(detail="the request is malformed"),
    415: errors.UnsupportedMedia("send a JSON object with Content-Type: application/json"),
}


def install(app: Flask, images: FallbackImages, path_prefix: Callable[[Request], str]) -> None:
    """Register the handlers for errors of all routes.

    ``images`` draws error images, ``path_prefix`` returns the path below which clients see this service.
    """
    app.extensions[_IMAGES_KEY], app.extensions[_PREFIX_KEY] = images, path_prefix
    app.register_error_handler(TintypeError, _handle_tintype_error)
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, _handle_unexpected)


def problem_response(error: TintypeError, **members: Any) -> Response:
    """Response to an error, in the form the client accepts; ``members`` are added to the problem object."""
    request_log.bind(error=error.code)
    telemetry.count("tintype_problems_total", error.code)
    if error.status >= 500 or isinstance(error, errors.TargetDenied):  # noqa: PLR2004 - server errors, RFC 9110, 15.6
        request_log.bind(reason=error.detail)
    return _add_headers(_render({**error.problem(), **members}, error), error.status, error)


def _handle_tintype_error(error: TintypeError) -> Response:
    return problem_response(error)


def _handle_http_exception(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:  # noqa: PLR2004 - a redirect is no error
        return error.get_response(request.environ)
    if status == 405:  # noqa: PLR2004 - the response must list the methods, RFC 9110 section 15.5.6
        response = problem_response(errors.MethodNotAllowed(f"allowed methods: {_allowed(error)}"))
        response.headers["Allow"] = _allowed(error)
        return response
    if status == 404:  # noqa: PLR2004 - HTTP
        return problem_response(errors.NotFound(f"{_ROUTES}{_PAGES if _has_pages() else ''}"))
    known = _BY_STATUS.get(status)
    return problem_response(known) if known else _generic_problem(status)


def _has_pages() -> bool:
    """Whether the service has the pages ``/`` and ``/docs``: the operator can disable them."""
    return any(rule.rule == "/docs" for rule in current_app.url_map.iter_rules())


def _pages() -> list[tuple[str, str]]:
    """Path, relative to the home page, and name of the pages that lead on from an error."""
    if not _has_pages():
        return [("openapi.json", "OpenAPI")]
    query = [(name, value) for name, value in request.args.items(multi=True) if name not in signing.PARAMETERS]
    form = [(f"?{urlencode(query)}", "Change the options")] if request.path == "/thumb" and query else []
    return [*form, ("", "Home"), ("docs", "Documentation"), ("openapi.json", "OpenAPI")]


def _handle_unexpected(error: Exception) -> Response:
    log.error("internal_error", exc_info=error)
    return problem_response(TintypeError("internal error; search the log for the request id"))


def _generic_problem(status: int) -> Response:
    """Problem for an HTTP status outside of the error tree, with the title of the standard."""
    title = HTTP_STATUS_CODES.get(status, "Error")
    code = title.lower().replace(" ", "-")
    problem = {"type": "about:blank", "title": title, "status": status, "detail": title, "error": code}
    request_log.bind(error=code)
    telemetry.count("tintype_problems_total", code)
    return _add_headers(_render({**problem, "message": title}, None), status, None)


def _allowed(error: HTTPException) -> str:
    return ", ".join(sorted(getattr(error, "valid_methods", None) or ()))


def _render(problem: Mapping[str, Any], error: TintypeError | None) -> Response:
    if (
        error
        and error.status not in _NEVER_IMAGES
        and _wants_image(request)
        and (image := _error_image(request, error))
    ):
        return image
    members = Problem(**problem, instance=f"urn:tintype:request:{request_log.request_id()}").members()
    if _prefers_html(request):
        home, pages = f"{current_app.extensions[_PREFIX_KEY](request)}/", _pages()
        text = render_template("problem.html", problem=members, style=_STYLE, home=home, pages=pages)
        page = Response(text, mimetype="text/html")
        page.headers["Content-Security-Policy"] = _CSP
        return page
    return Response(json.dumps(members, ensure_ascii=False) + "\n", content_type=PROBLEM_JSON)


def _add_headers(response: Response, status: int, error: TintypeError | None) -> Response:
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    response.headers.add("Vary", "Accept")
    if isinstance(error, errors.RangeNotSatisfiable):
        response.headers["Content-Range"] = f"bytes */{error.complete_length}"
    if isinstance(error, errors.Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="tintype"'
    if error and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _prefers_html(request: Request) -> bool:
    accepted = accepted_types(request)
    json_quality = max(quality(accepted, media) for media in ("application/json", PROBLEM_JSON))
    return quality(accepted, "text/html") > json_quality


def _wants_image(request: Request) -> bool:
    if request.path != "/thumb" or request.method not in ("GET", "HEAD", "POST"):
        return False
    options = valid_options(request)
    return options.on_error == "image" and options.format not in DOCUMENTS


def _error_image(request: Request, error: TintypeError) -> Response | None:
    """The error as an image; None if too many images are being drawn.

    A request that no rate limit counts gets one of a few small images, so that a client without an API key, or over its
    limit, causes no drawing for each size it requests.
    """
    options = valid_options(request)
    chosen = fallback_images.image_format(
        negotiate(accepted_types(request)) if options.format == "auto" else options.format
    )
    size = fallback_images.expected_size(options.model_copy(update={"format": chosen}).capture_request())
    detail = error.detail
    if isinstance(error, errors.RateLimited) or COUNTED_KEY not in request.environ:
        size = fallback_images.small_size(size)
        detail = detail.partition(";")[0]  # without the seconds until a retry, which would make every image differ
    images: FallbackImages = current_app.extensions[_IMAGES_KEY]
    try:
        drawn = images.error_image(error.title, detail, chosen, size, permit_of(request.environ))
    except errors.Overloaded:
        return None
    return Response(drawn.body, mimetype=drawn.mime)
