"""The runner with a job store in SQLite and scripted captures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.concurrency import eventually
from tests.support.contracts.jobs import BAD, GOOD, LIMITS, new_job, urls
from tintype.errors import BackendUnavailable
from tintype.jobs import leased_pages, runner
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.model import JobStatus, JobStore, Lease
from tintype.jobs.runner import JobRunner
from tintype.state.sqlite_jobs import SqliteJobs

Start = Callable[..., JobRunner]
DONE = CaptureOutcome(result=GOOD)


@pytest.fixture
def store(tmp_path: Path) -> SqliteJobs:
    return SqliteJobs(tmp_path / "jobs.db")


@pytest.fixture
def start(store: SqliteJobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(runner, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(runner, "FAILURE_PAUSE", 0.02)
    with ExitStack() as running:

        def begin(capture: Callable[[Lease], CaptureOutcome], total: int = 3, store: JobStore = store) -> JobRunner:
            each = JobRunner(store, capture, replace(LIMITS, total=total))
            running.callback(each.stop, 30)
            each.start()
            return each

        yield begin


def status_of(store: JobStore, job: str = "one") -> JobStatus | None:
    found = store.job(job)
    return found.status if found else None


def test_captures_every_page_of_a_job(store: SqliteJobs, start: Start) -> None:
    seen = []

    def capture(lease: Lease) -> CaptureOutcome:
        seen.append(lease.number)
        return DONE

    store.create(new_job("one", *urls(12)))
    start(capture)
    assert eventually(lambda: status_of(store) is JobStatus.COMPLETED)
    assert sorted(seen) == [*range(1, 13)]


def test_begins_a_job_that_is_submitted_later(store: SqliteJobs, start: Start) -> None:
    begun = start(lambda _: DONE)
    store.create(new_job("one"))
    begun.wake()
    assert eventually(lambda: status_of(store) is JobStatus.COMPLETED)


def test_captures_no_more_pages_at_a_time_than_the_limit(store: SqliteJobs, start: Start) -> None:
    running, most = threading.Semaphore(2), []

    def capture(lease: Lease) -> CaptureOutcome:
        most.append(running.acquire(blocking=False))
        running.release()
        return DONE

    store.create(new_job("one", *urls(10)))
    for _ in range(2):
        start(capture, total=2)
    assert eventually(lambda: status_of(store) is JobStatus.COMPLETED)
    assert all(most)


def test_retries_a_page_after_a_failure_of_the_service(store: SqliteJobs, start: Start) -> None:
    def capture(lease: Lease) -> CaptureOutcome:
        return CaptureOutcome(result=BAD, retry_after=0.01) if lease.attempt < 3 else DONE

    store.create(new_job("one"))
    start(capture)
    assert eventually(lambda: status_of(store) is JobStatus.COMPLETED)
    assert store.pages("one")[0].attempts == 3


def test_gives_up_after_the_last_attempt(store: SqliteJobs, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_pages, "MAX_ATTEMPTS", 2)
    store.create(new_job("one"))
    start(lambda _: CaptureOutcome(result=BAD, retry_after=0.01))
    assert eventually(lambda: status_of(store) is JobStatus.FAILED)
    assert (store.pages("one")[0].attempts, store.pages("one")[0].result) == (2, BAD)


def test_extends_the_lease_of_a_long_capture(store: SqliteJobs, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_pages, "EXTEND_INTERVAL", 0.02)
    extended, release = threading.Event(), threading.Event()
    extend = SqliteJobs.extend

    def count(self: SqliteJobs, lease: Lease, seconds: float) -> bool:
        held = extend(self, lease, seconds)
        if held:
            extended.set()
        return held

    def capture(_: Lease) -> CaptureOutcome:
        release.wait(30)
        return DONE

    monkeypatch.setattr(SqliteJobs, "extend", count)
    store.create(new_job("one"))
    start(capture)
    assert extended.wait(30)
    release.set()
    assert eventually(lambda: status_of(store) is JobStatus.COMPLETED)


def test_stop_waits_for_the_running_pages(store: SqliteJobs, start: Start) -> None:
    begun, release = threading.Event(), threading.Event()

    def capture(_: Lease) -> CaptureOutcome:
        begun.set()
        release.wait(30)
        return DONE

    store.create(new_job("one", *urls(5)))
    runner_of_one = start(capture, total=1)
    assert begun.wait(30)
    assert not runner_of_one.stop(0.01)
    release.set()
    assert runner_of_one.stop(30)
    job = store.job("one")
    assert job
    assert (job.counts.captured, job.counts.queued, job.counts.running) == (1, 4, 0)


class UnreliableJobs(SqliteJobs):
    """A store whose first calls fail."""

    failures = 3

    def claim(self, *args: object) -> Lease | None:
        if self.failures:
            self.failures -= 1
            raise BackendUnavailable
        return super().claim(*args)  # type: ignore[arg-type]


def test_continues_after_an_outage_of_the_store(tmp_path: Path, start: Start) -> None:
    store = UnreliableJobs(tmp_path / "unreliable.db")
    store.create(new_job("one"))
    start(lambda _: DONE, store=store)
    assert eventually(lambda: status_of(store) is JobStatus.COMPLETED)
    assert store.failures == 0
