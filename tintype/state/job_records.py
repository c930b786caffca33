"""Rules and encodings that all stores of jobs share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tintype.jobs.model import Job, PageCounts, PageResult, PageStatus, Sitemap
from tintype.webhooks.model import Event, WebhookTarget

IDEMPOTENCY_SECONDS = 86_400
"""Time for which an idempotency key leads to the job that it created."""
MAX_LOST_WORKERS = 3
"""Workers that a page may lose; it fails with the last of them."""
EXAMINED_JOBS = 8
"""Jobs of one owner that a claim examines; those with hosts at their limit are examined again later."""
STATES = (PageStatus.QUEUED, PageStatus.RUNNING, PageStatus.CAPTURED, PageStatus.FAILED, PageStatus.CANCELLED)
"""States of pages; the index is the stored number."""
LOST = PageResult(
    error="worker-lost", detail="the process ended three times during this capture; check its memory limit"
)
"""Result of a page that has lost too many workers."""


def encode_result(result: PageResult) -> str:
    """A result as JSON, without empty members."""
    return json.dumps({key: value for key, value in asdict(result).items() if value})


def decode_result(text: str | bytes | None) -> PageResult | None:
    """The result of a JSON text; None if there is none."""
    return PageResult(**json.loads(text)) if text else None


def encode_webhook(webhook: WebhookTarget | None) -> str:
    """A webhook as JSON; empty without one."""
    return json.dumps(asdict(webhook)) if webhook else ""


def decode_webhook(text: str) -> WebhookTarget | None:
    """The webhook of a JSON text; None if there is none."""
    if not text:
        return None
    members = json.loads(text)
    return WebhookTarget(**{**members, "events": tuple(map(Event, members["events"]))})


def encode_sitemap(sitemap: Sitemap | None) -> str:
    """A sitemap as JSON; empty without one."""
    return json.dumps(asdict(sitemap)) if sitemap else ""


def decode_sitemap(text: str) -> Sitemap | None:
    """The sitemap of a JSON text; None if there is none."""
    return Sitemap.of(json.loads(text)) if text else None


def to_job(row: Sequence[str | int | float]) -> Job:
    """A job of its stored columns, of which the last five count pages by state."""
    job_id, owner, name, stores, created, started, ended, cancelled, fingerprint, webhook, sitemap, *counts = row
    return Job(
        id=str(job_id),
        owner=str(owner),
        name=str(name),
        stores=bool(int(stores)),
        created_at=float(created),
        started_at=float(started),
        ended_at=float(ended),
        cancelled=bool(int(cancelled)),
        fingerprint=str(fingerprint),
        webhook=decode_webhook(str(webhook)),
        sitemap=decode_sitemap(str(sitemap)),
        counts=PageCounts(*map(int, counts)),
    )
