"""Settings of jobs."""

from __future__ import annotations

from pydantic import BaseModel

from tintype.settings import types as t
from tintype.settings.fields import setting
from tintype.settings.types import Duration, Rate


class JobSettings(BaseModel):
    """Settings of jobs, inherited by the configuration."""

    jobs: bool = setting("TINTYPE_JOBS", "1", "Accept jobs at /jobs and capture their pages.", t.SWITCH)
    job_share: float = setting(
        "TINTYPE_JOB_SHARE",
        0.5,
        "Share of the slots that jobs may use; at least one.",
        "a number from 0.01 to 1",
        ge=0.01,
        le=1,
    )
    job_limit: Rate = setting("TINTYPE_JOB_LIMIT", "10 per minute", "Rate limit of a client on POST /jobs.", t.RATE)
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
    job_retention: Duration = setting(
        "TINTYPE_JOB_RETENTION", "7d", "How long a job is kept after its end.", t.DURATION
    )
