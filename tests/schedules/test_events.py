"""Deliveries of runs: which events a schedule reports, and their payloads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.contracts.schedules import SPEC
from tintype.schedules.events import MAX_EVENT_PAGES, RunNotifier, events_of
from tintype.schedules.model import Notify, Run, RunPage, RunStatus, Schedule
from tintype.state.sqlite_deliveries import SqliteDeliveries
from tintype.webhooks.model import MAX_DATA, DeliveryLimits, Event

SAME = RunPage(number=1, url="https://a.org/", key="thumbs/a-b.png", change=0.0)
OTHER = replace(SAME, change=3.5, changed=True, difference="thumbs/c-d.webp", before="thumbs/a-x.png")
LOST = RunPage(number=2, url="https://b.org/", error="target-error", detail="the target returned HTTP error 500")
CHANGED, FAILED, COMPLETED = Event.SCHEDULE_CHANGED, Event.SCHEDULE_FAILED, Event.SCHEDULE_COMPLETED


def schedule(notify: Notify = Notify.ALWAYS, **members: object) -> Schedule:
    spec = replace(SPEC, notify=notify, base_url="https://thumbs.org", **members)  # type: ignore[arg-type]
    return Schedule(id="sch_1", owner="shop", spec=spec, created_at=0.0, due_at=None)


def run(*pages: RunPage) -> Run:
    failed = sum(1 for page in pages if page.error)
    status = RunStatus.COMPLETED if not failed else RunStatus.PARTIAL if failed < len(pages) else RunStatus.FAILED
    return Run(id="sch_1-5000", schedule="sch_1", due_at=5.0, started_at=6.0, ended_at=9.0, status=status, pages=pages)


@pytest.fixture
def store(tmp_path: Path) -> SqliteDeliveries:
    return SqliteDeliveries(tmp_path / "jobs.db")


@pytest.mark.parametrize(
    ("pages", "always", "changed", "failed"),
    [
        ((SAME,), [COMPLETED], [], []),
        ((OTHER,), [CHANGED], [CHANGED], []),
        ((LOST,), [FAILED], [FAILED], [FAILED]),
        ((OTHER, LOST), [FAILED, CHANGED], [FAILED, CHANGED], [FAILED]),
    ],
    ids=["same", "changed", "failed", "both"],
)
def test_each_notify_reports_its_events(
    pages: tuple[RunPage, ...], always: list[Event], changed: list[Event], failed: list[Event]
) -> None:
    found = [[*events_of(schedule(notify), run(*pages))] for notify in Notify]
    assert found == [always, changed, failed]


def test_delivery_has_the_run_with_absolute_urls(store: SqliteDeliveries) -> None:
    notify = RunNotifier(store, lambda key: f"/stored/{key}")
    notify(schedule(), run(OTHER))
    delivery = store.deliveries(owner="shop")[0]
    data = json.loads(delivery.data)
    assert (delivery.event, delivery.url, delivery.subject) == (CHANGED, "https://receiver.example/", "sch_1")
    assert (data["run"], data["status"], data["changed"], data["change"]) == ("sch_1-5000", "completed", True, 3.5)
    assert data["links"]["run"] == "https://thumbs.org/schedules/sch_1/runs/sch_1-5000"
    assert data["pages"][0]["difference_url"] == "https://thumbs.org/stored/thumbs/c-d.webp"
    assert data["pages"][0]["before_url"] == "https://thumbs.org/stored/thumbs/a-x.png"


def test_repeated_report_is_one_delivery(store: SqliteDeliveries) -> None:
    notify = RunNotifier(store, lambda key: key)
    for _ in range(2):
        notify(schedule(), run(OTHER, LOST))
    assert len(store.deliveries(owner="shop")) == 2
    assert store.claim(DeliveryLimits(), 15)


def test_schedule_without_a_webhook_reports_nothing(store: SqliteDeliveries) -> None:
    RunNotifier(store, lambda key: key)(schedule(webhook={}), run(OTHER))
    assert store.deliveries(owner=None) == []


def test_payload_of_the_largest_run_fits(store: SqliteDeliveries) -> None:
    page = replace(OTHER, url="https://a.org/" + "ä" * 3000, key=f"thumbs/{'a' * 64}-{'b' * 64}.webp")
    page = replace(page, difference=page.key, before=page.key, detail="ö" * 5000)
    notify = RunNotifier(store, lambda key: f"https://bucket.{'s' * 200}.example/{key}")
    notify(schedule(name="ü" * 100), run(*[page] * 1000))
    delivery = store.deliveries(owner="shop")[0]
    assert len(delivery.data.encode()) <= MAX_DATA
    data = json.loads(delivery.data)
    assert data["total"] == 1000
    assert 0 < len(data["pages"]) < MAX_EVENT_PAGES
