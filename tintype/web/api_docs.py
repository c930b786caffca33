"""``GET /openapi.json``: what programs may ask. ``GET /docs``: the same for people."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request

from tintype import __version__
from tintype.web import headers, responses
from tintype.web.openapi import ApiFeatures, document
from tintype.web.openapi.docs_view import chapters, objects
from tintype.web.playground import with_security_headers
from tintype.web.static_files import static_files

if TYPE_CHECKING:
    from tintype.application import Application


def api_features(parts: Application) -> ApiFeatures:
    """What of the API is a matter of settings."""
    return ApiFeatures(
        base=parts.public_url,
        keys=bool(parts.authenticator.keys),
        signatures=parts.authenticator.accepts_signatures,
        stores_here=parts.serves_stored,
        status=parts.playground.enabled,
        metrics=parts.metrics_access.mode != "off",
    )


def blueprint(about: ApiFeatures, *, pages: bool) -> Blueprint:
    """The routes, open to everybody: they tell nothing but what the source does. ``pages``: that for people too."""
    routes = Blueprint("description", __name__)
    told: dict[str, Any] = document(about)
    text = cache(lambda: json.dumps(told, ensure_ascii=False, separators=(",", ":")))
    page = cache(lambda: _render_docs(told))

    @routes.get("/openapi.json")
    def openapi() -> Response:
        response = responses.with_etag(text(), "application/json", request)
        response.headers.update(headers.CORS_HEADERS)
        return response

    if pages:

        @routes.get("/docs")
        def docs() -> Response:
            return with_security_headers(responses.with_etag(page(), "text/html; charset=utf-8", request))

    return routes


def _render_docs(told: dict[str, Any]) -> str:
    return render_template(
        "docs.html",
        chapters=chapters(told),
        objects=objects(told),
        info=told["info"],
        static=f"static/{static_files().digest}",
        version=__version__,
    )
