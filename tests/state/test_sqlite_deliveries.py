"""Deliveries in SQLite: the contracts, a restart of the machine, a corrected clock, one transaction with the job."""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.contracts.deliveries import (
    LEASE,
    LIMITS,
    DeliveriesContract,
    JobEventsContract,
    OpenDeliveries,
    OpenJobs,
    again,
    hooked,
    new_delivery,
    take,
)
from tests.support.contracts.jobs import GOOD, claim
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.jobs.model import JobStatus
from tintype.state.delivery_records import STOPPED_SECONDS
from tintype.state.sqlite_deliveries import SqliteDeliveries
from tintype.state.sqlite_jobs import SqliteJobs
from tintype.webhooks.model import AttemptResult, DeliveryState


class TestContract(DeliveriesContract):
    @pytest.fixture
    def open_deliveries(self, tmp_path: Path) -> OpenDeliveries:
        return functools.partial(SqliteDeliveries, tmp_path / "jobs.db")


class TestJobEvents(JobEventsContract):
    @pytest.fixture
    def open_deliveries(self, tmp_path: Path) -> OpenDeliveries:
        return functools.partial(SqliteDeliveries, tmp_path / "jobs.db")

    @pytest.fixture
    def open_jobs(self, tmp_path: Path) -> OpenJobs:
        return functools.partial(SqliteJobs, tmp_path / "jobs.db")


class TestClocks:
    def test_corrected_time_of_day_ends_no_lease(self, tmp_path: Path) -> None:
        today, machine = Clock(), Clock()
        store = SqliteDeliveries(tmp_path / "jobs.db", clock=today, monotonic=machine)
        store.add([new_delivery("one")])
        take(store)
        today.now += 1e6
        assert store.claim(LIMITS, LEASE) is None

    def test_restarted_machine_keeps_the_time_of_the_next_attempt(self, tmp_path: Path) -> None:
        today, path = Clock(), tmp_path / "jobs.db"
        before = SqliteDeliveries(path, clock=today, monotonic=lambda: 5e6, boot_id=lambda: "first")
        before.add([new_delivery("later"), new_delivery("lost")])
        before.finish(take(before), again(600))
        take(before)
        after = SqliteDeliveries(path, clock=today, monotonic=lambda: 10.0, boot_id=lambda: "second")
        assert take(after).delivery.id == "lost"
        assert after.claim(LIMITS, LEASE) is None
        today.now += 601
        assert take(after).delivery.id == "later"


class TestTransaction:
    def test_result_of_a_page_is_stored_with_its_event_or_not_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "jobs.db"
        jobs, deliveries = SqliteJobs(path), SqliteDeliveries(path)
        jobs.create(hooked("one"))
        lease = claim(jobs)
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TRIGGER full BEFORE INSERT ON delivery BEGIN SELECT RAISE(ABORT, 'full'); END")
        with pytest.raises(BackendUnavailable):
            jobs.finish(lease, GOOD)
        job = jobs.job("one")
        assert job
        assert (job.status, deliveries.deliveries(owner=None)) == (JobStatus.RUNNING, [])
        with closing(sqlite3.connect(path)) as database:
            database.execute("DROP TRIGGER full")
        assert jobs.finish(lease, GOOD)
        assert len(deliveries.deliveries(owner=None)) == 2


class TestExpiry:
    def test_unused_receivers_and_old_stops_are_forgotten(self, tmp_path: Path) -> None:
        clock = Clock()
        store = SqliteDeliveries(tmp_path / "jobs.db", clock=clock, monotonic=clock)
        store.add([new_delivery("one")])
        store.finish(take(store), AttemptResult(state=DeliveryState.STOPPED, http_status=410))
        clock.now += STOPPED_SECONDS + 1
        assert store.expire(clock.now, keep=10, limit=10) == 1
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as database:
            counts = [
                database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("receiver", "stopped")
            ]
        assert counts == [0, 0]
