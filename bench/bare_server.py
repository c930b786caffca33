"""granian with a WSGI application that only returns bytes: what a cache hit costs before Tintype does anything.

``python -m bench.bare_server PORT KB FIELDS``: a body of KB kilobytes and the first FIELDS header fields of a hit.
``bench.hit_parts`` measures it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from tintype.commands.worker import HEAD_TIMEOUT, MAX_HEAD
from tintype.web.connections import MAX_CONNECTIONS

FIELDS = [
    ("Content-Type", "image/jpeg"),
    ("Content-Disposition", 'inline; filename="site1.example.com.jpg"'),
    ("ETag", f'"{"0" * 32}"'),
    ("X-Verdict", "ok"),
    ("X-Cache", "HIT"),
    ("Cache-Control", "public, max-age=86400, stale-while-revalidate=604800"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Vary", "Origin"),
    ("Age", "1"),
    ("X-Request-Id", "0" * 32),
    ("RateLimit-Policy", '"thumb";q=1000000000;w=60'),
    ("RateLimit", '"thumb";r=999999999;t=60'),
]


def application(body: bytes, fields: list[tuple[str, str]]) -> WSGIApplication:
    """An application that returns the same response to every request."""

    def answer(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", fields)
        return [body]

    return answer


def main() -> None:
    port, size, fields = map(int, sys.argv[1:])
    answer = application(os.urandom(size << 10), [*FIELDS, ("Content-Length", str(size << 10))][:fields])
    Granian(
        "bare",
        interface=Interfaces.WSGI,
        port=port,
        blocking_threads=48,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(HEAD_TIMEOUT * 1000), max_buffer_size=MAX_HEAD),
        backpressure=MAX_CONNECTIONS,
        log_enabled=False,
        websockets=False,
    ).serve(target_loader=lambda: answer, wrap_loader=False)


if __name__ == "__main__":
    main()
