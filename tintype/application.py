"""Composition root: builds the service and the dependencies of the web application from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tintype import backends, logs, malloc, telemetry
from tintype.api_keys import ApiKey
from tintype.errors import ConfigurationError
from tintype.job_components import build_jobs, build_schedules, build_worker
from tintype.jobs.job_worker import JobWorker
from tintype.jobs.service import JobService
from tintype.model import Freshness
from tintype.network.egress import AllowRule, Policy
from tintype.network.interfaces import LocalAddresses
from tintype.network.resolver import TargetResolver
from tintype.protocols import CaptureMonitor, Engine, Storage
from tintype.purge_signal import PurgeSignal
from tintype.request_parser import RequestParser
from tintype.schedules.service import ScheduleService
from tintype.service import ThumbnailService
from tintype.service.limits import WaitingLimit
from tintype.service.policy import BlankRetry
from tintype.service.rendering_limit import RenderingLimit
from tintype.service.stored_address import StoredAddresses
from tintype.service.stored_quota import StoredLimits
from tintype.settings import Settings
from tintype.signing import UrlSigner
from tintype.telemetry.instrumented import InstrumentedCache, InstrumentedLimit, InstrumentedStorage
from tintype.urls import TargetPolicy
from tintype.web.auth import Authenticator
from tintype.web.client_address import ProxyTrust, parse_networks
from tintype.web.connections import ConnectionGuard
from tintype.web.metrics import MetricsAccess
from tintype.web.playground import Playground
from tintype.web.rate_limit import RateLimiter, RateLimits
from tintype.web.request_body import BodyReader
from tintype.web.sending import ResponseSender
from tintype.web.usage import UsageRecorder, UsageStorage
from tintype.webhook_components import build_webhooks
from tintype.webhooks.service import WebhookService

if TYPE_CHECKING:
    from tintype.engines.chromium import ChromiumEngine

LOOKUP_TIMEOUT = 5.0
"""Seconds for the DNS lookup of a target before its capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The service and the other dependencies of the web application."""

    service: ThumbnailService
    rate_limiter: RateLimiter
    request_parser: RequestParser
    authenticator: Authenticator = field(default_factory=Authenticator)
    proxies: ProxyTrust
    public_url: str = ""
    serves_stored: bool = True
    """Whether ``/stored`` serves stored objects, because they are on disk."""
    body_reader: BodyReader = field(default_factory=BodyReader)
    sender: ResponseSender = field(default_factory=ResponseSender)
    metrics_access: MetricsAccess = field(default_factory=MetricsAccess)
    playground: Playground = field(default_factory=Playground)
    captures: CaptureMonitor | None = None
    """Follows the captures of the capture daemon; None without one."""
    jobs: JobService | None = None
    """None: jobs are disabled."""
    schedules: ScheduleService | None = None
    """None: jobs or schedules are disabled."""
    webhooks: WebhookService | None = None
    """None: jobs are disabled."""
    clock: Callable[[], float] = time.time
    exit_stack: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Close connections and end processes. Idempotent."""
        self.exit_stack.close()


def from_environment(**overrides: Any) -> Application:
    """Build a server from the environment and ``.env``, with overrides by field name; raises ConfigurationError."""
    malloc.limit_malloc_arenas()
    settings = Settings.load().model_copy(update=overrides)
    logs.configure(settings.log_level, settings.log_format)
    return build_application(settings, serving=True)


def build_application(settings: Settings, *, serving: bool = False) -> Application:
    """Build the application without connecting; ``serving`` adds limits and telemetry. Raises ConfigurationError."""
    policy = egress_policy(settings)
    state, storage = backends.open_state(settings), backends.open_storage(settings, serving=serving)
    engine = backends.open_engine(settings, serving=serving)
    proxies = ProxyTrust(settings.trusted_proxies, settings.client_address_header)
    authenticator = _authenticator(settings, state.usage)
    service = _service(settings, policy, state, storage, engine, serving=serving)
    daemon = backends.daemon_client(settings)
    parser = request_parser(settings, policy)
    webhooks = build_webhooks(settings, state.deliveries, policy) if serving and settings.jobs else None
    charge_to = authenticator.usage.capture_charge
    jobs = build_jobs(settings, state, service, parser, charge_to, webhooks) if webhooks else None
    schedules = build_schedules(settings, state, service, parser, jobs, authenticator.check_owner) if jobs else None
    application = Application(
        service=service,
        rate_limiter=RateLimiter(state.rate_limits, _rate_limits(settings, authenticator), proxies),
        request_parser=parser,
        jobs=jobs,
        schedules=schedules,
        webhooks=webhooks,
        authenticator=authenticator,
        proxies=proxies,
        public_url=settings.public_url.rstrip("/"),
        serves_stored=storage.url("").startswith("/"),
        body_reader=BodyReader(proxies, _connection_guard(settings) if serving else None),
        sender=ResponseSender(proxies, backends.data_folder(settings, "run") if serving else None),
        metrics_access=MetricsAccess(mode=settings.metrics, token=settings.metrics_token),
        playground=Playground(enabled=settings.playground, hidden_options=() if settings.allow_js else ("js",)),
        captures=daemon,
    )
    for closed in (engine, authenticator.usage, *((daemon,) if daemon else ())):
        application.exit_stack.callback(closed.close)
    if serving:
        _start_telemetry(settings, state, application, daemon)
        service.stored_maintenance.start()
        application.exit_stack.callback(service.stored_maintenance.stop)
    _start_runners(application, settings.timeout)
    return application


def _start_runners(application: Application, timeout: float) -> None:
    """Start the threads of this process; webhooks stop last, because they deliver the events of the others."""
    for each in (application.webhooks, application.jobs, application.schedules):
        if each:
            each.start()
            application.exit_stack.callback(each.stop, timeout)


def build_job_worker(settings: Settings, exit_stack: ExitStack) -> JobWorker:
    """Build a job worker, which serves no HTTP, without connecting; raises ConfigurationError.

    ``exit_stack`` closes its connections and gives up the run folder.
    """
    policy = egress_policy(settings)
    state, storage = backends.open_state(settings), backends.open_storage(settings, serving=True)
    engine = backends.open_engine(settings, serving=True)
    authenticator = _authenticator(settings, state.usage)
    service = _service(settings, policy, state, storage, engine, serving=False)
    charge_to = authenticator.usage.capture_charge
    worker = build_worker(settings, state, service, request_parser(settings, policy), charge_to)
    claim = backends.claim_run_folder(settings)
    claim.keep()
    for close in (claim.close, engine.close, authenticator.usage.close):
        exit_stack.callback(close)
    return worker


def _service(
    settings: Settings,
    policy: Policy,
    state: backends.StateBackends,
    storage: Storage,
    engine: Engine,
    *,
    serving: bool,
) -> ThumbnailService:
    return ThumbnailService(
        engine=engine,
        records=InstrumentedCache(state.records, "records"),
        masters=InstrumentedCache(state.masters, "masters"),
        locks=state.locks,
        storage=InstrumentedStorage(storage),
        target_checker=TargetResolver(policy, LOOKUP_TIMEOUT),
        failure_ttl=settings.failure_ttl,
        wait_timeout=backends.capture_wait_timeout(settings),
        waiting_limit=_waiting_limit(settings) if serving else None,
        purges=PurgeSignal(backends.data_folder(settings, "run") / "purges"),
        stored_limits=_stored_limits(settings),
        blank_retry=BlankRetry(settings.retry_blank),
        addresses=StoredAddresses(partial(backends.stored_secret, settings)),
        rendering_limit=_rendering_limit(settings) if serving else None,
    )


def _start_telemetry(
    settings: Settings, state: backends.StateBackends, application: Application, daemon: ChromiumEngine | None
) -> None:
    """Claim the run folder, then start tracing, and metrics shared with the other processes of the node."""
    claim = backends.claim_run_folder(settings)
    claim.keep()
    exit_stack = application.exit_stack
    exit_stack.callback(claim.close)
    node = telemetry.NodeSources(
        daemon=daemon.metrics if daemon else None,
        caches={"records": (state.records, settings.cache_size), "masters": (state.masters, settings.master_size)},
        engines=settings.engines,
        waiting_limit=settings.waiting_limit,
        data_dir=settings.data_dir,
        stored_usage=application.service.stored.quota.last_usage,
        stored_quota=settings.stored_quota,
        webhook_queue=application.webhooks.queue if application.webhooks else None,
        jobs=application.jobs.figures if application.jobs else None,
    )
    if settings.traces_endpoint:
        exit_stack.callback(telemetry.start_tracing(settings.traces_endpoint))
    telemetry.start(backends.data_folder(settings, "run") / "metrics", node)


def _waiting_limit(settings: Settings) -> InstrumentedLimit:
    """Limits distinct shots to the size of the local daemon's queue; the queue of another engine is unknown."""
    is_local = settings.engines == ("chromium",)
    targets = settings.slot_count + settings.queue_length if is_local else None
    return InstrumentedLimit(WaitingLimit(settings.waiting_limit, targets))


def _rendering_limit(settings: Settings) -> RenderingLimit:
    """Divides the cores between the workers; renderings occupy at most half of the waiting limit."""
    return RenderingLimit(settings.rendering_slots, max(1, settings.waiting_limit // 2))


def _connection_guard(settings: Settings) -> ConnectionGuard:
    """The running guard of this process's connections; proxies and exempt clients may open any number."""
    guard = ConnectionGuard(parse_networks((*settings.trusted_proxies, *settings.limit_exempt)))
    guard.start()
    return guard


def _stored_limits(settings: Settings) -> StoredLimits:
    return StoredLimits(
        max_bytes=settings.stored_quota, max_objects=settings.stored_objects, retention=settings.stored_retention
    )


def egress_policy(settings: Settings) -> Policy:
    """The egress policy of the settings; raises ConfigurationError for an invalid allow rule."""
    try:
        return Policy(tuple(AllowRule.parse(text) for text in settings.allow_addresses), LocalAddresses())
    except ValueError as error:
        raise ConfigurationError(f"TINTYPE_ALLOW_ADDRESSES: {error}") from error


def request_parser(settings: Settings, policy: Policy | None = None) -> RequestParser:
    """The parser of requests, which opens no backends; raises ConfigurationError for an invalid allow rule."""
    rules, freshness = _target_policy(settings, policy or egress_policy(settings)), _freshness(settings)
    return RequestParser(rules, freshness, settings.max_ttl, allow_js=settings.allow_js)


def _target_policy(settings: Settings, policy: Policy) -> TargetPolicy:
    denied = backends.denied_hosts(settings)
    return TargetPolicy(policy, settings.allow_hosts, denied, settings.tracking_parameters)


def _freshness(settings: Settings) -> Freshness:
    return Freshness(max_age=settings.cache_ttl, stale_for=settings.stale_for)


def _authenticator(settings: Settings, usage: UsageStorage) -> Authenticator:
    signatures = UrlSigner(settings.signing_keys) if settings.signing_keys else None
    keys, admin_keys = (tuple(map(ApiKey.parse, texts)) for texts in (settings.api_keys, settings.admin_keys))
    recorder = UsageRecorder(usage, keys)
    return Authenticator(keys, signatures, admin_keys=admin_keys, usage=recorder)


def _rate_limits(settings: Settings, authenticator: Authenticator) -> RateLimits:
    return RateLimits(
        thumb=settings.thumb_limit,
        hit=settings.hit_limit,
        meta=settings.meta_limit,
        persist=settings.persist_limit,
        stored=settings.stored_limit,
        purge=settings.purge_limit,
        jobs=settings.job_limit,
        exempt=settings.limit_exempt,
        per_key={key.name: key.limits for key in authenticator.keys},
    )
