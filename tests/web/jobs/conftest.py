"""A site with jobs, over a store in SQLite and fake captures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.concurrency import eventually
from tests.support.contracts.jobs import LIMITS
from tests.support.webhooks import SECRET
from tests.web.conftest import DAY, Site
from tintype.jobs.capture import PageCapturer
from tintype.jobs.runner import JobRunner
from tintype.jobs.service import JobLimits, JobService
from tintype.jobs.submission import SubmissionParser
from tintype.network.egress import Policy
from tintype.network.outbound_post import Poster
from tintype.request_parser import RequestParser
from tintype.schedules.comparison import PageComparer
from tintype.schedules.runner import RunParts, ScheduleRunner
from tintype.schedules.service import ScheduleLimits, ScheduleService
from tintype.schedules.submission import MAX_SCHEDULE_PAGES, ScheduleParser
from tintype.state.sqlite_deliveries import SqliteDeliveries
from tintype.state.sqlite_jobs import SqliteJobs
from tintype.state.sqlite_schedules import SqliteSchedules
from tintype.webhooks.sender import WebhookSender
from tintype.webhooks.service import WebhookService
from tintype.webhooks.signatures import WebhookSigner
from tintype.webhooks.target import WebhookParser

PAGES = ["https://a.org/", "https://b.org/path", "https://c.org/"]


@dataclass(kw_only=True)
class JobSite(Site):
    """A site with jobs; their pages are captured once ``start`` was called. It sends no events."""

    folder: Path
    queue: int = 10_000

    def _app(self) -> Any:
        super()._app()
        store, parser = SqliteJobs(self.folder / "jobs.db", clock=self.clock), self.application.request_parser
        runner = JobRunner(store, PageCapturer(self.service, parser), LIMITS)
        signer = WebhookSigner([SECRET])
        self.webhooks = WebhookService(
            SqliteDeliveries(self.folder / "jobs.db"),
            WebhookParser(Policy(), signer),
            WebhookSender(Poster(Policy(), 60.0), signer),
            DAY,
        )
        submissions = SubmissionParser(parser, webhooks=self.webhooks.parser)
        limits = JobLimits(queued_per_owner=self.queue)
        self.jobs = JobService(store, submissions, runner, limits, webhooks=self.webhooks)
        self.schedules = self._schedules(parser)
        return super()._app()

    def _schedules(self, parser: RequestParser) -> ScheduleService:
        store, stored = SqliteSchedules(self.folder / "jobs.db", clock=self.clock), self.service.stored
        parts = RunParts(
            jobs=self.jobs,
            comparer=PageComparer(self.service, parser),
            stored=stored,
            check_host=lambda owner, host: None,
            notify=lambda schedule, run: None,
        )
        schedules = ScheduleParser(SubmissionParser(parser, MAX_SCHEDULE_PAGES))
        return ScheduleService(
            store, schedules, ScheduleRunner(store, parts), self.jobs, stored, ScheduleLimits(schedules=1000)
        )

    def submit(self, *pages: Any, headers: dict[str, str] | None = None, **members: Any) -> TestResponse:
        return self.client.post("/jobs", json={"pages": list(pages or PAGES), **members}, headers=headers)

    def job(self, *pages: Any, **members: Any) -> str:
        response = self.submit(*pages, **members)
        assert response.status_code == 202, response.text
        return str(response.json["id"])

    def report(self, job: str) -> dict[str, Any]:
        return dict(self.client.get(f"/jobs/{job}").json or {})

    def finished(self, job: str) -> dict[str, Any]:
        self.jobs.start()
        assert eventually(lambda: self.report(job)["ended_at"])
        return self.report(job)


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Any]:
    opened: list[JobSite] = []

    def build(**fields: Any) -> JobSite:
        opened.append(JobSite(folder=tmp_path, **fields))
        return opened[-1]

    yield build
    for site in opened:
        assert site.jobs.stop(30)


@pytest.fixture
def site(open_site: Any) -> JobSite:
    return open_site()
