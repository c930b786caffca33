"""``GET /thumb`` and ``POST /thumb``: the picture of a page. ``GET /meta``: what the page says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import Blueprint, Response, request

from tintype.errors import TintypeError
from tintype.model import CacheState
from tintype.request_parser import RequestParser, ThumbnailRequest
from tintype.service import ThumbnailService
from tintype.service.policy import raise_for_verdict
from tintype.urls import host_of
from tintype.web import request_log, responses
from tintype.web.auth import Authenticator, Credential
from tintype.web.query_cache import QueryCache
from tintype.web.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class ThumbnailView:
    """Where pictures are handed out, with what that needs."""

    service: ThumbnailService
    authenticator: Authenticator
    rate_limiter: RateLimiter
    parser: RequestParser
    query_cache: QueryCache
    clock: Callable[[], float]

    def authorize(self) -> Credential:
        """Why this request may be answered; it is counted."""
        credential = self.authenticator.authenticate(request)
        self.rate_limiter.check_thumb(request, credential.key_name)
        return credential

    def respond(
        self, asked: ThumbnailRequest | TintypeError, credential: Credential, *, learn: bool = False
    ) -> Response:
        """The picture, however it is had. A mistake is raised only once it has been counted."""
        found = (
            self.service.get_cached(asked.capture_request, asked.freshness)
            if isinstance(asked, ThumbnailRequest)
            else None
        )
        self.rate_limiter.check_thumb_result(request, credential.key_name, hit=found is not None)
        if isinstance(asked, TintypeError):
            raise asked
        wanted = replace(asked, until=credential.expires_at, private=credential.private)
        request_log.bind(target=host_of(wanted.capture_request.shot.url))
        make = self.service.get_or_schedule if wanted.placeholder else self.service.capture
        answer = found or make(wanted.capture_request, wanted.freshness)
        if answer is None:
            request_log.bind(cache=CacheState.PLACEHOLDER)
            return responses.placeholder(wanted)
        raise_for_verdict(answer.thumbnail, wanted.fail_on)
        request_log.bind(cache=answer.cache, **{f"{step}_ms": round(ms, 1) for step, ms in answer.timings.items()})
        if learn and found:  # what is asked for once is not worth its memory
            self.query_cache.add(request.environ, wanted)
        return responses.thumbnail(answer, wanted, request, self.clock())


def blueprint(counter: ThumbnailView) -> Blueprint:
    """The routes."""
    routes, reader = Blueprint("thumb", __name__), counter.parser
    routes.after_request(responses.add_cors)

    @routes.get("/thumb")
    def thumb() -> Response:
        credential = counter.authorize()
        return counter.respond(reader.query(request), credential, learn=True)

    @routes.post("/thumb")
    def posted() -> Response:
        credential = counter.authorize()
        return counter.respond(reader.posted(request), credential)

    @routes.get("/meta")
    def meta() -> Response:
        credential = counter.authorize()
        return counter.respond(reader.query(request, format="json"), credential)

    return routes
