"""Hits without Flask: answers what is known and fresh, and passes everything else on.

A layer of WSGI in front of the application, because on a hit the application's own machinery costs ten times what
there is to do. It answers as the application would, field by field (``tests/web/test_fastpath.py`` compares them), and
nothing is counted or logged before it is sure that it can. What else may come to decide over a request than query,
Accept, credentials and client has to be asked here too.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tintype.service import ThumbnailService
from tintype.web import request_log
from tintype.web.auth import Authenticator
from tintype.web.query_cache import ParsedQuery, QueryCache
from tintype.web.rate_limit import RateLimiter, WindowStats
from tintype.web.response_cache import CachedResponse, ResponseCache

_CONDITIONAL_HEADERS = (
    "HTTP_IF_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
)
"""Conditions nobody has about pictures; the application knows what they mean."""
_READS = {"GET", "HEAD"}
_OF_PICTURES = {"/thumb", "/meta"}
_ONE_ETAG = re.compile(r'(W/)?"[^"]*"')


class FastPath:
    """In front of ``application``; ``clock`` gives seconds since the epoch."""

    def __init__(
        self,
        application: WSGIApplication,
        service: ThumbnailService,
        access: Authenticator,
        gate: RateLimiter,
        questions: QueryCache,
        clock: Callable[[], float],
    ) -> None:
        self._application = application
        self._service = service
        self._authenticator = access
        self._rate_limiter = gate
        self._query_cache = questions
        self._responses = ResponseCache()
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a hit, or let the application answer."""
        begin = time.perf_counter()
        question = self._query_cache.get(environ) if _is_cacheable(environ) else None
        credential = self._authenticator.authenticate_cached(environ, question.request) if question else None
        page = self._cached_response(question) if question and credential else None
        if page is None or credential is None:
            return self._delegate(environ, start_response)
        standing = self._rate_limiter.check_hit(environ, credential.key_name)
        if standing and not standing.admitted:
            return self._delegate(environ, start_response)  # which counts nothing either, and says why
        return self._answer(page, standing, credential.key_name, environ, start_response, begin)

    def _delegate(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let the application answer; pictures a few at a time (:mod:`tintype.service.turns`)."""
        if environ["PATH_INFO"] not in _OF_PICTURES or environ["REQUEST_METHOD"] not in _READS:  # a body may be slow
            return self._application(environ, start_response)
        with self._service.limit_concurrency():
            return self._application(environ, start_response)

    def _cached_response(self, question: ParsedQuery) -> CachedResponse | None:
        """The page that a question asks for, if it is fresh."""
        now = self._clock()
        if page := self._responses.get(question, now):
            return page
        wanted = question.request
        answer = self._service.get_fresh(wanted.capture_request, wanted.freshness)
        if answer is None or answer.thumbnail.verdict in wanted.fail_on:
            return None
        page = CachedResponse.build(answer, wanted, now)
        self._responses.add(question, page)
        return page

    def _answer(
        self,
        page: CachedResponse,
        standing: WindowStats | None,
        who: str,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        begin: float,
    ) -> Iterable[bytes]:
        method, name = environ["REQUEST_METHOD"], request_log.accept_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        unchanged = _etag_matches(environ.get("HTTP_IF_NONE_MATCH"), page.etag)
        body = [] if unchanged or method == "HEAD" else [page.body]
        ms = request_log.elapsed_ms(begin)
        start_response(
            "304 NOT MODIFIED" if unchanged else "200 OK",
            [
                *(page.headers_304 if unchanged else page.headers_200),
                ("Age", str(max(0, int(self._clock() - page.taken_at)))),
                _server_timing(page.timing, ms),
                ("X-Request-Id", name),
                *(standing.headers() if standing else ()),
            ],
        )
        sent = len(page.body) if body else 0
        request_log.log_hit(method, 304 if unchanged else 200, ms, sent, name, (page.host, who))
        return body


@functools.lru_cache(4096)
def _server_timing(steps: str, ms: float) -> tuple[str, str]:
    return "Server-Timing", f"{steps}, total;dur={ms}"


def _is_cacheable(environ: WSGIEnvironment) -> bool:
    """Whether a request could be a hit that needs no thought."""
    if environ["PATH_INFO"] != "/thumb" or environ["REQUEST_METHOD"] not in _READS:
        return False
    held = environ.get("HTTP_IF_NONE_MATCH")
    return environ.keys().isdisjoint(_CONDITIONAL_HEADERS) and (held is None or _ONE_ETAG.fullmatch(held) is not None)


def _etag_matches(held: str | None, etag: str) -> bool:
    """Whether the client's copy is this picture; comparison is weak (RFC 9110, 13.1.2)."""
    return held is not None and held.removeprefix("W/") == etag
