"""Settings: name, type, default and meaning of each; read from the environment and ``.env`` at start.

Only the application, the backends, the commands and the checks of ``doctor`` import this. Other components take plain
values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, JsonValue, PrivateAttr, ValidationError

from tintype.cores import available_cores
from tintype.errors import ConfigurationError
from tintype.settings import sources
from tintype.settings import types as t
from tintype.settings.fields import TRACKING, setting
from tintype.settings.jobs import JobSettings

MIN_THREADS = 2
"""Threads of a worker: one may wait for a capture while the other answers hits and health checks."""


class Settings(JobSettings):
    """The configuration of Tintype. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    # Server
    host: str = setting("HOST", "127.0.0.1", "Address to listen on.", "an IP address or host name")
    port: int = setting("PORT", 8000, "Port to listen on.", "a port from 0 to 65535", ge=0, le=65535)
    workers: int = setting(
        "TINTYPE_WORKERS", 0, "Web worker processes. 0: one per core.", "a number from 0 to 64", ge=0, le=64
    )
    threads: int = setting(
        "TINTYPE_THREADS",
        128,
        "Threads per web worker, at least 2. Each waiting request holds one; one never waits.",
        "a number from 1 to 512",
        ge=1,
        le=512,
    )
    max_waiting: int = setting(
        "TINTYPE_MAX_WAITING",
        0,
        "Maximum requests per worker that wait for a capture or a rendering; excess gets 503."
        " 0: three quarters of the threads.",
        "a number from 0 to 511",
        ge=0,
        le=511,
    )
    public_url: t.HttpUrl = setting(
        "TINTYPE_PUBLIC_URL", "", "Base of the URLs that /persist returns. Its host is not captured.", t.HTTP_URL
    )
    trusted_proxies: t.Networks = setting(
        "TINTYPE_TRUSTED_PROXIES",
        "",
        "Networks of proxies whose TINTYPE_CLIENT_ADDRESS_HEADER is trusted. See docs/deploy.md.",
        t.NETWORKS,
    )
    client_address_header: t.HeaderName = setting(
        "TINTYPE_CLIENT_ADDRESS_HEADER",
        "X-Forwarded-For",
        "Request header in which trusted proxies append the address of the client.",
        t.HEADER_NAME,
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], t.AnyCase] = setting(
        "TINTYPE_LOG_LEVEL", "info", "Lowest level to log.", "debug, info, warning or error"
    )
    log_format: Annotated[Literal["auto", "console", "json"], t.AnyCase] = setting(
        "TINTYPE_LOG_FORMAT", "auto", "auto: console on a terminal, else JSON.", "auto, console or json"
    )
    metrics: Annotated[Literal["private", "open", "off"], t.AnyCase] = setting(
        "TINTYPE_METRICS",
        "private",
        "Who may read /metrics. private: direct clients on private networks; open: all clients; off: none.",
        "private, open or off",
    )
    metrics_token: t.HeaderText = setting(
        "TINTYPE_METRICS_TOKEN", "", "If set, /metrics requires this Bearer token.", t.HEADER_TEXT, secret=True
    )
    playground: bool = setting(
        "TINTYPE_PLAYGROUND", "1", "Serve the playground at / and the API page at /docs.", t.SWITCH
    )
    traces_endpoint: t.HttpUrl = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "", "OTLP endpoint for OpenTelemetry traces. Unset: no traces.", t.HTTP_URL
    )
    data_dir: Path = setting("TINTYPE_DATA_DIR", "data", "Folder for cache, stored objects and sockets.", "a folder")

    # Cache
    cache_ttl: t.Duration = setting("TINTYPE_CACHE_TTL", "1d", "How long a thumbnail is fresh.", t.DURATION)
    max_ttl: t.Duration = setting("TINTYPE_MAX_TTL", "30d", "Upper bound of the option ttl.", t.DURATION)
    stale_for: t.Duration = setting(
        "TINTYPE_STALE_FOR", "7d", "How long a stale thumbnail is served while a new capture runs.", t.DURATION
    )
    failure_ttl: t.Duration = setting("TINTYPE_FAILURE_TTL", "1m", "How long a failed capture is cached.", t.DURATION)
    cache_size: t.Size = setting("TINTYPE_CACHE_SIZE", "1g", "Size limit of cached thumbnails.", t.SIZE, ge=1)
    master_size: t.Size = setting(
        "TINTYPE_MASTER_SIZE", "1g", "Size limit of lossless masters, which other sizes are derived from.", t.SIZE
    )
    redis_url: str = setting(
        "REDIS_URL",
        "",
        "Redis for cache, locks, rate limits and jobs. Unset: files in the data folder.",
        "redis://, rediss:// or unix://",
        secret=True,
    )
    redis_prefix: str = setting(
        "TINTYPE_REDIS_PREFIX",
        "tintype",
        "Start of all keys in Redis. Installations that share a Redis need different ones.",
        "up to 64 letters, digits and . _ -",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
    )

    # Clients
    api_keys: t.ApiKeys = setting(
        "TINTYPE_API_KEYS",
        "",
        "If set, requests must carry one of these API keys or a valid signature. See docs/access.md.",
        t.API_KEYS,
        secret=True,
    )
    signing_keys: t.SigningKeys = setting(
        "TINTYPE_SIGNING_KEYS",
        "",
        "If set, requests must carry a valid signature or an API key. The first key signs; all are accepted.",
        t.SIGNING_KEYS,
        secret=True,
    )
    admin_keys: t.AdminKeys = setting(
        "TINTYPE_ADMIN_KEYS",
        "",
        "Keys of operators, for the routes that list and delete. Unset: these routes are disabled.",
        t.ADMIN_KEYS,
        secret=True,
    )
    thumb_limit: t.ThumbRate = setting(
        "TINTYPE_THUMB_LIMIT", "30 per minute", "Rate limit of a client on /thumb. See docs/access.md.", t.THUMB_RATE
    )
    hit_limit: t.Rate = setting("TINTYPE_HIT_LIMIT", "off", "Rate limit of a client for cache hits.", t.RATE)
    meta_limit: t.Rate = setting("TINTYPE_META_LIMIT", "off", "Rate limit of a client on /meta.", t.RATE)
    persist_limit: t.Rate = setting(
        "TINTYPE_PERSIST_LIMIT", "5 per minute", "Rate limit of clients on /persist.", t.RATE
    )
    stored_limit: t.Rate = setting(
        "TINTYPE_STORED_LIMIT", "600 per minute", "Rate limit of a client on /stored.", t.RATE
    )
    purge_limit: t.Rate = setting(
        "TINTYPE_PURGE_LIMIT", "60 per minute", "Rate limit of an admin key on /purge.", t.RATE
    )
    limit_exempt: t.Networks = setting("TINTYPE_LIMIT_EXEMPT", "", "Client networks without rate limits.", t.NETWORKS)

    # Targets
    allow_hosts: t.CommaList = setting(
        "TINTYPE_ALLOW_HOSTS", "", "If set, only these hosts are captured. *.example.com: all hosts below it.", t.HOSTS
    )
    deny_hosts: t.CommaList = setting("TINTYPE_DENY_HOSTS", "", "Hosts that are never captured.", t.HOSTS)
    allow_addresses: t.CommaList = setting(
        "TINTYPE_ALLOW_ADDRESSES",
        "",
        "Private addresses that the browser may connect to.",
        "addresses or networks with a port: 127.0.0.1:8090,10.1.0.0/16:443",
    )
    tracking_parameters: t.CommaList = setting(
        "TINTYPE_TRACKING_PARAMETERS",
        TRACKING,
        "Query parameters to remove from target URLs.",
        "names, comma-separated; * as a wildcard",
    )
    allow_js: bool = setting("TINTYPE_ALLOW_JS", "1", "Accept the option js: a script to run in the page.", t.SWITCH)
    filter_lists: t.CommaList = setting(
        "TINTYPE_FILTER_LISTS",
        "",
        "Additional filter lists; tintype update-filters downloads them.",
        "URLs or paths, comma-separated",
    )

    # Engine
    engine: str = setting(
        "TINTYPE_ENGINE",
        "",
        "Capture engines in order of preference. Unset: snapsharp if its key is set, else chromium.",
        "chromium, snapsharp, unix://…, tcp://…, comma-separated",
    )
    engine_secret: t.SharedSecret = setting(
        "TINTYPE_ENGINE_SECRET",
        "",
        "Secret shared by tcp:// capture daemons and their clients. Required for tcp://.",
        t.LONG_TEXT,
        secret=True,
    )
    engine_tls_cert: str = setting(
        "TINTYPE_ENGINE_TLS_CERT",
        "",
        "TLS certificate (PEM) of tintype capture-daemon on tcp://. Required beyond loopback.",
        "a path",
    )
    engine_tls_key: str = setting(
        "TINTYPE_ENGINE_TLS_KEY", "", "Private key (PEM) of that certificate. Unset: in the same file.", "a path"
    )
    engine_tls_ca: str = setting(
        "TINTYPE_ENGINE_TLS_CA",
        "",
        "CA certificates (PEM) that verify tcp:// capture daemons. Required beyond loopback.",
        "a path",
    )
    allow_plaintext_engine: bool = setting(
        "TINTYPE_ALLOW_PLAINTEXT_ENGINE",
        "0",
        "Allow tcp:// beyond loopback without TLS, on a network that encrypts.",
        t.SWITCH,
    )
    chromium: str = setting(
        "TINTYPE_CHROMIUM", "", "Chromium binary. Unset: the first one found.", "a path or a command"
    )
    slots: int = setting(
        "TINTYPE_SLOTS",
        0,
        "Concurrent captures. 0: cores + 1, and up to three times as many while a core is idle.",
        "a number from 0 to 64",
        ge=0,
        le=64,
    )
    queue: int = setting(
        "TINTYPE_QUEUE",
        0,
        "Captures that may wait for a slot. 0: 4 per slot.",
        "a number from 0 to 10000",
        ge=0,
        le=10_000,
    )
    timeout: t.CaptureTime = setting(
        "TINTYPE_TIMEOUT", "20s", "Time limit of one capture, without the queue.", t.CAPTURE_TIME
    )
    recycle_after: int = setting(
        "TINTYPE_RECYCLE_AFTER", 100, "Captures before a browser is recycled.", "a number from 1", ge=1
    )
    recycle_age: t.Age = setting("TINTYPE_RECYCLE_AGE", "30m", "Age at which a browser is recycled.", t.AGE)
    site_cache: int = setting(
        "TINTYPE_SITE_CACHE", 16, "Sites whose HTTP cache browsers keep. 0: off.", "a number from 0 to 64", ge=0, le=64
    )
    max_page_height: int = setting(
        "TINTYPE_MAX_PAGE_HEIGHT",
        20_000,
        "Height at which a full page is cut.",
        "pixels from 1000 to 50000",
        ge=1000,
        le=50_000,
    )
    daemon_idle_timeout: t.Age = setting(
        "TINTYPE_DAEMON_IDLE_TIMEOUT", "10s", "How long the capture daemon keeps running without clients.", t.AGE
    )
    browser_user: str = setting(
        "TINTYPE_BROWSER_USER", "tintype", "User that Chromium runs as when root starts Tintype.", "a user name"
    )
    webgl: bool = setting(
        "TINTYPE_WEBGL", "0", "Let pages draw by WebGL, in software. Pages with heavy shaders time out.", t.SWITCH
    )
    allow_no_sandbox: bool = setting(
        "ALLOW_NO_SANDBOX", "0", "Start Chromium without its sandbox if the sandbox does not work. Unsafe.", t.SWITCH
    )
    retry_blank: t.BlankRetry = setting(
        "TINTYPE_RETRY_BLANK", "local", "Capture a blank page twice. local: not by the hosted engine.", t.BLANK_RETRY
    )
    snapsharp_api_key: t.HeaderText = setting(
        "SNAPSHARP_API_KEY", "", "API key of the hosted engine.", t.HEADER_TEXT, secret=True
    )
    snapsharp_base_url: str = setting(
        "SNAPSHARP_BASE_URL",
        "https://api.snapsharp.dev",
        "Base URL of the hosted engine, or of a node with the same API.",
        "a URL",
    )

    # Storage
    stored_quota: t.SizeOrUnlimited = setting(
        "TINTYPE_STORED_QUOTA", "10g", "Size limit of stored objects. At it, /persist returns 507.", t.SIZE_OR_UNLIMITED
    )
    stored_objects: t.NumberOrUnlimited = setting(
        "TINTYPE_STORED_OBJECTS", "1000000", "Maximum number of stored objects; then also 507.", t.NUMBER_OR_UNLIMITED
    )
    stored_retention: t.DurationOrOff = setting(
        "TINTYPE_STORED_RETENTION", "off", "Age at which stored objects are deleted. off: never.", t.DURATION_OR_OFF
    )
    stored_secret: t.SharedSecret = setting(
        "TINTYPE_STORED_SECRET",
        "",
        "Hides credentials in the addresses of stored private pages. Unset: generated in the data folder.",
        t.LONG_TEXT,
        secret=True,
    )
    storage_dir: str = setting(
        "TINTYPE_STORAGE_DIR",
        "",
        "Folder of stored objects; nodes may share it. Unset: in the data folder.",
        "a path",
    )
    s3_bucket: str = setting("S3_BUCKET", "", "S3 bucket for stored objects. Unset: files in the data folder.")
    s3_region: str = setting("S3_REGION", "", "Region of the bucket; auto for R2.")
    s3_endpoint_url: t.HttpUrl = setting(
        "S3_ENDPOINT_URL", "", "Endpoint of R2, MinIO or other S3 services.", t.HTTP_URL
    )
    s3_public_url: t.HttpUrl = setting("S3_PUBLIC_URL", "", "Base of URLs of stored objects, as of a CDN.", t.HTTP_URL)
    s3_prefix: str = setting("S3_PREFIX", "", "Prefix of every object key.")
    aws_access_key_id: str = setting(
        "AWS_ACCESS_KEY_ID", "", "Access key of the bucket. Unset: boto3's own search (profile, role).", secret=True
    )
    aws_secret_access_key: str = setting("AWS_SECRET_ACCESS_KEY", "", "Secret of the access key.", secret=True)
    aws_session_token: str = setting("AWS_SESSION_TOKEN", "", "Session token of temporary credentials.", secret=True)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Self:
        """Read the environment, which overrides ``.env``; raises ConfigurationError with every invalid setting.

        An empty variable counts as unset; that of a list is an empty list.
        """
        sourced, problems = sources.load_sources(os.environ if environ is None else environ, env_file)
        problems += sources.find_unknown(sourced, NAMES, SECRETS) + sources.find_references(sourced, NAMES, SECRETS)
        problems += sources.read_secret_files(sourced, SECRETS)
        known = {name: value.strip() for name, (value, _) in sourced.items() if name in NAMES}
        values = {name: value for name, value in known.items() if value or name in LISTS}
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            problems += [_explain(item, values) for item in error.errors()]
        if problems:
            raise ConfigurationError("\n".join(problems))
        settings._sources.update({name: sourced[name][1] for name in values})  # noqa: SLF001 - its own class
        return settings

    def source(self, name: str) -> str:
        """The source of a setting: ``environment``, the path of ``.env``, its ``_FILE`` variable or ``default``."""
        return self._sources.get(name, "default")

    @property
    def engines(self) -> tuple[str, ...]:
        """Engines in order of preference."""
        chosen = tuple(part.strip() for part in self.engine.split(",") if part.strip())
        return chosen or (("snapsharp",) if self.snapsharp_api_key else ("chromium",))

    @property
    def slot_count(self) -> int:
        """Concurrent captures, with the default filled in."""
        return self.slots or available_cores() + 1

    @property
    def queue_length(self) -> int:
        """Captures that may wait for a slot, with the default filled in."""
        return self.queue or 4 * self.slot_count

    @property
    def worker_count(self) -> int:
        """Web worker processes, with the default filled in."""
        return self.workers or available_cores()

    @property
    def rendering_slots(self) -> int:
        """Images that one worker draws at the same time: its share of the cores, rounded down, at least one."""
        return max(1, available_cores() // self.worker_count)

    @property
    def thread_count(self) -> int:
        """Threads of one worker: at least one besides those that wait, for cache hits and health checks."""
        return max(MIN_THREADS, self.threads)

    @property
    def waiting_limit(self) -> int:
        """Requests of one worker that may wait; one thread is kept for cache hits and health checks."""
        return min(self.max_waiting or self.thread_count * 3 // 4, self.thread_count - 1)

    @classmethod
    def is_secret(cls, field: str) -> bool:
        """Whether the value of a setting must not be shown."""
        return bool(_extra(field)["secret"])


def _extra(field: str) -> dict[str, JsonValue]:
    extra = Settings.model_fields[field].json_schema_extra
    return extra if isinstance(extra, dict) else {}


NAMES: dict[str, str] = {str(f.validation_alias): name for name, f in Settings.model_fields.items()}
"""The field of each environment variable."""
LISTS = [name for name, field in NAMES.items() if Settings.model_fields[field].annotation == tuple[str, ...]]
"""The environment variables with lists."""
SECRETS = [name for name, field in NAMES.items() if Settings.is_secret(field)]
"""The environment variables with secrets."""


def _explain(item: Any, values: Mapping[str, str]) -> str:
    name = str(item["loc"][0])
    value = None if Settings.is_secret(NAMES[name]) else values.get(name, "")
    return t.describe_problem(name, value, str(_extra(NAMES[name])["accepts"]), item["type"])
