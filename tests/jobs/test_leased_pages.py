"""Pages under a lease: results outlast an outage of the store, and a stopped process returns its pages."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from tests.support.contracts.jobs import BAD, GOOD, LIMITS, new_job
from tintype.errors import BackendUnavailable
from tintype.jobs import leased_pages
from tintype.jobs.leased_pages import CaptureOutcome, LeasedPages
from tintype.jobs.model import Lease, PageResult, PageStatus
from tintype.state.sqlite_jobs import SqliteJobs


class UnreliableJobs(SqliteJobs):
    """A store that fails to store the first results."""

    failures = 3

    def finish(self, lease: Lease, result: PageResult) -> bool:
        if self.failures:
            self.failures -= 1
            raise BackendUnavailable
        return super().finish(lease, result)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UnreliableJobs:
    monkeypatch.setattr(leased_pages, "RESULT_INTERVAL", 0.01)
    store = UnreliableJobs(tmp_path / "jobs.db")
    store.create(new_job("one"))
    return store


def capture(store: SqliteJobs, outcome: CaptureOutcome) -> LeasedPages:
    pages = LeasedPages(store, lambda _: outcome, LIMITS)
    lease = pages.claim()
    assert lease
    assert len(pages) == 1
    pages.capture(lease)
    assert len(pages) == 0
    return pages


def test_result_is_stored_after_an_outage(store: UnreliableJobs) -> None:
    capture(store, CaptureOutcome(result=GOOD))
    page = store.pages("one")[0]
    assert (page.status, page.attempts, page.result) == (PageStatus.CAPTURED, 1, GOOD)


def test_result_is_given_up_after_its_time(store: UnreliableJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_pages, "RESULT_SECONDS", 0)
    with structlog.testing.capture_logs() as logs:
        capture(store, CaptureOutcome(result=GOOD))
    assert [entry["event"] for entry in logs] == ["job_result_lost"]
    assert store.pages("one")[0].status is PageStatus.RUNNING


def test_failure_of_the_service_is_retried_after_a_pause(store: UnreliableJobs) -> None:
    capture(store, CaptureOutcome(result=BAD, retry_after=60))
    page = store.pages("one")[0]
    assert (page.status, page.result) == (PageStatus.QUEUED, BAD)
    assert store.claim(LIMITS, 15) is None


def test_stopped_process_returns_its_pages(store: UnreliableJobs) -> None:
    pages = LeasedPages(store, lambda _: CaptureOutcome(result=GOOD), LIMITS)
    assert pages.claim()
    assert not pages.stop(0)
    pages.release()
    page = store.pages("one")[0]
    assert page.result
    assert (page.status, page.result.error) == (PageStatus.QUEUED, "worker-stopped")
    assert store.claim(LIMITS, 15)
