"""``GET /health`` and ``GET /ready``: for those who watch over the service."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from tintype import __version__
from tintype.errors import BackendUnavailable
from tintype.service import ThumbnailService
from tintype.web import problems


def blueprint(service: ThumbnailService) -> Blueprint:
    """Liveness, which asks nobody, and readiness, which asks engine, state and storage."""
    routes = Blueprint("ops", __name__)

    @routes.get("/health")
    def health() -> Response:
        return _uncached(jsonify(ok=True, service="tintype", version=__version__))

    @routes.get("/ready")
    def ready() -> Response:
        found = service.readiness()
        wrong = {name: reason for name, reason in found.items() if reason is not None}
        if wrong:
            error = BackendUnavailable("; ".join(f"{name}: {reason}" for name, reason in wrong.items()), retry_after=10)
            return problems.problem_response(error, ok=False, checks=_as_text(found))
        return _uncached(jsonify(ok=True, checks=_as_text(found), warnings=service.warnings()))

    return routes


def _as_text(found: dict[str, str | None]) -> dict[str, str]:
    return {name: reason or "ok" for name, reason in found.items()}


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
