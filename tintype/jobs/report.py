"""Members of the JSON bodies that describe a job and its pages, in responses and in payloads of webhooks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tintype.jobs.model import Job, JobPage, Sitemap


def job_members(job: Job, base: str) -> dict[str, Any]:
    """A job, with links below a base URL."""
    url = f"{base}/jobs/{job.id}"
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status.value,
        "progress": _progress(job),
        "store": job.stores,
        "sitemap": _sitemap(job.sitemap) if job.sitemap else None,
        "created_at": iso_time(job.created_at),
        "started_at": iso_time(job.started_at),
        "ended_at": iso_time(job.ended_at),
        "links": {"job": url, "pages": f"{url}/pages", "archive": f"{url}/archive", "events": f"{url}/events"},
    }


def page_members(page: JobPage, base: str) -> dict[str, Any]:
    """A page of a job; ``base`` is the base URL of stored objects of this service."""
    result = page.result
    url = result.url if result else ""
    names = ("error", "detail", "verdict", "content_type", "width", "height", "bytes", "seconds")
    return {
        "number": page.number,
        "url": page.url,
        "status": page.status.value,
        "attempts": page.attempts,
        "stored_url": (f"{base}{url}" if url.startswith("/") else url) or None,
        **{name: (getattr(result, name) or None) if result else None for name in names},
    }


def iso_time(seconds: float) -> str | None:
    """UTC, by RFC 3339; None for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def _progress(job: Job) -> dict[str, Any]:
    counts = job.counts
    ended = counts.captured + counts.failed + counts.cancelled
    return {
        "total": counts.total,
        "percentage": round(100 * ended / max(1, counts.total), 1),
        **counts._asdict(),
    }


def _sitemap(sitemap: Sitemap) -> dict[str, Any]:
    members = asdict(sitemap)
    return {"url": members.pop("url"), "read": members.pop("is_read"), **members}
