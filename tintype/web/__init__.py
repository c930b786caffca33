"""The HTTP face of the service. Flask lives here and nowhere else.

``tintype.web:create_app()`` is what a WSGI server is pointed at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from tintype import telemetry
from tintype.web import api_docs, health, metrics, persist, playground, problems, request_log, thumb
from tintype.web.fast_path import FastPath
from tintype.web.query_cache import QueryCache
from tintype.web.raw_params import MAX_BODY

if TYPE_CHECKING:
    from tintype.application import Application


def create_app(parts: Application | None = None) -> Flask:
    """The WSGI application; without parts it assembles itself from the environment."""
    if parts is None:
        from tintype import application  # noqa: PLC0415 - the one import outwards, only for WSGI servers

        parts = application.from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json = _json(app)
    request_log.install(app)
    problems.install(app)
    questions = QueryCache()
    counter = thumb.ThumbnailView(
        parts.service, parts.authenticator, parts.rate_limiter, parts.request_parser, questions, parts.clock
    )
    app.register_blueprint(thumb.blueprint(counter))
    app.register_blueprint(
        persist.persist_blueprint(
            parts.service,
            parts.authenticator,
            parts.rate_limiter,
            parts.request_parser,
            parts.proxies,
            parts.public_url,
        )
    )
    if parts.serves_stored:
        app.register_blueprint(persist.stored_blueprint(parts.service))
    app.register_blueprint(health.blueprint(parts.service))
    app.register_blueprint(metrics.blueprint(parts.metrics_access))
    app.register_blueprint(api_docs.blueprint(api_docs.api_features(parts), pages=parts.playground.enabled))
    if parts.playground.enabled:
        app.register_blueprint(playground.blueprint(parts.playground, parts.authenticator))
    fast = FastPath(app.wsgi_app, parts.service, parts.authenticator, parts.rate_limiter, questions, parts.clock)
    app.wsgi_app = telemetry.wrap_wsgi(fast)  # type: ignore[method-assign, assignment]
    return app


def _json(app: Flask) -> DefaultJSONProvider:
    """JSON with its members in the order of the docs."""
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    provider.ensure_ascii = False
    return provider
