"""Routes ``POST /persist`` (store a thumbnail permanently) and ``GET /stored/<key>`` (serve it from disk)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Blueprint, Request, Response, jsonify, request

from tintype.errors import NotFound
from tintype.request_parser import RequestParser
from tintype.service import Terms, ThumbnailService
from tintype.service.charging import charged_to
from tintype.web import raw_params, request_log, responses
from tintype.web.auth import Authenticator
from tintype.web.bodies import PersistedThumbnail
from tintype.web.rate_limit import RateLimiter
from tintype.web.request_body import BodyReader
from tintype.web.sending import ResponseSender
from tintype.web.webhooks.single_page import SinglePageSubmitter, has_webhook


def persist_blueprint(  # noqa: PLR0913, PLR0917 - one parameter for each component of the route
    service: ThumbnailService,
    authenticator: Authenticator,
    rate_limiter: RateLimiter,
    parser: RequestParser,
    body_reader: BodyReader,
    submitter: SinglePageSubmitter,
    base_url: Callable[[Request], str],
) -> Blueprint:
    """The route that stores. ``base_url`` returns the base of the returned URL."""
    routes = Blueprint("persist", __name__)

    @routes.post("/persist")
    def persist() -> Response:
        credential = authenticator.authenticate(request)
        rate_limiter.check_persist(request, credential.key_name)
        raw_params.body_pairs(request, body_reader)
        if has_webhook(request):
            return submitter.submit(request, credential, stores=True)
        parsed = parser.parse(raw_params.received_pairs(request), raw_params.accepted_types(request))
        authenticator.check_host(credential, parsed.host)
        request_log.bind(target=parsed.host)
        terms = Terms(charge=rate_limiter.charge_later("persist", request, credential.key_name), tags=parsed.tags)
        with charged_to(authenticator.usage.capture_charge(credential.key_name)):
            persisted = service.persist(parsed.capture_request, parsed.freshness, fail_on=parsed.fail_on, terms=terms)
        url = responses.absolute_url(persisted.url, base_url(request))
        response = jsonify(PersistedThumbnail.model_validate(replace(persisted, url=url)).members())
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def stored_blueprint(service: ThumbnailService, rate_limiter: RateLimiter, sender: ResponseSender) -> Blueprint:
    """The route that serves stored thumbnails from this machine's disk."""
    routes = Blueprint("stored", __name__)
    routes.after_request(responses.add_cors)

    @routes.get("/stored/<path:key>")
    def stored(key: str) -> Response:
        rate_limiter.check_stored(request)
        found = service.open_stored(key)
        if found is None:
            raise NotFound("no thumbnail is stored under this key")
        return responses.stored(found, request, sender)

    return routes
