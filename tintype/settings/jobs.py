"""Settings of jobs."""

from __future__ import annotations

from pydantic import BaseModel

from tintype.settings import types as t
from tintype.settings.fields import setting
from tintype.settings.types import Duration, Rate, WebhookSecrets


class JobSettings(BaseModel):
    """Settings of jobs, inherited by the configuration."""

    jobs: bool = setting("TINTYPE_JOBS", "1", "Accept jobs at /jobs and capture their pages.", t.SWITCH)
    job_share: float = setting(
        "TINTYPE_JOB_SHARE",
        1.0,
        "Share of the slots that jobs may use while no client waits for a capture; at least one slot.",
        "a number from 0.01 to 1",
        ge=0.01,
        le=1,
    )
    job_workers: t.CountOrAuto = setting(
        "TINTYPE_JOB_WORKERS",
        "auto",
        "Pages of jobs that a node captures at the same time. auto: TINTYPE_JOB_SHARE of its slots, for tintype worker"
        " all. 0: tintype serve captures none.",
        "auto or a number from 0 to 256",
    )
    broker_url: t.BrokerUrl = setting(
        "TINTYPE_BROKER_URL",
        "",
        "Broker between nodes and tintype worker. Unset: the Redis of REDIS_URL, which both need in any case.",
        t.BROKER_URL,
        secret=True,
    )
    job_limit: Rate = setting(
        "TINTYPE_JOB_LIMIT",
        "10 per minute",
        "Rate limit of a client that submits or retries jobs, changes or runs schedules, or resends deliveries.",
        t.RATE,
    )
    job_queue: int = setting(
        "TINTYPE_JOB_QUEUE",
        10_000,
        "Maximum pages in the queue of one API key. Clients without a key share one queue.",
        "a number from 1 to 100000",
        ge=1,
        le=100_000,
    )
    job_host_captures: int = setting(
        "TINTYPE_JOB_HOST_CAPTURES",
        2,
        "Pages of one target host that jobs capture at the same time.",
        "a number from 1 to 64",
        ge=1,
        le=64,
    )
    job_host_pause: Duration = setting(
        "TINTYPE_JOB_HOST_PAUSE",
        "0",
        "Time between the starts of two pages of one target host in jobs.",
        t.DURATION,
    )
    job_key_captures: int = setting(
        "TINTYPE_JOB_KEY_CAPTURES",
        0,
        "Pages of one API key that jobs capture at the same time; 0: no limit per key.",
        "a number from 0 to 1000",
        ge=0,
        le=1000,
    )
    schedules: int = setting(
        "TINTYPE_SCHEDULES",
        100,
        "Maximum schedules of one API key; 0 disables /schedules. Clients without a key share one limit.",
        "a number from 0 to 10000",
        ge=0,
        le=10_000,
    )
    schedule_pages: int = setting(
        "TINTYPE_SCHEDULE_PAGES",
        1000,
        "Maximum pages of all schedules of one API key.",
        "a number from 1 to 100000",
        ge=1,
        le=100_000,
    )
    schedule_runs: int = setting(
        "TINTYPE_SCHEDULE_RUNS",
        30,
        "Runs that a schedule keeps, with their thumbnails and difference pictures.",
        "a number from 2 to 1000",
        ge=2,
        le=1000,
    )
    job_retention: Duration = setting(
        "TINTYPE_JOB_RETENTION", "7d", "How long a job is kept after its end.", t.DURATION
    )
    server: t.HttpUrl = setting(
        "TINTYPE_SERVER",
        "",
        "For tintype jobs and tintype schedules: URL of the service. Unset: HOST and PORT on this machine.",
        t.HTTP_URL,
    )
    server_key: t.HeaderText = setting(
        "TINTYPE_SERVER_KEY",
        "",
        "For tintype jobs and tintype schedules: API key that is sent to the service.",
        t.HEADER_TEXT,
        secret=True,
    )
    webhook_secret: WebhookSecrets = setting(
        "TINTYPE_WEBHOOK_SECRET",
        "",
        "Secret that signs webhooks; with several, each signs. Unset: only API keys with a secret of their own may use"
        " webhooks. See docs/webhooks.md.",
        t.WEBHOOK_SECRETS,
        secret=True,
    )
    webhook_retention: Duration = setting(
        "TINTYPE_WEBHOOK_RETENTION", "7d", "How long a delivery is listed after its end.", t.DURATION
    )
