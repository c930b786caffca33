"""Maintenance of stored thumbnails: what expires, which process deletes it, and how much one round does."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.support.contracts.storage import stored_object
from tests.support.fakes import Clock, MemoryCache, MemoryStorage, ThreadLocks
from tintype.errors import BackendUnavailable
from tintype.model import StorageUsage
from tintype.service import stored_maintenance
from tintype.service.stored_maintenance import PASS_INTERVAL, StoredMaintenance
from tintype.service.stored_quota import NO_LIMITS, StoredQuota

DAY = 86_400.0


class Workers:
    """Workers that share storage, cache and locks."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.storage = MemoryStorage(clock=self.clock)
        self.records, self.locks = MemoryCache(self.clock), ThreadLocks()
        self.quota = StoredQuota(self.storage, self.records, self.locks, NO_LIMITS, self.clock)

    def new(self, retention: float = 30 * DAY) -> StoredMaintenance:
        return StoredMaintenance(self.storage, self.records, self.locks, self.quota, retention, self.clock)

    def put(self, count: int, name: str = "page") -> None:
        for number in range(count):
            self.storage.put(stored_object(f"{name}-{number}"))


@pytest.fixture
def workers() -> Workers:
    return Workers()


class TestRetention:
    def test_deletes_objects_of_the_retention_age_and_no_younger_ones(self, workers: Workers) -> None:
        workers.put(3, "old")
        workers.clock.advance(20 * DAY)
        workers.put(2, "young")
        assert workers.new().run_round() == 0
        workers.clock.advance(10 * DAY + 1)
        with capture_logs() as logs:
            assert workers.new().run_round() == 3
        assert sorted(workers.storage.keys()) == sorted(stored_object(f"young-{number}").key for number in range(2))
        (log,) = logs
        assert (log["event"], log["objects"], log["reason"]) == ("stored_objects_deleted", 3, "retention")

    def test_deletes_nothing_if_it_is_off(self, workers: Workers) -> None:
        workers.put(3)
        workers.clock.advance(3650 * DAY)
        assert workers.new(retention=0).run_round() == 0
        assert len(workers.storage.keys()) == 3

    def test_counts_from_the_last_time_that_an_object_was_stored(self, workers: Workers) -> None:
        workers.put(1)
        workers.clock.advance(29 * DAY)
        workers.put(1)
        workers.clock.advance(2 * DAY)
        assert workers.new().run_round() == 0

    def test_bounds_the_work_of_a_round(self, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stored_maintenance, "SCAN_PER_ROUND", 8)
        monkeypatch.setattr(stored_maintenance, "DELETE_PER_ROUND", 3)
        workers.put(10, "old")
        workers.clock.advance(31 * DAY)
        workers.put(20, "young")
        deleted = [workers.new().run_round() for _ in range(12)]
        assert sum(deleted) == 10
        assert max(deleted) <= 3
        assert len(workers.storage.keys()) == 20

    def test_begins_the_next_pass_an_hour_later(self, workers: Workers) -> None:
        assert workers.new().run_round() == 0
        workers.put(1)
        workers.clock.advance(PASS_INTERVAL - 1)
        assert workers.new(retention=60).run_round() == 0
        workers.clock.advance(1)
        assert workers.new(retention=60).run_round() == 1

    def test_ignores_a_position_from_a_clock_that_was_ahead(self, workers: Workers) -> None:
        workers.put(1)
        workers.clock.advance(400 * DAY)
        workers.new(retention=1000 * DAY).run_round()
        workers.clock.advance(-360 * DAY)
        assert workers.new().run_round() == 1


class TestProcesses:
    def test_one_process_works_at_a_time(self, workers: Workers) -> None:
        workers.put(1)
        workers.clock.advance(31 * DAY)
        maintenance = workers.new()
        with workers.locks.hold(maintenance._key, wait=0):
            assert workers.new().run_round() == 0
        assert workers.new().run_round() == 1

    def test_measures_the_storage_for_metrics(self, workers: Workers) -> None:
        workers.put(3)
        for _ in range(5):
            workers.new(retention=0).run_round()
        assert workers.quota.last_usage() == StorageUsage(objects=3, size=3 * len(stored_object().body))
        assert workers.storage.measured == 1
        workers.clock.advance(workers.storage.usage_interval)
        workers.new(retention=0).run_round()
        assert workers.storage.measured == 2

    def test_reports_an_unavailable_storage(self, workers: Workers) -> None:
        workers.storage.error = "the disk is gone"
        with pytest.raises(BackendUnavailable):
            workers.new().run_round()

    def test_thread_continues_after_a_failure_and_ends(self, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
        maintenance = workers.new()
        rounds: list[int] = []

        def run_round() -> int:
            rounds.append(1)
            if len(rounds) == 3:
                maintenance.stop()
            raise BackendUnavailable("gone") if len(rounds) == 1 else RuntimeError("unexpected")

        monkeypatch.setattr(stored_maintenance, "INTERVAL", 0.001)
        monkeypatch.setattr(maintenance, "run_round", run_round)
        with capture_logs() as logs:
            maintenance._run()
        assert [log["log_level"] for log in logs] == ["warning", "error", "error"]
