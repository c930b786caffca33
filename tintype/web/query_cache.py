"""Which query strings were understood before, and what they meant."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, replace
from typing import TypeVar
from wsgiref.types import WSGIEnvironment

from tintype.web.params import ThumbnailRequest

Part = TypeVar("Part")

MOST = 8192
LONGEST = 2048
"""Characters of query string and Accept header; longer ones are read anew each time."""


@dataclass(frozen=True, slots=True, eq=False)
class ParsedQuery:
    """One thing that is asked for; compared by identity, which is quicker than by meaning."""

    wanted: ThumbnailRequest


class QueryCache:
    """Query strings by what they mean, with the Accept header where that chose the format.

    Only what Flask has answered is learned, so that nothing is understood in two ways; and only hits are, so that a
    crowd of questions asked once drives none out that is asked often.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[str | tuple[str, str], ParsedQuery] = {}
        self._turn = threading.Lock()

    def find(self, environ: WSGIEnvironment) -> ParsedQuery | None:
        """What a request asks for, if that was asked before."""
        query = environ["QUERY_STRING"]
        return self._known.get(query) or self._known.get((query, environ.get("HTTP_ACCEPT", "")))

    def learn(self, environ: WSGIEnvironment, wanted: ThumbnailRequest) -> None:
        """Remember what a request meant, unless it insists on a new picture; of too many the oldest is forgotten."""
        query, accept = environ["QUERY_STRING"], environ.get("HTTP_ACCEPT", "")
        key = (query, accept) if wanted.negotiated else query
        if wanted.freshness.forced or len(query) + len(accept) > LONGEST or key in self._known:
            return
        with self._turn:
            self._known[key] = ParsedQuery(_slim(wanted))
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]


def _slim(wanted: ThumbnailRequest) -> ThumbnailRequest:
    """The same with parts shared among all questions, for most are alike: 2 KB instead of 7."""
    request, shot = wanted.request, wanted.request.shot
    parts = ("identify", "emulate", "settle", "retouch", "expose")
    shot = shot.model_copy(update={name: _shared(getattr(shot, name)) for name in parts})
    slim = request.model_copy(update={"shot": shot, "rendition": _shared(request.rendition)})
    return replace(wanted, request=slim)


@functools.lru_cache(1024)
def _shared(part: Part) -> Part:
    return part
