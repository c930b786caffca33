"""``GET /openapi.json``: the OpenAPI document. ``GET /docs``: the same as an HTML page."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Request, Response, render_template, request

from tintype import __version__
from tintype.web import responses
from tintype.web.client_address import ProxyTrust
from tintype.web.openapi import ApiFeatures, curl, document
from tintype.web.openapi.docs_view import objects, operation_groups
from tintype.web.openapi.markdown import code_spans
from tintype.web.playground import with_security_headers
from tintype.web.static_files import static_files

if TYPE_CHECKING:
    from tintype.application import Application


_SAFE_BASE = re.compile(r"https?://[A-Za-z0-9._:\[\]-]{1,300}(?:/[A-Za-z0-9._~-]{1,64}){0,8}")


def api_features(application: Application) -> ApiFeatures:
    """Routes and authentication that the settings enable."""
    return ApiFeatures(
        base=application.public_url,
        keys=bool(application.authenticator.keys),
        admin=bool(application.authenticator.admin_keys),
        signatures=application.authenticator.accepts_signatures,
        serves_stored=application.serves_stored,
        progress=application.captures is not None,
        jobs=application.jobs is not None,
        schedules=application.schedules is not None,
        webhooks=application.webhooks is not None,
        status=application.playground.enabled,
        metrics=application.metrics_access.mode != "off",
    )


def blueprint(features: ApiFeatures, proxies: ProxyTrust, *, pages: bool) -> Blueprint:
    """The routes; they need no API key. ``pages``: whether to serve the HTML page."""
    routes = Blueprint("api_docs", __name__)
    text = cache(lambda: json.dumps(document(features), ensure_ascii=False, separators=(",", ":")))
    page = cache(lambda: _render_docs(document(features), "" if features.base else curl.BASE))

    @routes.get("/openapi.json")
    def openapi() -> Response:
        response = responses.with_etag(text(), "application/json", request)
        return responses.add_cors(response)

    if pages:

        @routes.get("/docs")
        def docs() -> Response:
            base = features.base or _request_base(proxies, request)
            text = page().replace(curl.BASE, base)
            return with_security_headers(responses.with_etag(text, "text/html; charset=utf-8", request))

    return routes


def _request_base(proxies: ProxyTrust, request: Request) -> str:
    """The base URL under which the client requested this page; a Host that no shell command may contain is replaced."""
    base = proxies.base_url(request) + proxies.path_prefix(request)
    return base if _SAFE_BASE.fullmatch(base) else "http://localhost"


def _render_docs(api: dict[str, Any], base: str) -> str:
    """The page; ``base``: what its script replaces if the browser has another base URL."""
    return render_template(
        "docs.html",
        groups=operation_groups(api),
        objects=objects(api),
        info=api["info"],
        base=base,
        code=code_spans,
        static=f"static/{static_files().digest}",
        version=__version__,
    )
