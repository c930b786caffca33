"""Jobs on each engine, with real servers and processes that are killed: no page is lost, none captured three times."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from harness.job_workers import ENGINES, LONG_LEASE, SHORT_LEASE, Behaviour, JobEngine, job_engine
from harness.servers import RabbitServer, RedisServer
from tests.support.concurrency import eventually
from tests.support.contracts.jobs import new_job, urls
from tests.support.disks import small_disk
from tintype.errors import BackendUnavailable
from tintype.jobs.messages import MessageSender
from tintype.jobs.model import JobStatus, JobStore
from tintype.state.redis_jobs import RedisJobs
from tintype.state.sqlite_jobs import SqliteJobs

__all__ = ["small_disk"]

PAGES = 12


@dataclass
class Fleet:
    """An engine with its workers, which are ended with the test."""

    engine: JobEngine
    workers: list[BaseProcess] = field(default_factory=list)

    @property
    def store(self) -> JobStore:
        return self.engine.open_store()

    def start(
        self, behaviour: Behaviour = "capture", *, seconds: float = 0.0, lease: float = LONG_LEASE
    ) -> BaseProcess:
        self.workers.append(self.engine.start(behaviour, seconds=seconds, lease=lease))
        return self.workers[-1]

    def submit(self, pages: int = PAGES) -> None:
        self.store.create(new_job("one", *urls(pages)))

    def status(self) -> JobStatus | None:
        try:
            job = self.store.job("one")
        except BackendUnavailable:
            return None
        return job.status if job else None

    def ends(self) -> bool:
        """Whether the job ends with every page captured."""
        return eventually(lambda: self.status() is JobStatus.COMPLETED, 90)

    def has_begun(self, pages: int = 1) -> bool:
        return eventually(lambda: len(self.engine.captures()) >= pages, 60)

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.join()


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer(persistent=True) as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq_server() -> Iterator[RabbitServer]:
    with RabbitServer() as server:
        yield server


@pytest.fixture
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    folder = tmp_path / f"engine-{abs(hash(request.node.name))}"
    folder.mkdir()
    servers = {} if request.param == "sqlite" else {"redis_url": request.getfixturevalue("redis_server").url}
    if request.param == "rabbitmq":
        servers["rabbitmq_url"] = request.getfixturevalue("rabbitmq_server").url
    fleet = Fleet(job_engine(request.param, folder, **servers))
    yield fleet
    fleet.end()


on_every_engine = pytest.mark.parametrize("fleet", ENGINES, indirect=True)
on_brokers = pytest.mark.parametrize("fleet", ["redis", "rabbitmq"], indirect=True)


def each_once() -> Counter[tuple[str, int]]:
    return Counter({("one", number): 1 for number in range(1, PAGES + 1)})


@on_every_engine
def test_two_workers_capture_every_page_once(fleet: Fleet) -> None:
    fleet.start(seconds=0.05)
    fleet.start(seconds=0.05)
    fleet.submit()
    assert fleet.ends()
    assert fleet.engine.captures() == each_once()


@on_every_engine
def test_pages_of_a_killed_worker_are_captured_by_another_one(fleet: Fleet) -> None:
    fleet.submit()
    first = fleet.start("hang", lease=SHORT_LEASE)
    assert fleet.has_begun(3)
    first.kill()
    fleet.start()
    assert fleet.ends()
    counts = fleet.engine.captures()
    assert (len(counts), max(counts.values())) == (PAGES, 2)
    assert sum(counts.values()) == PAGES + 3


@on_every_engine
def test_page_with_a_result_is_not_captured_again(fleet: Fleet) -> None:
    """The worker is killed between the result and the acknowledgement of its message."""
    fleet.submit(1)
    first = fleet.start("die after the result")
    first.join(60)
    assert first.exitcode == -signal.SIGKILL
    fleet.start()
    assert fleet.ends()
    assert fleet.engine.captures() == {("one", 1): 1}
    assert fleet.store.state()[:2] == (0, 0)


@on_every_engine
def test_stopped_worker_finishes_its_pages(fleet: Fleet) -> None:
    fleet.submit()
    first = fleet.start(seconds=0.5)
    assert fleet.has_begun()
    first.terminate()
    first.join(60)
    assert first.exitcode == 0
    assert fleet.store.state().running == 0
    fleet.start()
    assert fleet.ends()
    assert fleet.engine.captures() == each_once()


@on_every_engine
def test_frozen_worker_stores_no_result_over_that_of_another_one(fleet: Fleet) -> None:
    fleet.submit(1)
    first = fleet.start("wait for release", lease=SHORT_LEASE)
    assert fleet.has_begun()
    fleet.engine.freeze(first)
    fleet.start()
    assert fleet.ends()
    fleet.engine.release()
    assert first.pid
    os.kill(first.pid, signal.SIGCONT)
    first.terminate()
    first.join(60)
    page = fleet.store.pages("one")[0]
    assert (page.attempts, fleet.engine.captures()) == (2, {("one", 1): 2})


@on_brokers
def test_messages_that_the_broker_lost_are_sent_again(fleet: Fleet) -> None:
    assert fleet.engine.open_broker
    broker = fleet.engine.open_broker()
    fleet.submit()
    sender = MessageSender(fleet.store, lambda: broker)
    assert sender.send_missing() == PAGES
    broker._broker.flush_all()
    fleet.start()
    assert fleet.ends()
    assert fleet.engine.captures() == each_once()
    broker.close()


@on_brokers
def test_restarted_redis_loses_no_page(fleet: Fleet, redis_server: RedisServer) -> None:
    fleet.submit()
    fleet.start(seconds=0.2)
    fleet.start(seconds=0.2)
    assert fleet.has_begun(3)
    redis_server.stop()
    redis_server.start()
    assert fleet.ends()
    assert fleet.engine.captures() == each_once()


@pytest.mark.parametrize("fleet", ["rabbitmq"], indirect=True)
def test_restarted_rabbitmq_loses_no_page(fleet: Fleet, rabbitmq_server: RabbitServer) -> None:
    fleet.submit()
    fleet.start(seconds=0.2)
    assert fleet.has_begun(3)
    rabbitmq_server.stop()
    rabbitmq_server.start()
    assert fleet.ends()
    assert fleet.engine.captures() == each_once()


class TestFullDisk:
    def test_sqlite_rejects_a_job_and_keeps_the_others(self, small_disk: Path) -> None:
        store = SqliteJobs(small_disk / "jobs.db")
        store.create(new_job("one", *urls(5)))
        (small_disk / "filling").write_bytes(bytes(_free(small_disk)))
        with pytest.raises(BackendUnavailable):
            store.create(new_job("two", *urls(5000)))
        (small_disk / "filling").unlink()
        store.create(new_job("three"))
        assert [job.id for job in store.jobs(owner=None)] == ["three", "one"]
        assert store.state().queued == 6

    def test_redis_keeps_the_jobs_that_it_accepted(self, small_disk: Path) -> None:
        """With ``appendfsync always``, Redis ends when it cannot write; it starts again when there is room."""
        with RedisServer(persistent=True, folder=small_disk) as server:
            store = RedisJobs(server.url)
            store.create(new_job("one", *urls(5)))
            (small_disk / "filling").write_bytes(bytes(_free(small_disk)))
            with pytest.raises(BackendUnavailable):
                store.create(new_job("two", *urls(5000)))
            (small_disk / "filling").unlink()
            server.stop()
            server.start()
            assert eventually(lambda: _lists(store, ["one"]), 60)
            store.create(new_job("three"))
            assert store.state().queued == 6


def _lists(store: JobStore, expected: list[str]) -> bool:
    try:
        return [job.id for job in store.jobs(owner=None)] == expected
    except BackendUnavailable:
        return False


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
