"""``POST /persist``: a picture kept for good, and ``GET /stored/<key>`` where this service serves it."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, jsonify, request

from tintype.errors import NotFound
from tintype.request_parser import RequestParser
from tintype.service import ThumbnailService
from tintype.urls import host_of
from tintype.web import request_log, responses
from tintype.web.auth import Authenticator
from tintype.web.bodies import PersistedThumbnail
from tintype.web.client_address import ProxyTrust
from tintype.web.rate_limit import RateLimiter


def persist_blueprint(
    service: ThumbnailService,
    access: Authenticator,
    gate: RateLimiter,
    reader: RequestParser,
    visitors: ProxyTrust,
    public_url: str,
) -> Blueprint:
    """The route that stores. ``public_url`` is where callers reach this service; empty: as they did now."""
    routes = Blueprint("persist", __name__)

    @routes.post("/persist")
    def persist() -> Response:
        gate.check_persist(request, access.authenticate(request).key_name)
        wanted = reader.body(request)
        request_log.bind(target=host_of(wanted.capture_request.shot.url))
        persisted = service.persist(wanted.capture_request, wanted.freshness, wanted.fail_on)
        base = public_url or visitors.base_url(request)
        url = responses.absolute_url(persisted.url, base)
        return jsonify(PersistedThumbnail.model_validate(replace(persisted, url=url)).members())

    return routes


def stored_blueprint(service: ThumbnailService) -> Blueprint:
    """The route that gives back what is stored on this machine's disk."""
    routes = Blueprint("stored", __name__)
    routes.after_request(responses.add_cors)

    @routes.get("/stored/<path:key>")
    def stored(key: str) -> Response:
        found = service.get_stored(key)
        if found is None:
            raise NotFound("no picture is stored under this key")
        return responses.stored(found, request)

    return routes
