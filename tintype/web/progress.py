"""Routes ``GET`` and ``DELETE /progress/ID``: the step of a client's own capture, and its cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, jsonify, request

from tintype.errors import NotFound
from tintype.progress import is_progress_id
from tintype.protocols import CaptureMonitor
from tintype.web.bodies import CancelReport, JsonBody, ProgressReport
from tintype.web.client_address import ProxyTrust, rate_limit_key
from tintype.web.client_limit import ClientLimit

ROUTE = "/progress/<progress_id>"
HEADER = "X-Progress-Id"
"""Request header with the id that the client made: 32 random hex digits."""
MAX_CONCURRENT, MAX_CONCURRENT_PER_CLIENT = 8, 4
"""Requests of these routes at the same time: each may wait 0.4 s for the capture daemon."""


def blueprint(monitor: CaptureMonitor, proxies: ProxyTrust) -> Blueprint:
    """The routes. The id authenticates the client, which made it at random."""
    routes = Blueprint("progress", __name__)
    limit = ClientLimit("progress requests", MAX_CONCURRENT, MAX_CONCURRENT_PER_CLIENT)

    @contextmanager
    def admitted(progress_id: str) -> Iterator[None]:
        """Check the id, and count the request while the block runs; raises NotFound, RateLimited or Overloaded."""
        if not is_progress_id(progress_id):
            raise NotFound("a progress id has 32 hex digits; send it as X-Progress-Id with the request to follow")
        client = rate_limit_key(proxies.client_address(request.remote_addr or "", proxies.forwarded(request.environ)))
        limit.enter(client)
        try:
            yield
        finally:
            limit.leave(client)

    @routes.get(ROUTE)
    def progress(progress_id: str) -> Response:
        with admitted(progress_id):
            step, ahead = monitor.progress(progress_id)
        return _uncached(ProgressReport(step=step, ahead=ahead))

    @routes.delete(ROUTE)
    def cancel(progress_id: str) -> Response:
        with admitted(progress_id):
            cancelled = monitor.cancel(progress_id)
        return _uncached(CancelReport(cancelled=cancelled))

    return routes


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
