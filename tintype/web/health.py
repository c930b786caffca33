"""``GET /health`` (liveness) and ``GET /ready`` (readiness), for load balancers and monitoring."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from tintype import __version__
from tintype.errors import BackendUnavailable
from tintype.jobs.service import JobService
from tintype.service import ThumbnailService
from tintype.service.health import OK
from tintype.web import problems
from tintype.web.bodies import HealthReport, JsonBody, ReadinessReport

_RETRY_AFTER = 10
"""Seconds; the results of health checks are cached that long."""


def blueprint(service: ThumbnailService, jobs: JobService | None = None) -> Blueprint:
    """The routes. Liveness checks nothing; readiness checks engine, state and storage, and looks at the queue of jobs.

    A queue that no process works is a warning: thumbnails do not depend on it.
    """
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> Response:
        return _uncached(HealthReport(ok=True, service="tintype", version=__version__))

    @routes.get("/ready")
    def ready() -> Response:
        checks = service.readiness()
        failed = [f"{name}: {result}" for name, result in checks.items() if result != OK]
        if failed:
            error = BackendUnavailable("; ".join(failed), retry_after=_RETRY_AFTER)
            return problems.problem_response(error, ok=False, checks=checks)
        warnings = [*service.warnings(), *(jobs.warnings() if jobs else ())]
        return _uncached(ReadinessReport(ok=True, checks=checks, warnings=warnings))

    return routes


def _uncached(body: JsonBody) -> Response:
    response = jsonify(body.members())
    response.headers["Cache-Control"] = "no-store"
    return response
