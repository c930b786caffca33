"""Every setting once: name, type, default, meaning. Read from the environment and ``.env`` at start.

Only ``assembly``, ``cli`` and ``doctor`` import this; every component takes plain values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
)

from tintype.errors import ConfigurationError
from tintype.settings import sources
from tintype.settings.types import (
    API_KEYS,
    DURATION,
    HTTP_URL,
    LONG_TEXT,
    RATE,
    SIGNING_KEYS,
    SIZE,
    AnyCase,
    ApiKeys,
    CommaList,
    Duration,
    HttpUrl,
    Networks,
    Rate,
    SharedSecret,
    SigningKeys,
    Size,
    Switch,
)

TRACKING = "utm_*,gclid,gclsrc,dclid,fbclid,msclkid,yclid,twclid,igshid,mc_cid,mc_eid,_hsenc,_hsmi,mkt_tok"


def setting(name: str, default: Any, meaning: str, accepts: str = "text", **more: Any) -> Any:
    """One setting: its environment name, default as an operator would write it, and meaning."""
    secret = bool(more.pop("secret", False))
    extra: dict[str, JsonValue] = {"accepts": accepts, "secret": secret}
    return Field(
        default, validation_alias=name, description=meaning, json_schema_extra=extra, validate_default=True, **more
    )


class Settings(BaseModel):
    """The whole configuration, checked at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    # Server
    host: str = setting("HOST", "127.0.0.1", "Address to listen on.", "an address")
    port: int = setting("PORT", 8000, "Port to listen on.", "a port from 0 to 65535", ge=0, le=65535)
    workers: int = setting(
        "TINTYPE_WORKERS", 0, "Web worker processes; 0 means one per core.", "a number from 0 to 64", ge=0, le=64
    )
    threads: int = setting(
        "TINTYPE_THREADS",
        128,
        "Threads per web worker; each waiting capture holds one.",
        "a number from 1 to 512",
        ge=1,
        le=512,
    )
    max_waiting: int = setting(
        "TINTYPE_MAX_WAITING",
        0,
        "Requests per web worker that wait for captures or still send; more are refused. 0 means 3 of 4 threads.",
        "a number from 0 to 511",
        ge=0,
        le=511,
    )
    public_url: HttpUrl = setting(
        "TINTYPE_PUBLIC_URL", "", "Base of the URLs /persist answers; its host is not photographed.", HTTP_URL
    )
    trusted_proxies: Networks = setting(
        "TINTYPE_TRUSTED_PROXIES", "", "Networks whose X-Forwarded-For is believed.", "networks, comma-separated"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = setting(
        "TINTYPE_LOG_LEVEL", "info", "Least severe message to log.", "debug, info, warning or error"
    )
    log_format: Annotated[Literal["auto", "console", "json"], AnyCase] = setting(
        "TINTYPE_LOG_FORMAT", "auto", "auto is console on a terminal, else JSON.", "auto, console or json"
    )
    metrics: Annotated[Literal["private", "open", "off"], AnyCase] = setting(
        "TINTYPE_METRICS",
        "private",
        "Who may read /metrics: peers on private networks that ask directly, everybody, or nobody.",
        "private, open or off",
    )
    metrics_token: str = setting(
        "TINTYPE_METRICS_TOKEN", "", "If set, /metrics is for whoever sends it as a Bearer token.", secret=True
    )
    playground: Switch = setting(
        "TINTYPE_PLAYGROUND", "1", "The page at / on which people try the service, and /docs.", "1 or 0"
    )
    traces_endpoint: HttpUrl = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "", "Where OpenTelemetry traces are sent; unset: nowhere.", HTTP_URL
    )
    data_dir: Path = setting("TINTYPE_DATA_DIR", "data", "Folder for cache, stored pictures and sockets.", "a folder")

    # Cache
    cache_ttl: Duration = setting("TINTYPE_CACHE_TTL", "1d", "How long a picture is fresh.", DURATION)
    max_ttl: Duration = setting("TINTYPE_MAX_TTL", "30d", "Upper bound for the ttl option.", DURATION)
    stale_for: Duration = setting(
        "TINTYPE_STALE_FOR", "7d", "How long after that it is still served while a new one is taken.", DURATION
    )
    failure_ttl: Duration = setting("TINTYPE_FAILURE_TTL", "1m", "How long a failure is remembered.", DURATION)
    cache_size: Size = setting("TINTYPE_CACHE_SIZE", "1g", "Budget for finished pictures.", SIZE)
    master_size: Size = setting(
        "TINTYPE_MASTER_SIZE", "1g", "Budget for lossless masters, from which other sizes are derived.", SIZE
    )
    redis_url: str = setting(
        "REDIS_URL",
        "",
        "Redis for cache, locks and limits; unset: SQLite.",
        "redis://, rediss:// or unix://",
        secret=True,
    )

    # Callers
    api_keys: ApiKeys = setting(
        "TINTYPE_API_KEYS", "", "Only who sends a key is answered. See docs/access.md.", API_KEYS, secret=True
    )
    signing_keys: SigningKeys = setting(
        "TINTYPE_SIGNING_KEYS",
        "",
        "Only signed addresses are answered; the first key signs.",
        SIGNING_KEYS,
        secret=True,
    )
    thumb_limit: Rate = setting("TINTYPE_THUMB_LIMIT", "30 per minute", "Allowance of a client on /thumb.", RATE)
    persist_limit: Rate = setting("TINTYPE_PERSIST_LIMIT", "5 per minute", "Allowance on /persist.", RATE)
    hit_limit: Rate = setting(
        "TINTYPE_HIT_LIMIT", "", "Own allowance for cache hits; unset: hits count as /thumb.", RATE
    )
    limit_exempt: Networks = setting(
        "TINTYPE_LIMIT_EXEMPT", "", "Networks without limits.", "networks, comma-separated"
    )

    # Targets
    allow_hosts: CommaList = setting(
        "TINTYPE_ALLOW_HOSTS", "", "If set, only these hosts are photographed; *.example.com matches below it.", "hosts"
    )
    deny_hosts: CommaList = setting("TINTYPE_DENY_HOSTS", "", "Hosts that are never photographed.", "hosts")
    allow_addresses: CommaList = setting(
        "TINTYPE_ALLOW_ADDRESSES",
        "",
        "Non-public addresses that may be reached.",
        "addresses or networks with a port: 127.0.0.1:8090,10.1.0.0/16:443",
    )
    tracking_parameters: CommaList = setting(
        "TINTYPE_TRACKING_PARAMETERS", TRACKING, "Query parameters dropped from target URLs.", "names, * at the end"
    )

    allow_js: Switch = setting(
        "TINTYPE_ALLOW_JS", "1", "Let callers run scripts of their own in the page (the option js).", "1 or 0"
    )
    filter_lists: CommaList = setting(
        "TINTYPE_FILTER_LISTS", "", "Filter lists to add, by tintype update-filters.", "addresses or paths, by commas"
    )

    # Engine
    engine: str = setting(
        "TINTYPE_ENGINE",
        "",
        "What takes the pictures, in order of preference; unset: snapsharp if its key is set, else chromium.",
        "chromium, snapsharp, unix://…, tcp://…, comma-separated",
    )
    engine_secret: SharedSecret = setting(
        "TINTYPE_ENGINE_SECRET", "", "What tcp:// engines and their clients both know.", LONG_TEXT, secret=True
    )
    chromium: str = setting("TINTYPE_CHROMIUM", "", "Chromium binary; unset: searched for.", "a path")
    slots: int = setting(
        "TINTYPE_SLOTS", 0, "Captures at once; 0 means cores + 1.", "a number from 0 to 64", ge=0, le=64
    )
    queue: int = setting(
        "TINTYPE_QUEUE", 0, "Captures that may wait; 0 means 4 per slot.", "a number from 0 to 10000", ge=0, le=10_000
    )
    timeout: Duration = setting("TINTYPE_TIMEOUT", "20s", "Time for one capture, waiting in line excluded.", DURATION)
    recycle_after: int = setting(
        "TINTYPE_RECYCLE_AFTER", 100, "Captures before a browser is replaced.", "a number from 1", ge=1
    )
    recycle_age: Duration = setting("TINTYPE_RECYCLE_AGE", "30m", "Age at which a browser is replaced.", DURATION)
    max_page_height: int = setting(
        "TINTYPE_MAX_PAGE_HEIGHT", 20_000, "Cut full pages at this height.", "pixels, 1000 to 50000", ge=1000, le=50_000
    )
    daemon_idle_timeout: Duration = setting(
        "TINTYPE_DAEMON_IDLE_TIMEOUT", "10s", "How long the capture daemon outlives its last client.", DURATION
    )
    browser_user: str = setting(
        "TINTYPE_BROWSER_USER", "tintype", "When started by root, Chromium runs as this user.", "a user name"
    )
    allow_no_sandbox: Switch = setting(
        "ALLOW_NO_SANDBOX", "0", "Start Chromium without its sandbox where it cannot work. Unsafe.", "1 or 0"
    )
    snapsharp_api_key: str = setting("SNAPSHARP_API_KEY", "", "Key of the hosted engine.", secret=True)
    snapsharp_base_url: str = setting(
        "SNAPSHARP_BASE_URL",
        "https://api.snapsharp.dev",
        "The hosted engine, or any node that speaks its API.",
        "a URL",
    )

    # Storage
    s3_bucket: str = setting("S3_BUCKET", "", "Bucket for persisted pictures; unset: files in the data folder.")
    s3_region: str = setting("S3_REGION", "", "Region of the bucket; auto for R2.")
    s3_endpoint_url: HttpUrl = setting("S3_ENDPOINT_URL", "", "R2, MinIO or another S3 endpoint.", HTTP_URL)
    s3_public_url: HttpUrl = setting("S3_PUBLIC_URL", "", "Base of the lasting URLs, such as a CDN.", HTTP_URL)
    s3_prefix: str = setting("S3_PREFIX", "", "Put before every key.")
    aws_access_key_id: str = setting(
        "AWS_ACCESS_KEY_ID", "", "Credentials of the bucket; unset: boto3's own search (profile, role).", secret=True
    )
    aws_secret_access_key: str = setting("AWS_SECRET_ACCESS_KEY", "", "The secret half of them.", secret=True)
    aws_session_token: str = setting("AWS_SESSION_TOKEN", "", "Of temporary credentials.", secret=True)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Self:
        """Read ``.env``, then the environment over it; raises ConfigurationError with every mistake."""
        said, mistakes = sources.load_sources(os.environ if environ is None else environ, env_file)
        mistakes += sources.find_unknown(said, NAMES, SECRETS) + sources.read_secret_files(said, SECRETS)
        values = {name: value.strip() for name, (value, _) in said.items() if name in NAMES and value.strip()}
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            mistakes += [_explain(item) for item in error.errors()]
        if mistakes:
            raise ConfigurationError("\n".join(mistakes))
        settings._sources.update({name: said[name][1] for name in values})  # noqa: SLF001 - of this very class
        return settings

    def source(self, name: str) -> str:
        """Where a setting came from: ``environment``, ``.env``, its ``_FILE`` variable or ``default``."""
        return self._sources.get(name, "default")

    @property
    def engines(self) -> tuple[str, ...]:
        """Engines in order of preference."""
        chosen = tuple(part.strip() for part in self.engine.split(",") if part.strip())
        return chosen or (("snapsharp",) if self.snapsharp_api_key else ("chromium",))

    @property
    def slot_count(self) -> int:
        """Captures at once, with the default filled in."""
        return self.slots or (os.cpu_count() or 1) + 1

    @property
    def queue_length(self) -> int:
        """Captures that may wait, with the default filled in."""
        return self.queue or 4 * self.slot_count

    @property
    def waiting_limit(self) -> int | None:
        """Requests of one worker that may wait; a thread is always left for hits, unless there is only one."""
        return None if self.threads == 1 else min(self.max_waiting or self.threads * 3 // 4, self.threads - 1)

    @classmethod
    def is_secret(cls, field: str) -> bool:
        """Whether a setting must never be shown."""
        return bool(_extra(field)["secret"])


def _extra(field: str) -> dict[str, JsonValue]:
    extra = Settings.model_fields[field].json_schema_extra
    return extra if isinstance(extra, dict) else {}


NAMES: dict[str, str] = {str(f.validation_alias): name for name, f in Settings.model_fields.items()}
"""Each setting's field by its name in the environment."""
SECRETS = [name for name, field in NAMES.items() if Settings.is_secret(field)]


def _explain(item: Any) -> str:
    alias = str(item["loc"][0])
    field = NAMES[alias]
    given = "" if Settings.is_secret(field) else f", not {str(item['input'])[:80]!r}"
    return f"{alias}: must be {_extra(field)['accepts']}{given}"
