"""WSGI layer that answers cache hits without Flask and delegates all other requests to the application.

Flask would take ten times as long as the hit itself. The response is the same as the application's, header by
header (``tests/web/test_fast_path.py`` compares them), and nothing is counted or logged before the hit is certain.
Besides query, Accept, credentials and client, this layer must check every further input on which the response depends.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tintype.errors import TintypeError
from tintype.service import ThumbnailService
from tintype.service.limits import UNLIMITED, Permit
from tintype.web import headers, request_log
from tintype.web.auth import Authenticator, Credential
from tintype.web.query_cache import ParsedQuery, QueryCache
from tintype.web.rate_limit import RateLimiter, WindowStats
from tintype.web.response_cache import CachedResponse, HeaderList, ResponseCache
from tintype.web.sending import BUFFERED_BYTES

_CONDITIONAL_HEADERS = {
    "HTTP_IF_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
}
"""Conditions that are rare for images; Flask evaluates them."""
_READ_METHODS = {"GET", "HEAD"}
_LIMITED_PATHS = {"/thumb", "/meta"}
_SINGLE_ETAG = re.compile(r'(W/)?"[^"]*"')
_CORS_PAIRS = tuple(headers.CORS_HEADERS.items())
_TIMING_KEY = f"HTTP_{headers.TIMING_REQUEST.upper().replace('-', '_')}"
_PERMIT_KEY = "tintype.permit"
"""The key of the WSGI environment that carries the concurrency permit to the view."""
_DELEGATED_KEY = "tintype.delegated"
"""The key of the WSGI environment of a request that :meth:`FastPath.answer` has not answered."""
_STATUS_LINES = {200: "200 OK", 304: "304 NOT MODIFIED"}

Answer = tuple[int, HeaderList, bytes]
"""Status, header fields and body."""


def mark_delegated(environ: WSGIEnvironment) -> None:
    """Let the application answer a request that :meth:`FastPath.answer` has not answered."""
    environ[_DELEGATED_KEY] = True


def permit_of(environ: WSGIEnvironment) -> Permit:
    """The concurrency permit of a request; UNLIMITED if it runs without one."""
    permit: Permit = environ.get(_PERMIT_KEY, UNLIMITED)
    return permit


class FastPath:
    """WSGI application in front of ``application``; ``clock`` returns seconds since the epoch."""

    def __init__(
        self,
        application: WSGIApplication,
        service: ThumbnailService,
        authenticator: Authenticator,
        rate_limiter: RateLimiter,
        query_cache: QueryCache,
        clock: Callable[[], float],
    ) -> None:
        self._application = application
        self._service = service
        self._authenticator = authenticator
        self._rate_limiter = rate_limiter
        self._query_cache = query_cache
        self._responses = ResponseCache()
        self._purges = service.purges
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a hit, or delegate to the application."""
        answer = None if environ.get(_DELEGATED_KEY) else self.answer(environ)
        if answer is None:
            return self._delegate(environ, start_response)
        status, fields, body = answer
        start_response(_STATUS_LINES[status], fields)
        return [body] if body else []

    def answer(self, environ: WSGIEnvironment) -> Answer | None:
        """Status, header fields and body of a hit, which it counts and logs; None: the application answers.

        A request that this method was called for is then passed on with :func:`mark_delegated`.
        """
        begin = time.perf_counter()
        query = self._query_cache.get(environ) if _is_cacheable(environ) else None
        credential = self._authenticator.authenticate_cached(environ, query) if query else None
        if query is None or credential is None:
            return None
        now, purges = self._clock(), self._purges()
        response = self._responses.get(query, now, purges) or self._read_again(query, credential, now, purges)
        if response is None:
            return None
        key_name = credential.key_name
        window = self._rate_limiter.check_hit(environ, key_name)
        if window and not window.admitted:
            return None  # a rejected hit is not counted; the application reports it
        return self._answer(response, window, key_name, environ, now, begin)

    def _delegate(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application; requests without a body need a concurrency permit (a body may arrive slowly)."""
        if environ["PATH_INFO"] not in _LIMITED_PATHS or environ["REQUEST_METHOD"] not in _READ_METHODS:
            return self._application(environ, start_response)
        with self._service.concurrency_limit.acquire() as permit:
            environ[_PERMIT_KEY] = permit
            return self._application(environ, start_response)

    def _read_again(self, query: ParsedQuery, credential: Credential, now: float, purges: int) -> CachedResponse | None:
        """The response to a query, if its thumbnail is fresh."""
        if response := self._responses.get_during_slow_read(query, now, purges):
            return response
        with self._responses.reading(query, now):
            return self._read_response(query, credential, now, purges)

    def _read_response(
        self, query: ParsedQuery, credential: Credential, now: float, purges: int
    ) -> CachedResponse | None:
        """The response from the shared cache; while that fails, the last one of this process."""
        parsed = query.request
        try:
            result = self._service.get_fresh(parsed.capture_request, parsed.freshness, fail_on=parsed.fail_on)
        except TintypeError:  # the application reports it
            return None
        if result is None:
            return None if self._service.is_state_available() else self._responses.get_in_outage(query, now, purges)
        if len(result.thumbnail.body) > BUFFERED_BYTES:
            return None
        response = CachedResponse.build(result, parsed, credential, now)
        self._responses.add(query, response, purges)
        return response

    def _answer(
        self,
        response: CachedResponse,
        window: WindowStats | None,
        key_name: str,
        environ: WSGIEnvironment,
        now: float,
        begin: float,
    ) -> Answer:
        method = environ["REQUEST_METHOD"]
        request_id = request_log.accept_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        unchanged = _etag_matches(environ.get("HTTP_IF_NONE_MATCH"), response.etag)
        status = 304 if unchanged else 200
        body = b"" if unchanged or method == "HEAD" else response.body
        ms = request_log.elapsed_ms(begin)
        fields = [
            *(response.headers_304 if unchanged else response.headers_200),
            ("Age", str(max(0, int(now - response.taken_at)))),
            ("X-Request-Id", request_id),
        ]
        if window:
            fields += window.headers()
        if "HTTP_ORIGIN" in environ:
            fields += _CORS_PAIRS
        if environ.get(_TIMING_KEY):
            fields += _timing_pairs(response.timing, ms)
        if key_name:
            self._authenticator.usage.record(key_name, len(body))
        request_log.log_hit(method, status, ms, len(body), request_id, (response.host, key_name))
        return status, fields, body


@functools.lru_cache(4096)
def _timing_pairs(steps: str, ms: float) -> tuple[tuple[str, str], ...]:
    return ("Server-Timing", f"{steps}, total;dur={ms}"), *headers.TIMING_HEADERS.items()


def _is_cacheable(environ: WSGIEnvironment) -> bool:
    """Whether a request can be answered from the caches of this layer."""
    if environ["PATH_INFO"] != "/thumb" or environ["REQUEST_METHOD"] not in _READ_METHODS:
        return False
    held = environ.get("HTTP_IF_NONE_MATCH")
    is_plain = held is None or _SINGLE_ETAG.fullmatch(held) is not None
    return is_plain and environ.keys().isdisjoint(_CONDITIONAL_HEADERS)


def _etag_matches(held: str | None, etag: str) -> bool:
    """Whether the client has the same image; the comparison is weak (RFC 9110, 13.1.2)."""
    return held is not None and held.removeprefix("W/") == etag
