"""The quota of stored thumbnails: what is rejected, how it is counted, and what happens when nothing can be counted."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.support.concurrency import in_threads
from tests.support.contracts.storage import stored_object
from tests.support.fakes import Clock, MemoryCache, MemoryStorage, ThreadLocks
from tintype.errors import BackendUnavailable, StorageFull
from tintype.model import StorageUsage
from tintype.service import stored_quota
from tintype.service.stored_quota import StoredLimits, StoredQuota

THREE_HUNDRED = StoredLimits(max_bytes=300)


class Workers:
    """Workers that share storage, cache and locks."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.storage, self.records, self.locks = MemoryStorage(), MemoryCache(self.clock), ThreadLocks()

    def quota(self, limits: StoredLimits = THREE_HUNDRED) -> StoredQuota:
        return StoredQuota(self.storage, self.records, self.locks, limits, self.clock)


@pytest.fixture
def workers() -> Workers:
    return Workers()


def put(quota: StoredQuota, name: str, size: int = 100) -> None:
    quota.put(stored_object(name, bytes(size)))


class TestStoredQuota:
    def test_rejects_what_would_exceed_the_bytes(self, workers: Workers) -> None:
        quota = workers.quota()
        for name in ("one", "two", "three"):
            quota.check()
            put(quota, name)
        with pytest.raises(StorageFull, match="TINTYPE_STORED_QUOTA"):
            quota.check()
        with pytest.raises(StorageFull):
            put(quota, "four", 1)
        assert workers.storage.usage() == StorageUsage(objects=3, size=300)

    def test_rejects_what_would_exceed_the_number(self, workers: Workers) -> None:
        quota = workers.quota(StoredLimits(max_objects=2))
        put(quota, "one")
        put(quota, "two")
        with pytest.raises(StorageFull, match="TINTYPE_STORED_OBJECTS"):
            put(quota, "three")

    def test_counts_an_object_that_is_stored_again_once(self, workers: Workers) -> None:
        quota = workers.quota()
        for _ in range(5):
            put(quota, "one")
        assert quota.last_usage() == StorageUsage(objects=1, size=100)

    def test_counts_for_all_workers(self, workers: Workers) -> None:
        first, second = workers.quota(), workers.quota()
        put(first, "one", 200)
        with pytest.raises(StorageFull):
            put(second, "two", 200)
        assert workers.storage.measured <= 2, "a count is shared, not measured for each request"

    def test_concurrent_requests_do_not_exceed_it(self, workers: Workers) -> None:
        def store(number: int) -> bool:
            try:
                put(workers.quota(), f"page-{number}")
            except StorageFull:
                return False
            return True

        assert sum(in_threads(store, [(number,) for number in range(12)])) == 3

    def test_measures_again_before_it_rejects(self, workers: Workers) -> None:
        quota = workers.quota()
        put(quota, "one", 300)
        workers.storage.delete(workers.storage.keys())  # as an operator does with rm
        workers.clock.advance(workers.storage.usage_interval / stored_quota.RECHECK_SHARE)
        quota.check()
        put(quota, "two", 300)

    def test_measures_a_full_storage_not_for_each_request(self, workers: Workers) -> None:
        quota = workers.quota()
        put(quota, "one", 300)
        before = workers.storage.measured
        for _ in range(20):
            with pytest.raises(StorageFull):
                quota.check()
        assert workers.storage.measured - before <= 1

    def test_frees_what_could_not_be_stored(self, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
        quota = workers.quota()
        quota.check()
        monkeypatch.setattr(workers.storage, "put", fail)
        with pytest.raises(BackendUnavailable):
            put(quota, "one", 300)
        assert quota.last_usage() == StorageUsage()

    def test_frees_what_was_deleted(self, workers: Workers) -> None:
        quota = workers.quota()
        put(quota, "one", 300)
        workers.storage.delete(workers.storage.keys())
        quota.release(1, 300)
        put(quota, "two", 300)

    @pytest.mark.parametrize("damage", ["clear", "corrupt", "unavailable"])
    def test_counts_while_the_cache_fails(self, workers: Workers, damage: str) -> None:
        quota = workers.quota()
        put(quota, "one", 300)
        if damage == "unavailable":
            workers.records.unavailable = True
        else:
            getattr(workers.records, damage)()
        for each in (quota, workers.quota()):
            with pytest.raises(StorageFull):
                put(each, "two")

    def test_stores_everything_if_nothing_can_be_measured(
        self, workers: Workers, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workers.storage, "usage", fail)
        stored_quota._throttle.reset()
        with capture_logs() as logs:
            put(workers.quota(), "one", 400)
        assert [log["event"] for log in logs] == ["stored_quota_unknown"]

    def test_measures_again_if_the_clock_was_ahead(self, workers: Workers) -> None:
        quota = workers.quota()
        workers.clock.advance(86_400)
        put(quota, "one", 300)
        workers.clock.advance(-86_400)
        workers.storage.delete(workers.storage.keys())
        put(quota, "two", 300)

    def test_measures_nothing_without_limits(self, workers: Workers) -> None:
        quota = workers.quota(StoredLimits(retention=60))
        quota.check()
        put(quota, "one")
        assert (workers.storage.measured, quota.last_usage()) == (0, None)


def fail(*_: object) -> None:
    raise BackendUnavailable("the storage is unavailable now")
