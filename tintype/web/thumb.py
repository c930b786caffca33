"""``GET /thumb`` and ``POST /thumb``: the picture of a page. ``GET /meta``: what the page says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import Blueprint, Response, request

from tintype.errors import TintypeError
from tintype.model import CacheState
from tintype.service import ThumbnailService
from tintype.service.policy import insist
from tintype.urls import host_of
from tintype.web import request_log, responses
from tintype.web.auth import Authenticator, Credential
from tintype.web.params import RequestParser, ThumbnailRequest
from tintype.web.query_cache import QueryCache
from tintype.web.rate_limit import RateLimiter


@dataclass(frozen=True, slots=True)
class ThumbnailView:
    """Where pictures are handed out, with what that needs."""

    service: ThumbnailService
    access: Authenticator
    gate: RateLimiter
    reader: RequestParser
    questions: QueryCache
    clock: Callable[[], float]

    def enter(self) -> Credential:
        """Why this request may be answered; it is counted."""
        credential = self.access.enter(request)
        self.gate.enter_thumb(request, credential.name)
        return credential

    def answer(
        self, asked: ThumbnailRequest | TintypeError, credential: Credential, *, learn: bool = False
    ) -> Response:
        """The picture, however it is had. A mistake is raised only once it has been counted."""
        found = self.service.recall(asked.request, asked.freshness) if isinstance(asked, ThumbnailRequest) else None
        self.gate.settle_thumb(request, credential.name, hit=found is not None)
        if isinstance(asked, TintypeError):
            raise asked
        wanted = replace(asked, until=credential.until, private=credential.private)
        request_log.note(target=host_of(wanted.request.shot.url))
        make = self.service.ahead if wanted.placeholder else self.service.obtain
        answer = found or make(wanted.request, wanted.freshness)
        if answer is None:
            request_log.note(cache=CacheState.PLACEHOLDER)
            return responses.placeholder(wanted)
        insist(answer.thumbnail, wanted.fail_on)
        request_log.note(cache=answer.cache, **{f"{step}_ms": round(ms, 1) for step, ms in answer.timings.items()})
        if learn and found:  # what is asked for once is not worth its memory
            self.questions.learn(request.environ, wanted)
        return responses.picture(answer, wanted, request, self.clock())


def blueprint(counter: ThumbnailView) -> Blueprint:
    """The routes."""
    routes, reader = Blueprint("thumb", __name__), counter.reader
    routes.after_request(responses.open_to_all)

    @routes.get("/thumb")
    def thumb() -> Response:
        credential = counter.enter()
        return counter.answer(reader.query(request), credential, learn=True)

    @routes.post("/thumb")
    def posted() -> Response:
        credential = counter.enter()
        return counter.answer(reader.posted(request), credential)

    @routes.get("/meta")
    def meta() -> Response:
        credential = counter.enter()
        return counter.answer(reader.query(request, format="json"), credential)

    return routes
