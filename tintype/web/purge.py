"""Route ``POST /purge``: an operator removes thumbnails from the cache, by URL, host, prefix, tag or ETag, or all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request

from tintype.errors import InvalidParameter, InvalidRequest
from tintype.request_parser import Pairs
from tintype.service import ThumbnailService
from tintype.service.purge import Selector, SelectorKind
from tintype.urls import TargetPolicy
from tintype.web import raw_params
from tintype.web.auth import Authenticator
from tintype.web.bodies import PurgeReport
from tintype.web.rate_limit import RateLimiter
from tintype.web.request_body import BodyReader

MAX_SELECTORS = 100
"""URLs, hosts, prefixes, tags and ETags of one request."""
MAX_TEXT = 2048
"""Characters of one of them."""


def blueprint(
    service: ThumbnailService,
    authenticator: Authenticator,
    rate_limiter: RateLimiter,
    policy: TargetPolicy,
    body_reader: BodyReader,
) -> Blueprint:
    """The route; ``policy`` canonicalises URLs."""
    routes = Blueprint("purge", __name__)

    @routes.post("/purge")
    def purge() -> Response:
        rate_limiter.check_purge(request, authenticator.require_admin(request))
        selectors = parse_selectors(raw_params.body_pairs(request, body_reader), policy)
        counts = [(selector, service.purge(selector)) for selector in selectors]
        response = jsonify(PurgeReport.of(counts).members())
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def parse_selectors(pairs: Pairs, policy: TargetPolicy) -> list[Selector]:
    """The selectors of a body; raises InvalidRequest, before anything is purged, with the first error of each member.

    Repeated selectors are one.
    """
    found: dict[Selector, None] = {}
    invalid: list[InvalidParameter] = []
    for name, value in pairs:
        try:
            found.update(dict.fromkeys(_selectors(name, value, policy)))
        except InvalidRequest as error:
            invalid.append(InvalidParameter(name, error.invalid_parameters[0].message))
    if invalid:
        raise InvalidRequest(*invalid)
    if not found or (len(found) > 1 and Selector(SelectorKind.ALL) in found):
        kinds = ", ".join(kind for kind in SelectorKind if kind is not SelectorKind.ALL)
        raise InvalidRequest(InvalidParameter("body", f'must contain {kinds}, or "all": true alone'))
    if len(found) > MAX_SELECTORS:
        raise InvalidRequest(InvalidParameter("body", f"must name at most {MAX_SELECTORS} things to purge"))
    return list(found)


def _selectors(name: str, value: Any, policy: TargetPolicy) -> Iterator[Selector]:
    if name not in [*SelectorKind]:  # "in" of an enumeration raises for a text before Python 3.12
        raise _invalid(f"is not a member of a purge; use {', '.join(SelectorKind)}")
    kind = SelectorKind(name)
    if kind is SelectorKind.ALL:
        if value is not True:
            raise _invalid("must be true")
        yield Selector(kind)
        return
    texts = value if isinstance(value, list) else [value]
    if len(texts) > MAX_SELECTORS or not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts):
        raise _invalid(f"must be a text of at most {MAX_TEXT} characters, or a list of at most {MAX_SELECTORS}")
    for text in texts:
        yield Selector.parse(kind, text, policy)


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(InvalidParameter("", message))
