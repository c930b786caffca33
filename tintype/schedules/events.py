"""Deliveries for the events of a schedule: a run that changed, failed, or just ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tintype.schedules.model import Notify, Run, RunPage, RunStatus, Schedule
from tintype.webhooks.model import MAX_DATA, DeliveryStore, Event, NewDelivery

MAX_EVENT_PAGES = 10
"""Pages of a run in a payload: those that changed or failed first. The run has all of them."""
MAX_EVENT_URL, MAX_EVENT_DETAIL = 500, 200
"""Characters of a page's URL and of its error text in a payload."""
_NAMES = {Event.SCHEDULE_CHANGED: "changed", Event.SCHEDULE_FAILED: "failed", Event.SCHEDULE_COMPLETED: "completed"}


@dataclass(frozen=True, slots=True)
class RunNotifier:
    """Stores the deliveries of runs; ``url_of`` returns the URL of a storage key, which may begin with a slash."""

    deliveries: DeliveryStore
    url_of: Callable[[str], str]

    def __call__(self, schedule: Schedule, run: Run) -> None:
        """Store the deliveries of a run; again without an effect. Raises BackendUnavailable."""
        url = schedule.spec.webhook.get("url")
        if not url:
            return
        data = _bounded_data(schedule, run, self.url_of)
        new = [
            NewDelivery(
                event=event,
                url=url,
                subject=schedule.id,
                data=data,
                owner=schedule.owner,
                id=f"msg_{run.id}-{_NAMES[event]}",
            )
            for event in events_of(schedule, run)
        ]
        if new:
            self.deliveries.add(new)


def events_of(schedule: Schedule, run: Run) -> Iterator[Event]:
    """The events of a run that the schedule reports."""
    notify, failed = schedule.spec.notify, run.status is not RunStatus.COMPLETED
    if failed:
        yield Event.SCHEDULE_FAILED
    if run.changed and notify is not Notify.FAILED:
        yield Event.SCHEDULE_CHANGED
    if notify is Notify.ALWAYS and not failed and not run.changed:
        yield Event.SCHEDULE_COMPLETED


def _bounded_data(schedule: Schedule, run: Run, url_of: Callable[[str], str]) -> str:
    """The JSON of a payload, with as many pages as have room in it."""
    for count in range(MAX_EVENT_PAGES, -1, -1):
        data = json.dumps(run_members(schedule, run, url_of, count))
        if len(data) <= MAX_DATA:
            break
    return data


def run_members(schedule: Schedule, run: Run, url_of: Callable[[str], str], count: int) -> dict[str, Any]:
    """The members ``data`` of the payload of a run, with so many of its pages."""
    base = schedule.spec.base_url
    pages = sorted(run.pages, key=lambda page: (not page.changed, not page.error, page.number))
    return {
        "schedule": schedule.id,
        "name": schedule.spec.name,
        "run": run.id,
        "status": run.status,
        "changed": run.changed,
        "change": run.change,
        "error": run.error or None,
        "detail": run.detail[:MAX_EVENT_DETAIL] or None,
        "total": len(run.pages),
        "pages": [_page_members(page, base, url_of) for page in pages[:count]],
        "links": {
            "schedule": f"{base}/schedules/{schedule.id}",
            "run": f"{base}/schedules/{schedule.id}/runs/{run.id}",
        },
    }


def _page_members(page: RunPage, base: str, url_of: Callable[[str], str]) -> dict[str, Any]:
    def absolute(key: str) -> str | None:
        url = url_of(key) if key else ""
        return (f"{base}{url}" if url.startswith("/") else url) or None

    return {
        "number": page.number,
        "url": page.url[:MAX_EVENT_URL],
        "error": page.error or None,
        "detail": page.detail[:MAX_EVENT_DETAIL] or None,
        "change": page.change,
        "changed": page.changed,
        "stored_url": absolute(page.key),
        "before_url": absolute(page.before),
        "difference_url": absolute(page.difference),
    }
