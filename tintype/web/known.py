"""Which query strings were understood before, and what they meant."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from wsgiref.types import WSGIEnvironment

from tintype.web.params import Wanted

MOST = 8192
LONGEST = 2048
"""Characters of query string and Accept header; longer ones are read anew each time."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One thing that is asked for; compared by identity, which is quicker than by meaning."""

    wanted: Wanted


class Questions:
    """Query strings by what they mean, with the Accept header where that chose the format.

    Only what Flask has answered is learned, so that nothing is understood in two ways.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[str | tuple[str, str], Question] = {}
        self._turn = threading.Lock()

    def find(self, environ: WSGIEnvironment) -> Question | None:
        """What a request asks for, if that was asked before."""
        query = environ["QUERY_STRING"]
        return self._known.get(query) or self._known.get((query, environ.get("HTTP_ACCEPT", "")))

    def learn(self, environ: WSGIEnvironment, wanted: Wanted) -> None:
        """Remember what a request meant, unless it insists on a new picture; of too many the oldest is forgotten."""
        query, accept = environ["QUERY_STRING"], environ.get("HTTP_ACCEPT", "")
        key = (query, accept) if wanted.negotiated else query
        if wanted.freshness.forced or len(query) + len(accept) > LONGEST or key in self._known:
            return
        with self._turn:
            self._known[key] = Question(wanted)
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
