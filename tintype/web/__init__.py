"""Web application: Flask routes and the fast path; ``tintype.web:create_app()`` is the WSGI entry point."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Request
from flask.json.provider import DefaultJSONProvider

from tintype import telemetry
from tintype.web import (
    api_docs,
    header_fields,
    health,
    metrics,
    persist,
    playground,
    problems,
    progress,
    purge,
    request_log,
    stored,
    thumb,
    usage_routes,
)
from tintype.web.fallback_images import FallbackImages
from tintype.web.fast_path import FastPath
from tintype.web.jobs import archive, preview
from tintype.web.jobs import views as job_views
from tintype.web.query_cache import QueryCache
from tintype.web.request_body import MAX_BODY
from tintype.web.schedules import views as schedule_views
from tintype.web.webhooks import views as webhook_views
from tintype.web.webhooks.single_page import SinglePageSubmitter

if TYPE_CHECKING:
    from tintype.application import Application
    from tintype.jobs.service import JobService
    from tintype.schedules.service import ScheduleService


def create_app(application: Application | None = None) -> Flask:
    """Build the WSGI application; without ``application``, from environment variables."""
    if application is None:
        from tintype.application import from_environment  # noqa: PLC0415 - outer ring, for WSGI servers only

        application = from_environment()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json = _json(app)
    request_log.install(app)
    images = FallbackImages(application.service.drawing)
    header_fields.install(app)
    problems.install(app, images, application.proxies.path_prefix)
    usage_routes.install(app, application.authenticator.usage)
    query_cache = QueryCache()
    _register_routes(app, application, query_cache, images)
    fast_path = FastPath(
        app.wsgi_app,
        application.service,
        application.authenticator,
        application.rate_limiter,
        query_cache,
        application.clock,
    )
    app.wsgi_app = telemetry.wrap_wsgi(fast_path)  # type: ignore[method-assign, assignment]
    return app


def _register_routes(app: Flask, application: Application, query_cache: QueryCache, images: FallbackImages) -> None:
    service, authenticator, playground_page = application.service, application.authenticator, application.playground
    shared = service, authenticator, application.rate_limiter, application.request_parser, application.body_reader

    def base_url(request: Request) -> str:
        return application.public_url or application.proxies.base_url(request)

    submitter = SinglePageSubmitter(application.jobs, authenticator, base_url)
    thumbnails = thumb.ThumbnailView(*shared, application.sender, query_cache, images, submitter, application.clock)
    app.register_blueprint(thumb.blueprint(thumbnails))
    app.register_blueprint(persist.persist_blueprint(*shared, submitter, base_url))
    if application.serves_stored:
        app.register_blueprint(persist.stored_blueprint(service, application.rate_limiter, application.sender))
    policy = application.request_parser.target_policy
    app.register_blueprint(
        purge.blueprint(service, authenticator, application.rate_limiter, policy, application.body_reader)
    )
    app.register_blueprint(usage_routes.blueprint(authenticator))
    app.register_blueprint(
        stored.blueprint(service, authenticator, policy, base_url, serves_stored=application.serves_stored)
    )
    if application.jobs:
        app.register_blueprint(_jobs_blueprint(application, application.jobs, base_url))
    if application.schedules:
        app.register_blueprint(_schedules_blueprint(application, application.schedules, base_url))
    if application.webhooks:
        deliveries = webhook_views.DeliveriesView(application.webhooks, authenticator, application.rate_limiter)
        app.register_blueprint(webhook_views.blueprint(deliveries))
    app.register_blueprint(health.blueprint(service, application.jobs))
    app.register_blueprint(metrics.blueprint(application.metrics_access))
    app.register_blueprint(
        api_docs.blueprint(api_docs.api_features(application), application.proxies, pages=playground_page.enabled)
    )
    if application.captures:
        app.register_blueprint(progress.blueprint(application.captures, application.proxies))
    if playground_page.enabled:
        app.register_blueprint(playground.blueprint(playground_page, authenticator))


def _jobs_blueprint(application: Application, jobs: JobService, base_url: Callable[[Request], str]) -> Blueprint:
    view = job_views.JobsView(
        jobs,
        application.authenticator,
        application.rate_limiter,
        application.body_reader,
        archive.ArchiveWriter(jobs, application.service, application.proxies),
        preview.PreviewDrawer(application.service, application.rate_limiter),
        base_url,
        application.proxies,
    )
    return job_views.blueprint(view)


def _schedules_blueprint(
    application: Application, schedules: ScheduleService, base_url: Callable[[Request], str]
) -> Blueprint:
    view = schedule_views.SchedulesView(
        schedules,
        application.service.stored,
        application.authenticator,
        application.rate_limiter,
        application.body_reader,
        preview.PreviewDrawer(application.service, application.rate_limiter),
        base_url,
    )
    return schedule_views.blueprint(view)


def _json(app: Flask) -> DefaultJSONProvider:
    """JSON provider that keeps the order of members."""
    provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    provider.ensure_ascii = False
    return provider
