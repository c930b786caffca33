"""``GET /thumb`` and ``POST /thumb``: the picture of a page. ``GET /meta``: what the page says of itself."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from tintype.errors import TintypeError
from tintype.model import CacheState
from tintype.service import Service
from tintype.service.verdict import insist
from tintype.urls import host_of
from tintype.web import journal, responses
from tintype.web.gate import Gate
from tintype.web.known import Questions
from tintype.web.params import Reader, Wanted


def blueprint(
    service: Service, gate: Gate, reader: Reader, questions: Questions, clock: Callable[[], float]
) -> Blueprint:
    """The route, with what it needs."""
    routes = Blueprint("thumb", __name__)
    routes.after_request(responses.open_to_all)

    @routes.get("/thumb")
    def thumb() -> Response:
        gate.enter_thumb(request)
        return _answer(reader.query(request), learn=True)

    @routes.post("/thumb")
    def posted() -> Response:
        gate.enter_thumb(request)
        return _answer(reader.posted(request))

    @routes.get("/meta")
    def meta() -> Response:
        gate.enter_thumb(request)
        return _answer(reader.query(request, format="json"))

    def _answer(asked: Wanted | TintypeError, *, learn: bool = False) -> Response:
        found = service.recall(asked.request, asked.freshness) if isinstance(asked, Wanted) else None
        gate.settle_thumb(request, hit=found is not None)
        wanted = _readable(asked)
        journal.note(target=host_of(wanted.request.shot.url))
        make = service.ahead if wanted.placeholder else service.thumbnail
        answer = found or make(wanted.request, wanted.freshness)
        if answer is None:
            journal.note(cache=CacheState.PLACEHOLDER)
            return responses.placeholder(wanted)
        insist(answer.thumbnail, wanted.fail_on)
        journal.note(cache=answer.cache, **{f"{step}_ms": round(ms, 1) for step, ms in answer.timings.items()})
        if learn:
            questions.learn(request.environ, wanted)
        return responses.picture(answer, wanted, request, clock())

    return routes


def _readable(asked: Wanted | TintypeError) -> Wanted:
    """What was asked; a mistake is raised only here, once it has been counted."""
    if isinstance(asked, TintypeError):
        raise asked
    return asked
