"""Builds the components of jobs from the settings: the runner of this process and the service of the routes."""

from __future__ import annotations

import os
from collections.abc import Callable
from urllib.parse import urlsplit

from tintype import backends
from tintype.api_keys import ApiKey
from tintype.backends import StateBackends
from tintype.errors import ConfigurationError
from tintype.jobs.capture import PageCapturer
from tintype.jobs.job_worker import JobWorker
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.messages import Broker, MessageSender
from tintype.jobs.model import ClaimLimits, Lease
from tintype.jobs.runner import JobRunner, JobThreads, ThreadsTogether
from tintype.jobs.service import MAX_QUEUED, JobLimits, JobService
from tintype.jobs.sitemap_pages import SitemapExpander, is_sitemap, room_in
from tintype.jobs.submission import SubmissionParser
from tintype.network.egress import matches_host
from tintype.request_parser import RequestParser
from tintype.schedules.comparison import PageComparer
from tintype.schedules.events import RunNotifier
from tintype.schedules.runner import RunParts, ScheduleRunner
from tintype.schedules.service import ScheduleLimits, ScheduleService
from tintype.schedules.submission import MAX_SCHEDULE_PAGES, ScheduleParser
from tintype.service import ThumbnailService
from tintype.service.charging import CaptureCharge
from tintype.settings import Settings
from tintype.webhooks.service import WebhookService

MAX_RUNNING = 10_000
"""Pages of one API key that all nodes capture at the same time; nodes have far lower limits."""


def build_schedules(
    settings: Settings,
    state: StateBackends,
    service: ThumbnailService,
    parser: RequestParser,
    jobs: JobService,
    check_host: Callable[[str, str], None],
) -> ScheduleService | None:
    """Build the schedules of this process; None if they are disabled.

    ``check_host`` raises HostNotAllowed for an owner and a host.
    """
    if not settings.schedules:
        return None
    stored = service.stored
    parts = RunParts(
        jobs=jobs,
        comparer=PageComparer(service, parser),
        stored=stored,
        check_host=check_host,
        notify=RunNotifier(state.deliveries, stored.url),
        keep=settings.schedule_runs,
    )
    limits = ScheduleLimits(schedules=settings.schedules, pages=settings.schedule_pages)
    submissions = SubmissionParser(parser, MAX_SCHEDULE_PAGES)
    schedules = ScheduleParser(submissions, *((jobs.webhooks.parser.check_url,) if jobs.webhooks else ()))
    return ScheduleService(state.schedules, schedules, ScheduleRunner(state.schedules, parts), jobs, stored, limits)


def build_jobs(
    settings: Settings,
    state: StateBackends,
    service: ThumbnailService,
    parser: RequestParser,
    charge_to: Callable[[str], CaptureCharge | None],
    webhooks: WebhookService,
) -> JobService:
    """Build the jobs of this process; ``charge_to`` returns what counts the captures of an API key by its name."""
    capturer = _capturer(settings, state, service, parser, charge_to)
    threads: list[JobThreads] = []
    if captures := _captures(settings):
        threads.append(JobRunner(state.jobs, capturer, _claim_limits(settings, captures, backends.node_name(settings))))
    if settings.broker_url or not captures:
        threads.append(MessageSender(state.jobs, lambda: open_broker(settings)))
    check_jobs(settings)
    runner = ThreadsTogether(threads)
    job_limits = JobLimits(queued_per_owner=settings.job_queue, retention=settings.job_retention)
    submissions = SubmissionParser(parser, webhooks=webhooks.parser)
    return JobService(state.jobs, submissions, runner, job_limits, webhooks=webhooks)


def build_worker(
    settings: Settings,
    state: StateBackends,
    service: ThumbnailService,
    parser: RequestParser,
    charge_to: Callable[[str], CaptureCharge | None],
) -> JobWorker:
    """Build a job worker, which captures as many pages at a time as its node has slots; raises ConfigurationError."""
    broker = open_broker(settings)
    limits = _claim_limits(
        settings, settings.job_workers or settings.slot_count, f"{backends.node_name(settings)}:{os.getpid()}"
    )
    return JobWorker(state.jobs, broker, _capturer(settings, state, service, parser, charge_to), limits)


def _capturer(
    settings: Settings,
    state: StateBackends,
    service: ThumbnailService,
    parser: RequestParser,
    charge_to: Callable[[str], CaptureCharge | None],
) -> Callable[[Lease], CaptureOutcome]:
    """The call that captures a page of a job, or reads a sitemap."""
    capturer = PageCapturer(service, parser, charge_to)
    hosts = {key.name: key.hosts for key in map(ApiKey.parse, settings.api_keys) if key.hosts}
    expander = SitemapExpander(
        targets=parser.target_policy,
        room=room_in(state.jobs, settings.job_queue, MAX_QUEUED),
        covers=lambda owner, host: owner not in hosts or matches_host(host, hosts[owner]),
    )
    return lambda lease: expander(lease) if is_sitemap(lease) else capturer(lease)


def _captures(settings: Settings) -> int:
    """Pages of jobs that a serving node captures at the same time."""
    return (
        max(1, int(settings.slot_count * settings.job_share)) if settings.job_workers is None else settings.job_workers
    )


def _claim_limits(settings: Settings, captures: int, node: str) -> ClaimLimits:
    return ClaimLimits(
        total=captures,
        per_owner=settings.job_key_captures or MAX_RUNNING,
        per_host=settings.job_host_captures,
        host_pause=settings.job_host_pause,
        node=node,
    )


def check_jobs(settings: Settings) -> None:
    """Raise ConfigurationError if job workers shall capture pages, and only this machine could read the jobs."""
    if settings.jobs and (settings.broker_url or settings.job_workers == 0):
        _require_shared_jobs(settings)


def _require_shared_jobs(settings: Settings) -> None:
    if not settings.redis_url:
        raise ConfigurationError(
            "REDIS_URL: required by TINTYPE_BROKER_URL, TINTYPE_JOB_WORKERS=0 and tintype worker, because all nodes"
            " share the jobs in Redis; set it"
        )


def open_broker(settings: Settings) -> Broker:
    """Open the broker of job workers, which connects on first use; raises ConfigurationError."""
    _require_shared_jobs(settings)
    from tintype.state import broker  # noqa: PLC0415 - only processes with a broker import Dramatiq

    url = settings.broker_url or settings.redis_url
    is_rabbitmq = url.startswith(("amqp://", "amqps://"))
    return (broker.open_rabbitmq if is_rabbitmq else broker.open_redis)(url, settings.redis_prefix)


def describe_broker(settings: Settings) -> str:
    """Where the broker is, for the operator: ``RabbitMQ at host:5672``, without the password of the URL."""
    parts = urlsplit(settings.broker_url)
    if parts.scheme not in ("amqp", "amqps"):
        return backends.describe_state(
            settings.model_copy(update={"redis_url": settings.broker_url or settings.redis_url})
        )
    return f"RabbitMQ at {parts.hostname}:{parts.port or (5672 if parts.scheme == 'amqp' else 5671)}"
