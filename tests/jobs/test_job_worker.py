"""The job worker with a store in SQLite and a broker that calls at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.concurrency import eventually
from tests.support.contracts.jobs import GOOD, LIMITS, new_job, urls
from tintype.jobs import job_worker
from tintype.jobs.job_worker import JobWorker
from tintype.jobs.leased_pages import CaptureOutcome
from tintype.jobs.model import Lease
from tintype.state.sqlite_jobs import SqliteJobs


class EagerBroker:
    """A broker that always has a message, and its own consumer of one thread."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._paused = threading.Event()

    def top_up(self, pages: int) -> int:
        return pages

    def consume(self, work: Callable[[], None], threads: int) -> EagerBroker:
        assert threads == LIMITS.total

        def run() -> None:
            while not self._paused.wait(0.01):
                work()

        threading.Thread(target=run, daemon=True).start()
        return self

    def pause(self) -> None:
        self.calls.append("pause")
        self._paused.set()

    def stop(self, timeout: float) -> None:
        self.calls.append("stop")

    def is_alive(self) -> bool:
        return True

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def store(tmp_path: Path) -> SqliteJobs:
    store = SqliteJobs(tmp_path / "jobs.db")
    store.create(new_job("one", *urls(3)))
    return store


def test_captures_pages_until_it_is_stopped(store: SqliteJobs) -> None:
    broker = EagerBroker()
    worker = JobWorker(store, broker, lambda _: CaptureOutcome(result=GOOD), LIMITS)
    worker.start()
    assert eventually(lambda: store.state()[:2] == (0, 0), 60)
    assert worker.is_alive()
    assert worker.stop(30)
    assert worker.stop(30)
    assert broker.calls[:2] == ["pause", "stop"]
    assert eventually(lambda: broker.calls == ["pause", "stop", "close"], 60)
    assert not worker.is_alive()


def test_stop_returns_the_pages_that_take_too_long(store: SqliteJobs) -> None:
    begun, release = threading.Event(), threading.Event()

    def capture(_: Lease) -> CaptureOutcome:
        begun.set()
        release.wait(30)
        return CaptureOutcome(result=GOOD)

    worker = JobWorker(store, EagerBroker(), capture, LIMITS)
    worker.start()
    assert begun.wait(30)
    assert not worker.stop(0)
    assert store.state()[:2] == (3, 0)
    release.set()


def test_blocked_thread_is_noticed(store: SqliteJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = JobWorker(store, EagerBroker(), lambda _: CaptureOutcome(result=GOOD), LIMITS)
    worker.start()
    assert worker.is_alive()
    monkeypatch.setattr(job_worker, "MAX_SILENCE", -1)
    assert not worker.is_alive()
    assert worker.stop(30)
