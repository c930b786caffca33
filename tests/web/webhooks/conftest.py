"""A site with jobs and webhooks, over stores in SQLite, fake captures and a real receiver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from harness.webhook_receiver import WebhookReceiver
from tests.support.contracts.jobs import LIMITS
from tests.support.webhooks import SECRET, eventually
from tests.web.conftest import Site
from tintype.jobs.capture import PageCapturer
from tintype.jobs.runner import JobRunner
from tintype.jobs.service import JobLimits, JobService
from tintype.jobs.submission import SubmissionParser
from tintype.network.egress import AllowRule, Policy
from tintype.network.outbound_post import Poster
from tintype.state.sqlite_deliveries import SqliteDeliveries
from tintype.state.sqlite_jobs import SqliteJobs
from tintype.webhooks import dispatcher
from tintype.webhooks.sender import WebhookSender
from tintype.webhooks.service import WebhookService
from tintype.webhooks.signatures import WebhookSigner
from tintype.webhooks.target import WebhookParser

DAY = 86_400.0


@dataclass(kw_only=True)
class WebhookSite(Site):
    """A site with webhooks; pages are captured and events are sent once ``start`` was called."""

    folder: Path
    receiver: WebhookReceiver
    signer: WebhookSigner = field(default_factory=lambda: WebhookSigner([SECRET]))
    with_jobs: bool = True

    def _app(self) -> Any:
        super()._app()
        policy = Policy((AllowRule.parse(f"127.0.0.1:{self.receiver.port}"),))
        self.deliveries = SqliteDeliveries(self.folder / "jobs.db")
        webhooks, parser = WebhookParser(policy, self.signer), self.application.request_parser
        sender = WebhookSender(Poster(policy, 60.0), self.signer)
        self.webhooks = WebhookService(self.deliveries, webhooks, sender, DAY)
        store = SqliteJobs(self.folder / "jobs.db")
        runner = JobRunner(store, PageCapturer(self.service, parser), LIMITS)
        submissions = SubmissionParser(parser, webhooks=webhooks)
        jobs = JobService(store, submissions, runner, JobLimits(), webhooks=self.webhooks)
        self.jobs = jobs if self.with_jobs else None
        return super()._app()

    def start(self) -> None:
        assert self.jobs
        self.jobs.start()
        self.webhooks.start()

    def stop(self) -> None:
        assert self.webhooks.stop(60)
        assert self.jobs is None or self.jobs.stop(60)

    def post(self, path: str, headers: dict[str, str] | None = None, **members: Any) -> TestResponse:
        return self.client.post(path, json=members, headers=headers)

    def listed(self, query: str = "", **more: Any) -> list[dict[str, Any]]:
        response = self.client.get(f"/webhooks/deliveries{query}", **more)
        assert response.status_code == 200, response.text
        return list((response.json or {})["deliveries"])

    def delivered(self, count: int) -> list[dict[str, Any]]:
        """The deliveries, once so many have been accepted."""
        self.start()
        assert eventually(lambda: len(self.listed("?state=delivered")) >= count)
        return self.listed()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def open_site(tmp_path: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(dispatcher, "POLL_INTERVAL", 0.05)
    monkeypatch.setattr(dispatcher, "LEASE_SECONDS", 600.0)  # a loaded machine loses no attempt
    opened: list[WebhookSite] = []

    def build(**fields: Any) -> WebhookSite:
        opened.append(WebhookSite(folder=tmp_path, receiver=receiver, **fields))
        return opened[-1]

    yield build
    for site in opened:
        site.stop()


@pytest.fixture
def site(open_site: Any) -> WebhookSite:
    return open_site()
