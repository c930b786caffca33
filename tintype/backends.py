"""Backends that the settings name: opens engine, daemon client, caches, locks and storage.

Only the modules of these backends are imported.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from tintype.errors import ConfigurationError
from tintype.settings import Settings

if TYPE_CHECKING:  # `tintype serve` starts the browser before it imports the rest
    from tintype.chromium.daemon.config import DaemonConfig
    from tintype.engines.chromium import ChromiumEngine
    from tintype.engines.daemon_launcher import DaemonLauncher
    from tintype.filters.store import FilterListStore
    from tintype.jobs.model import JobStore
    from tintype.protocols import Cache, Engine, Locks, Storage
    from tintype.rpc.tls import TransportSecurity
    from tintype.schedules.model import ScheduleStore
    from tintype.state.machine_claim import MachineClaim
    from tintype.web.rate_limit import RateLimitStorage
    from tintype.web.usage import UsageStorage
    from tintype.webhooks.model import DeliveryStore

_Opener = TypeVar("_Opener")

MAX_CAPTURE_WAIT = 26.0
"""Seconds; with rendering and storing, a request is answered within 30 s. A longer ``TINTYPE_TIMEOUT`` extends it."""
MIN_QUEUE_TIME = 5.0
"""Seconds that a request may wait before a capture that takes ``TINTYPE_TIMEOUT``."""
_SAFE_TO_SHOW = re.compile(r"[a-z0-9.+-]+(://)?")


@dataclass(frozen=True, slots=True)
class StateBackends:
    """State that all workers share: caches, locks and the counters of rate limits."""

    records: Cache
    masters: Cache
    locks: Locks
    rate_limits: RateLimitStorage
    usage: UsageStorage
    jobs: JobStore
    schedules: ScheduleStore
    deliveries: DeliveryStore


def open_engine(settings: Settings, *, serving: bool = False) -> Engine:
    """Open the engine, or a chain of engines in order of preference; raises ConfigurationError for an unknown name.

    ``serving``: the capture daemon logs to stderr with the server; else into the data folder.
    """
    openers = [_lookup_scheme(_ENGINES, "TINTYPE_ENGINE", name) for name in settings.engines]
    engines: list[Engine] = [
        opener(settings, name, serving) for opener, name in zip(openers, settings.engines, strict=True)
    ]
    if serving:
        from tintype.telemetry.instrumented import InstrumentedEngine  # noqa: PLC0415

        labels = (name.partition("://")[0] for name in settings.engines)  # metrics do not show addresses
        engines = [InstrumentedEngine(engine, label) for engine, label in zip(engines, labels, strict=True)]
    if len(engines) == 1:
        return engines[0]
    from tintype.engines.fallback import FallbackEngine  # noqa: PLC0415

    return FallbackEngine(engines)


def open_state(settings: Settings) -> StateBackends:
    """Open caches, locks and rate limits: all in Redis, or all in the data folder."""
    return _lookup_scheme(_STATES, "REDIS_URL", settings.redis_url)(settings)


def describe_state(settings: Settings) -> str:
    """Where the caches are, for the operator: ``Redis at host:6379``, without the password of the URL."""
    parts = urlsplit(settings.redis_url)
    if not parts.scheme:
        return f"SQLite in {(settings.data_dir / 'cache').absolute()}"
    return f"Redis at {parts.path if parts.scheme == 'unix' else f'{parts.hostname}:{parts.port or 6379}'}"


def describe_storage(settings: Settings) -> str:
    """Where stored objects are, for the operator."""
    if settings.s3_bucket:
        return f"bucket {settings.s3_bucket}{f' at {settings.s3_endpoint_url}' if settings.s3_endpoint_url else ''}"
    folder = Path(settings.storage_dir) if settings.storage_dir else settings.data_dir / "stored"
    return f"files in {folder.absolute()}"


def open_storage(settings: Settings, *, serving: bool = False) -> Storage:
    """Open the storage of objects that ``/persist`` wrote: S3, or a folder. ``serving`` limits time and places."""
    storage = _s3(settings) if settings.s3_bucket else _disk(settings)
    if not serving:
        return storage
    from tintype.storage.guarded import GuardedStorage  # noqa: PLC0415

    return GuardedStorage(storage)


def node_name(settings: Settings) -> str:
    """A name of this node that no other node has: host name and data folder."""
    from tintype.model import digest_of  # noqa: PLC0415

    host = "".join(each for each in socket.gethostname() if each.isalnum() or each in ".-_")
    return f"{host}:{digest_of(str(settings.data_dir.resolve()).encode())[:8]}"


def stored_secret(settings: Settings) -> bytes:
    """The secret under which private captures are stored: the setting, or a file in the data folder.

    Raises BackendUnavailable.
    """
    from tintype.state import secret_file  # noqa: PLC0415

    if settings.stored_secret:
        return settings.stored_secret.encode()
    return secret_file.read_or_create(data_folder(settings) / "stored-secret")


def data_folder(settings: Settings, name: str = "") -> Path:
    """Create a folder in the data folder, with mode 0700; raises ConfigurationError."""
    path = settings.data_dir
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in Path(name).parts:  # mkdir ignores the mode for parents, so each is made separately
            path /= part
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"TINTYPE_DATA_DIR: cannot create {path} ({error.strerror}); set a writable folder"
        ) from error
    return path


def storage_folder(settings: Settings) -> Path:
    """Create the folder of stored objects, with mode 0700 if it is new; raises ConfigurationError."""
    if not settings.storage_dir:
        return data_folder(settings, "stored")
    path = Path(settings.storage_dir)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = f"TINTYPE_STORAGE_DIR: cannot create {path} ({error.strerror}); set a writable folder"
        raise ConfigurationError(problem) from error
    return path


def claim_run_folder(settings: Settings) -> MachineClaim:
    """Claim the run folder for this machine; raises ConfigurationError if another machine uses it."""
    from tintype.state.machine_claim import MachineClaim  # noqa: PLC0415

    claim = MachineClaim(data_folder(settings, "run"))
    claim.acquire()
    return claim


def daemon_config(settings: Settings) -> DaemonConfig:
    """The configuration of the capture daemon, without secrets and without addresses of caches and storage."""
    from tintype.chromium.daemon.config import DaemonConfig  # noqa: PLC0415

    return DaemonConfig(
        binary=settings.chromium,
        slots=settings.slot_count,
        overlap=settings.slots == 0,
        queue=settings.queue_length,
        timeout=settings.timeout,
        recycle_after=settings.recycle_after,
        recycle_age=settings.recycle_age,
        site_cache=settings.site_cache,
        max_page_height=settings.max_page_height,
        idle_timeout=settings.daemon_idle_timeout,
        browser_user=settings.browser_user,
        allow_no_sandbox=settings.allow_no_sandbox,
        webgl=settings.webgl,
        allow_addresses=settings.allow_addresses,
        allow_hosts=settings.allow_hosts,
        deny_hosts=denied_hosts(settings),
        filters=str(filter_list_store(settings).engine_path.resolve()) if settings.filter_lists else "",
        hidden=tuple(str(Path(folder).resolve()) for folder in (settings.data_dir, settings.storage_dir) if folder),
        log_level=settings.log_level,
        log_format=settings.log_format,
    )


def denied_hosts(settings: Settings) -> tuple[str, ...]:
    """Hosts that are never connected to: TINTYPE_DENY_HOSTS, and the host of TINTYPE_PUBLIC_URL.

    A page that loads thumbnails of this service could request captures of itself. The operator can allow the host by
    its name in TINTYPE_ALLOW_HOSTS.
    """
    from tintype.urls import host_of  # noqa: PLC0415

    host = host_of(settings.public_url) if settings.public_url else ""
    return (*settings.deny_hosts, host) if host and host not in settings.allow_hosts else settings.deny_hosts


def filter_list_store(settings: Settings) -> FilterListStore:
    """The store of filter lists in the data folder."""
    from tintype.filters.store import FilterListStore  # noqa: PLC0415

    return FilterListStore(settings.data_dir / "filters")


def local_daemon_launcher(settings: Settings) -> DaemonLauncher | None:
    """A launcher of the local capture daemon; None if no engine needs one."""
    if "chromium" not in settings.engines:
        return None
    from tintype.engines.daemon_launcher import DaemonLauncher  # noqa: PLC0415

    address, command, run_dir = _local_daemon(settings)
    return DaemonLauncher(command, run_dir, address)


def local_daemon_client(settings: Settings) -> ChromiumEngine | None:
    """A client of the local capture daemon; None if no engine needs one."""
    return _chromium(settings, "", True) if "chromium" in settings.engines else None


def daemon_client(settings: Settings) -> ChromiumEngine | None:
    """A client of the first capture daemon among the engines, local or remote; None if there is none."""
    if "chromium" in settings.engines:
        return local_daemon_client(settings)
    addresses = (name for name in settings.engines if name.startswith(("unix://", "tcp://")))
    return next((_remote_daemon(settings, address, True) for address in addresses), None)


def transport_security(settings: Settings) -> TransportSecurity:
    """Secret and TLS files for ``tcp://`` connections between clients and capture daemons."""
    from tintype.rpc.tls import TransportSecurity  # noqa: PLC0415

    return TransportSecurity(
        secret=settings.engine_secret,
        certificate=settings.engine_tls_cert,
        key=settings.engine_tls_key,
        ca=settings.engine_tls_ca,
        allow_plaintext=settings.allow_plaintext_engine,
    )


def capture_wait_timeout(settings: Settings) -> float:
    """Seconds in which a request has its capture: after locks, queue, start of a browser, and every attempt."""
    return max(MAX_CAPTURE_WAIT, settings.timeout + MIN_QUEUE_TIME)


def _chromium(settings: Settings, _: str, serving: bool) -> ChromiumEngine:
    from tintype.engines.chromium import ChromiumEngine  # noqa: PLC0415

    address, command, run_dir = _local_daemon(settings)
    log_file = None if serving else run_dir / "capture.log"
    return ChromiumEngine(address, command, run_dir, capture_wait_timeout(settings), log_file=log_file)


def _local_daemon(settings: Settings) -> tuple[str, list[str], Path]:
    """Address, command line and run folder of the local capture daemon."""
    from tintype.chromium.daemon.config import address_for, command_for  # noqa: PLC0415

    config, run_dir = daemon_config(settings), data_folder(settings, "run")
    address = address_for(config, run_dir)
    return address, command_for(config, address), run_dir


def _remote_daemon(settings: Settings, address: str, _: bool) -> ChromiumEngine:
    from tintype.engines.chromium import ChromiumEngine  # noqa: PLC0415
    from tintype.rpc.tls import check_address  # noqa: PLC0415

    check_address("TINTYPE_ENGINE", address)
    return ChromiumEngine(
        address,
        None,
        data_folder(settings, "run"),
        capture_wait_timeout(settings),
        security=transport_security(settings),
    )


def _snapsharp(settings: Settings, _: str, __: bool) -> Engine:
    from tintype.engines.snapsharp import SnapSharpEngine  # noqa: PLC0415

    if not settings.snapsharp_api_key and settings.source("SNAPSHARP_BASE_URL") == "default":
        raise ConfigurationError("SNAPSHARP_API_KEY: required for the hosted engine; set its API key")
    return SnapSharpEngine(settings.snapsharp_base_url, settings.snapsharp_api_key, timeout=settings.timeout)


def _sqlite(settings: Settings) -> StateBackends:
    from tintype.state.file_locks import FileLocks  # noqa: PLC0415
    from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage  # noqa: PLC0415
    from tintype.state.sqlite import SqliteCache  # noqa: PLC0415
    from tintype.state.sqlite_deliveries import SqliteDeliveries  # noqa: PLC0415
    from tintype.state.sqlite_jobs import SqliteJobs  # noqa: PLC0415
    from tintype.state.sqlite_schedules import SqliteSchedules  # noqa: PLC0415
    from tintype.state.sqlite_usage import SqliteUsage  # noqa: PLC0415

    cache = data_folder(settings, "cache")
    return StateBackends(
        records=SqliteCache(cache / "records.db", settings.cache_size),
        masters=SqliteCache(cache / "masters.db", settings.master_size),
        locks=FileLocks(data_folder(settings, "run/locks")),
        rate_limits=SharedMemoryRateLimitStorage(cache / "limits"),
        usage=SqliteUsage(settings.data_dir / "usage.db"),
        jobs=SqliteJobs(settings.data_dir / "jobs.db"),
        deliveries=SqliteDeliveries(settings.data_dir / "jobs.db"),
        schedules=SqliteSchedules(settings.data_dir / "jobs.db"),
    )


def _redis(settings: Settings) -> StateBackends:
    from tintype.state import redis  # noqa: PLC0415
    from tintype.state.fallback_rate_limits import FallbackRateLimitStorage  # noqa: PLC0415
    from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage  # noqa: PLC0415
    from tintype.state.redis_deliveries import RedisDeliveries  # noqa: PLC0415
    from tintype.state.redis_jobs import RedisJobs  # noqa: PLC0415
    from tintype.state.redis_schedules import RedisSchedules  # noqa: PLC0415
    from tintype.state.redis_usage import RedisUsage  # noqa: PLC0415
    from tintype.state.reserving_rate_limits import ReservingRateLimitStorage  # noqa: PLC0415

    shared_limits = ReservingRateLimitStorage(redis.RedisRateLimitStorage(settings.redis_url, settings.redis_prefix))
    local_limits = SharedMemoryRateLimitStorage(data_folder(settings, "run") / "limits")
    url, prefix = settings.redis_url, settings.redis_prefix
    return StateBackends(
        records=redis.RedisCache(url, "records", settings.cache_size, prefix=prefix),
        masters=redis.RedisCache(url, "masters", settings.master_size, prefix=prefix),
        locks=redis.RedisLocks(url, prefix=prefix),
        rate_limits=FallbackRateLimitStorage(shared_limits, local_limits),
        usage=RedisUsage(url, prefix),
        jobs=RedisJobs(url, prefix),
        schedules=RedisSchedules(url, prefix),
        deliveries=RedisDeliveries(url, prefix),
    )


def _disk(settings: Settings) -> Storage:
    from tintype.storage.disk import DiskStorage  # noqa: PLC0415

    return DiskStorage(storage_folder(settings))


def _s3(settings: Settings) -> Storage:
    from tintype.storage.s3 import S3Storage  # noqa: PLC0415

    return S3Storage(
        bucket=settings.s3_bucket,
        region=settings.s3_region,
        endpoint_url=settings.s3_endpoint_url,
        public_url=settings.s3_public_url,
        prefix=settings.s3_prefix,
        credentials=_aws_credentials(settings),
    )


def _aws_credentials(settings: Settings) -> dict[str, str]:
    """Credentials from ``.env``, which boto3 does not read; boto3 finds the others itself."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: value for name in names if (value := getattr(settings, name))}


_ENGINES: dict[str, Callable[[Settings, str, bool], Engine]] = {
    "chromium": _chromium,
    "snapsharp": _snapsharp,
    "unix://": _remote_daemon,
    "tcp://": _remote_daemon,
}
_STATES: dict[str, Callable[[Settings], StateBackends]] = {
    "": _sqlite,
    "redis://": _redis,
    "rediss://": _redis,
    "unix://": _redis,
}


def _lookup_scheme(table: Mapping[str, _Opener], variable: str, value: str) -> _Opener:
    """The entry for a name or for the scheme of a URL; raises ConfigurationError that lists the entries."""
    scheme = value.partition("://")[0].lower() + "://" if "://" in value else value.lower()
    if scheme in table:
        return table[scheme]
    # A value with other characters may hold a password.
    value = f" {scheme!r}" if _SAFE_TO_SHOW.fullmatch(scheme) else ""
    raise ConfigurationError(f"{variable}: unknown value{value}; expected one of {', '.join(filter(None, table))}")
