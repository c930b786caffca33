"""Deliveries for the events of a job: the end of a page, and the end of the job."""

from __future__ import annotations

import json
from typing import Any

from tintype.jobs.model import Job, JobPage, PageStatus
from tintype.jobs.report import job_members, page_members
from tintype.webhooks.model import Event, NewDelivery

MAX_DETAIL = 1000
"""Characters of a page's error text in a payload."""
_EVENTS_OF_PAGES = {PageStatus.CAPTURED: Event.PAGE_CAPTURED, PageStatus.FAILED: Event.PAGE_FAILED}


def page_delivery(job: Job, page: JobPage) -> NewDelivery | None:
    """The delivery for a page that has ended; None if the job's webhook does not receive this event."""
    event = _EVENTS_OF_PAGES.get(page.status)
    if event is None or job.webhook is None:
        return None
    members = page_members(page, job.webhook.base_url)
    members["detail"] = (members["detail"] or "")[:MAX_DETAIL] or None
    return _delivery(job, event, {"job": job.id, **members}, page.number)


def job_delivery(job: Job) -> NewDelivery | None:
    """The delivery for a job that has ended; None if its webhook does not receive this event."""
    if job.webhook is None:
        return None
    event = Event.JOB_COMPLETED if job.counts.captured else Event.JOB_FAILED
    return _delivery(job, event, job_members(job, job.webhook.base_url))


def _delivery(job: Job, event: Event, members: dict[str, Any], page: int = 0) -> NewDelivery | None:
    if job.webhook is None or event not in job.webhook.events:
        return None
    return NewDelivery(
        event=event, url=job.webhook.url, subject=job.id, data=json.dumps(members), owner=job.owner, page=page
    )
