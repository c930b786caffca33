"""Which query strings were understood before, and what they meant."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, replace
from typing import TypeVar
from wsgiref.types import WSGIEnvironment

from tintype.request_parser import ThumbnailRequest

Part = TypeVar("Part")

MAX_ENTRIES = 8192
MAX_KEY_LENGTH = 2048
"""Characters of query string and Accept header; longer ones are read anew each time."""


@dataclass(frozen=True, slots=True, eq=False)
class ParsedQuery:
    """One thing that is asked for; compared by identity, which is quicker than by meaning."""

    request: ThumbnailRequest


class QueryCache:
    """Query strings by what they mean, with the Accept header where that chose the format.

    Only what Flask has answered is learned, so that nothing is understood in two ways; and only hits are, so that a
    crowd of questions asked once drives none out that is asked often.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._entries: dict[str | tuple[str, str], ParsedQuery] = {}
        self._lock = threading.Lock()

    def get(self, environ: WSGIEnvironment) -> ParsedQuery | None:
        """What a request asks for, if that was asked before."""
        query = environ["QUERY_STRING"]
        return self._entries.get(query) or self._entries.get((query, environ.get("HTTP_ACCEPT", "")))

    def add(self, environ: WSGIEnvironment, wanted: ThumbnailRequest) -> None:
        """Remember what a request meant, unless it insists on a new picture; of too many the oldest is forgotten."""
        query, accept = environ["QUERY_STRING"], environ.get("HTTP_ACCEPT", "")
        key = (query, accept) if wanted.negotiated else query
        if wanted.freshness.forced or len(query) + len(accept) > MAX_KEY_LENGTH or key in self._entries:
            return
        with self._lock:
            self._entries[key] = ParsedQuery(_intern_parts(wanted))
            if len(self._entries) > self._max_entries:
                del self._entries[next(iter(self._entries))]


def _intern_parts(wanted: ThumbnailRequest) -> ThumbnailRequest:
    """The same with parts shared among all questions, for most are alike: 2 KB instead of 7."""
    request, shot = wanted.capture_request, wanted.capture_request.shot
    parts = ("credentials", "emulation", "wait", "page_changes", "region")
    shot = shot.model_copy(update={name: _interned(getattr(shot, name)) for name in parts})
    slim = request.model_copy(update={"shot": shot, "rendition": _interned(request.rendition)})
    return replace(wanted, capture_request=slim)


@functools.lru_cache(1024)
def _interned(part: Part) -> Part:
    return part
