"""One log line and one set of metrics per request, with the request id.

Requests that Flask handles end in ``_end``, hits of the fast path in ``log_hit``. Both report the same.
"""

from __future__ import annotations

import functools
import json
import logging
import random
import re
import time
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from tintype import access_log, telemetry
from tintype.model import CacheState
from tintype.telemetry.timing import recorded_steps, start_recording
from tintype.web import headers

log = structlog.get_logger("tintype.web")

_LOGGER = logging.getLogger("tintype.web")
_POLLED = {
    ("GET", "/status.json"),
    ("GET", "/progress/<progress_id>"),
    ("DELETE", "/progress/<progress_id>"),
    ("GET", "/jobs"),
    ("GET", "/jobs/<job_id>/pages"),
    ("GET", "/jobs/<job_id>/pages/<int:number>/preview"),
    ("GET", "/schedules"),
    ("GET", "/schedules/<schedule_id>/runs"),
    ("GET", "/schedules/<schedule_id>/runs/<run_id>/pages/<int:number>/preview"),
}
"""Requests that an open playground sends all the time: logged at level DEBUG."""
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Measure each request, and log it when it ends."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_teardown)


def bind(**fields: Any) -> None:
    """Add fields to all further log lines of this request."""
    bind_contextvars(**fields)


def request_id() -> str:
    """Id of this request, as in its X-Request-Id header."""
    return str(g.request_id)


def accept_request_id(given: str) -> str:
    """The client's request id if it matches the accepted pattern, else a new one."""
    if given and _ACCEPTED_ID.fullmatch(given):
        return given
    return random.randbytes(16).hex()  # noqa: S311 - an identifier, not a secret


def log_hit(method: str, status: int, ms: float, sent: int, request_id: str, context: tuple[str, str]) -> None:
    """Record a hit on /thumb; ``sent`` is the size of the body in bytes.

    ``context`` is the host of the target and the name of the API key, empty without one.
    """
    telemetry.observe_request("/thumb", status, "HIT", ms / 1000, sent)
    if not _LOGGER.isEnabledFor(logging.INFO):
        return
    if not access_log.write(_hit_line, method, status, ms, sent, request_id, context):
        notes = {"id": request_id, **_context_fields(context), "cache": "HIT"}
        log.info("request_finished", method=method, route="/thumb", status=status, ms=ms, bytes=sent, **notes)


def _hit_line(method: str, status: int, ms: float, sent: int, request_id: str, context: tuple[str, str]) -> str:
    return (
        f'"method": "{method}", "route": "/thumb", "status": {status}, "ms": {ms}, "bytes": {sent}, '
        f'"id": "{request_id}", {_context_json(context)}, "cache": "HIT", "event": "request_finished", '
        '"level": "info", "logger": "tintype.web"'
    )


def _context_fields(context: tuple[str, str]) -> dict[str, str]:
    host, key_name = context
    return {"target": host, "key_name": key_name} if key_name else {"target": host}


@functools.lru_cache(8192)
def _context_json(context: tuple[str, str]) -> str:
    """The context fields as escaped members of a JSON object."""
    return json.dumps(_context_fields(context), ensure_ascii=False)[1:-1]


def elapsed_ms(begin: float) -> float:
    """Milliseconds since a time of ``time.perf_counter``."""
    return int((time.perf_counter() - begin) * 10_000 + 0.5) / 10  # a third of the time of round


def _begin() -> None:
    g.request_id = accept_request_id(request.headers.get("X-Request-Id", ""))
    g.begin = time.perf_counter()
    telemetry.add_gauge("tintype_requests_in_progress", by=1)
    start_recording()
    clear_contextvars()
    bind_contextvars(id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    response.headers.update(headers.NOSNIFF)
    spent = elapsed_ms(g.begin)
    _set_timing(response, spent)
    # the pattern, because the path may contain a storage key
    route, sent = request.url_rule.rule if request.url_rule else "-", sent_bytes(response)
    request.environ["tintype.route"] = route
    telemetry.observe_request(route, response.status_code, response.headers.get("X-Cache", ""), spent / 1000, sent)
    usual = logging.DEBUG if (request.method, route) in _POLLED else logging.INFO
    level = logging.WARNING if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else usual
    log.log(
        level, "request_finished", method=request.method, route=route, status=response.status_code, ms=spent, bytes=sent
    )
    clear_contextvars()
    return response


def _set_timing(response: Response, spent: float) -> None:
    """Add the total to ``Server-Timing``; a cache hit has the field on request only, because it has no steps."""
    noted = response.headers.get("Server-Timing") or headers.step_timing(recorded_steps())
    response.headers["Server-Timing"] = f"{noted}, total;dur={spent}" if noted else f"total;dur={spent}"
    if response.headers.get("X-Cache") == CacheState.HIT and not request.headers.get(headers.TIMING_REQUEST):
        for name in ("Server-Timing", *headers.TIMING_HEADERS):
            response.headers.pop(name, None)


def _teardown(_: BaseException | None) -> None:
    telemetry.add_gauge("tintype_requests_in_progress", by=-1)


def sent_bytes(response: Response) -> int:
    """Bytes of the body that the server sends; 0 for a stream of unknown length, which must not be read here."""
    if request.method == "HEAD" or response.status_code == HTTPStatus.NOT_MODIFIED:
        return 0
    return response.content_length or (response.calculate_content_length() if response.is_sequence else 0) or 0
