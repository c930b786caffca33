"""One log line a request, and the id that ties a caller's complaint to it."""

from __future__ import annotations

import re
import time
import uuid
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

log = structlog.get_logger("tintype.web")

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Note when each request begins and write a line when it ends."""
    app.before_request(_begin)
    app.after_request(_end)


def note(**fields: Any) -> None:
    """Add fields to every further line of this request."""
    bind_contextvars(**fields)


def request_id() -> str:
    """The id of this request: the caller's own if it is harmless, else a new one."""
    return str(g.request_id)


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
    g.begin = time.perf_counter()
    clear_contextvars()
    bind_contextvars(id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    response.headers["X-Content-Type-Options"] = "nosniff"
    spent = round((time.perf_counter() - g.begin) * 1000, 1)
    if steps := response.headers.get("Server-Timing"):
        response.headers["Server-Timing"] = f"{steps}, total;dur={spent}"
    log.info(
        "request",
        method=request.method,
        # the pattern, never the path: that may hold a key, and the query string a secret
        route=request.url_rule.rule if request.url_rule else "-",
        status=response.status_code,
        ms=spent,
        bytes=_sent(response),
    )
    clear_contextvars()
    return response


def _sent(response: Response) -> int:
    """Bytes of the body that really goes out."""
    if request.method == "HEAD" or response.status_code == HTTPStatus.NOT_MODIFIED:
        return 0
    return response.calculate_content_length() or 0
