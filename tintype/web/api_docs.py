"""``GET /openapi.json``: what programs may ask. ``GET /docs``: the same for people."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request

from tintype import __version__
from tintype.openapi import ApiFeatures, document
from tintype.openapi.docs_view import chapters, objects
from tintype.web import headers, responses
from tintype.web.playground import guarded
from tintype.web.static_files import bundle

if TYPE_CHECKING:
    from tintype.application import Application


def about(parts: Application) -> ApiFeatures:
    """What of the API is a matter of settings."""
    return ApiFeatures(
        base=parts.public_url,
        keys=bool(parts.access.keys),
        signatures=parts.access.signs,
        stores_here=parts.stores_here,
        status=parts.playground.on,
        metrics=parts.audience.access != "off",
    )


def blueprint(about: ApiFeatures, *, pages: bool) -> Blueprint:
    """The routes, open to everybody: they tell nothing but what the source does. ``pages``: that for people too."""
    routes = Blueprint("description", __name__)
    told: dict[str, Any] = document(about)
    text = cache(lambda: json.dumps(told, ensure_ascii=False, separators=(",", ":")))
    page = cache(lambda: _page(told))

    @routes.get("/openapi.json")
    def openapi() -> Response:
        response = responses.with_etag(text(), "application/json", request)
        response.headers.update(headers.OPEN_TO_ALL)
        return response

    if pages:

        @routes.get("/docs")
        def docs() -> Response:
            return guarded(responses.with_etag(page(), "text/html; charset=utf-8", request))

    return routes


def _page(told: dict[str, Any]) -> str:
    return render_template(
        "docs.html",
        chapters=chapters(told),
        objects=objects(told),
        info=told["info"],
        static=f"static/{bundle().digest}",
        version=__version__,
    )
