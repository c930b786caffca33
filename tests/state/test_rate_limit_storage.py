"""Rate limit storage in shared memory: exact over threads, processes and forks, after kills and with broken files."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from limits.errors import StorageError
from limits.storage import MemoryStorage

from tests.support.concurrency import eventually, in_fork, in_processes, in_threads, killed_processes
from tests.support.disks import mounted
from tintype.state import counter_table
from tintype.state.counter_table import hash_key
from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage

DAY = 86_400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "limits"


@pytest.fixture
def storage(path: Path) -> SharedMemoryRateLimitStorage:
    return SharedMemoryRateLimitStorage(path)


def count_often(path: Path, times: int, clients: int = 1) -> int:
    """How many of ``times`` requests are admitted, at 500 a day for each client."""
    storage = SharedMemoryRateLimitStorage(path)
    return sum(storage.count(f"client-{number % clients}", 500, DAY)[0] for number in range(times))


def count_locked(path: Path, times: int) -> int:
    """The same with the lock taken for each request, because no row is cached."""
    return sum(SharedMemoryRateLimitStorage(path).count("client-0", 500, DAY)[0] for _ in range(times))


class TestSlidingWindow:
    def test_admits_as_many_as_allowed(self, storage: SharedMemoryRateLimitStorage) -> None:
        assert [storage.count("client", 3, 3600)[0] for _ in range(5)] == [True] * 3 + [False] * 2

    def test_counts_clients_separately(self, storage: SharedMemoryRateLimitStorage) -> None:
        assert [storage.count(client, 1, 3600)[0] for client in "abab"] == [True, True, False, False]

    def test_returns_the_count_and_remaining_time(self, storage: SharedMemoryRateLimitStorage) -> None:
        storage.count("client", 5, 3600)
        admitted, previous, previous_life, current, current_life = storage.count("client", 5, 3600)
        assert (admitted, previous, previous_life, current) == (True, 0, 0.0, 2)
        assert 3600 <= current_life <= 7200

    def test_admits_again_after_the_window(self, storage: SharedMemoryRateLimitStorage) -> None:
        assert eventually(lambda: not storage.count("client", 2, 1)[0])
        assert eventually(lambda: storage.count("client", 2, 1)[0])

    def test_equals_the_storage_in_memory_of_the_library(
        self, storage: SharedMemoryRateLimitStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now, dice, model = [1_700_000_000.0], random.Random(1), MemoryStorage()
        monkeypatch.setattr(time, "time", lambda: now[0])
        for _ in range(3000):
            now[0] += dice.choice([0, 0.1, 1, 7, 40])
            key = dice.choice("abc")
            counted, *window = storage.count(key, 10, 60)
            assert counted == model.acquire_sliding_window_entry(key, 10, 60)
            assert window == pytest.approx(model.get_sliding_window(key, 60), abs=1e-6)
        model.timer.join()

    def test_admits_the_last_requests_in_the_next_window(
        self, storage: SharedMemoryRateLimitStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1_700_000_040.0]
        monkeypatch.setattr(time, "time", lambda: now[0])
        assert [storage.count("client", 40, 60)[0] for _ in range(50)] == [True] * 40 + [False] * 10
        now[0] += 90  # half of the previous window counts
        assert [storage.count("client", 40, 60)[0] for _ in range(50)].count(True) == 20
        now[0] += 120
        assert [storage.count("client", 40, 60)[0] for _ in range(50)].count(True) == 40


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
class TestExactness:
    @pytest.mark.parametrize("count", [count_often, count_locked])
    def test_processes_admit_exactly_the_limit(self, path: Path, count: object) -> None:
        assert sum(in_processes(count, [(path, 2000)] * 4)) == 500  # type: ignore[arg-type]

    def test_processes_admit_exactly_the_limit_of_each_client(self, path: Path) -> None:
        assert sum(in_processes(count_often, [(path, 2000, 2)] * 4)) == 1000

    def test_threads_with_separate_storages_admit_exactly_the_limit(self, path: Path) -> None:
        assert sum(in_threads(count_often, [(path, 400)] * 8)) == 500

    def test_processes_and_their_threads_admit_exactly_the_limit(self, path: Path) -> None:
        def threads() -> int:
            return sum(in_threads(count_often, [(path, 400)] * 4))

        with ThreadPoolExecutor(1) as beside:
            others = beside.submit(in_processes, count_often, [(path, 2000)] * 3)
            assert threads() + sum(others.result()) == 500

    def test_processes_that_start_concurrently_share_one_file(self, path: Path) -> None:
        assert sum(in_processes(count_often, [(path, 200)] * 4)) == 500

    def test_fork_continues_the_count(self, path: Path) -> None:
        assert count_often(path, 499) == 499
        assert in_fork(lambda: count_often(path, 2) == 1)
        assert count_often(path, 1) == 0

    def test_fork_while_a_thread_holds_the_lock_continues_the_count(
        self, path: Path, storage: SharedMemoryRateLimitStorage
    ) -> None:
        with storage._table.row("other"):
            assert in_fork(lambda: count_often(path, 2) == 2)

    def test_keeps_the_counts_of_thousands_of_clients(self, storage: SharedMemoryRateLimitStorage) -> None:
        for number in range(8000):
            storage.count(f"client-{number}", 9, DAY)
        assert all(storage.count(f"client-{number}", 9, DAY)[3] == 2 for number in range(8000))


class TestEviction:
    """A full bucket evicts an expired client first, then the one that has used the least of its limit."""

    @pytest.fixture(autouse=True)
    def one_bucket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(counter_table, "BUCKETS", 1)
        hash_key.cache_clear()

    def fill(self, storage: SharedMemoryRateLimitStorage, clients: int, limit: int = 5) -> None:
        for number in range(clients):
            storage.count(f"other-{number}", limit, DAY)

    def test_rejected_client_stays_rejected(self, storage: SharedMemoryRateLimitStorage) -> None:
        assert [storage.count("client", 5, DAY)[0] for _ in range(6)] == [True] * 5 + [False]
        self.fill(storage, 2000)
        assert not storage.count("client", 5, DAY)[0]

    def test_client_rejected_after_one_request_stays_rejected(self, storage: SharedMemoryRateLimitStorage) -> None:
        assert [storage.count("client", 1, DAY)[0] for _ in range(2)] == [True, False]
        self.fill(storage, 2000, limit=1)
        assert not storage.count("client", 1, DAY)[0]

    def test_client_near_its_limit_outlasts_clients_far_from_theirs(
        self, storage: SharedMemoryRateLimitStorage
    ) -> None:
        for _ in range(4):
            storage.count("near", 5, DAY)
        for _ in range(20):
            storage.count("far", 100, DAY)
        self.fill(storage, 500, limit=4)
        assert storage.count("near", 5, DAY)[3] == 5
        assert storage.count("far", 100, DAY)[3] == 1

    def test_expired_client_is_evicted_before_all_others(
        self, storage: SharedMemoryRateLimitStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1_700_000_000.0]
        monkeypatch.setattr(time, "time", lambda: now[0])
        assert [storage.count("expired", 1, 60)[0] for _ in range(2)] == [True, False]
        self.fill(storage, counter_table.ROWS - 1)
        now[0] += 180
        self.fill(storage, counter_table.ROWS)
        assert all(storage.count(f"other-{number}", 5, DAY)[3] >= 2 for number in range(counter_table.ROWS - 1))

    def test_logs_the_first_eviction_of_a_minute(self, storage: SharedMemoryRateLimitStorage) -> None:
        with structlog.testing.capture_logs() as logs:
            self.fill(storage, counter_table.ROWS)
            assert logs == []
            self.fill(storage, counter_table.ROWS + 10)
        assert [entry["event"] for entry in logs] == ["rate_limit_client_evicted"]


def test_rejected_client_stays_rejected_while_20000_others_come(storage: SharedMemoryRateLimitStorage) -> None:
    assert [storage.count("client", 5, 3600)[0] for _ in range(6)] == [True] * 5 + [False]
    for number in range(20_000):
        storage.count(f"network-{number}", 5, 3600)
    assert not storage.count("client", 5, 3600)[0]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
class TestColumns:
    def test_differ_between_processes(self, storage: SharedMemoryRateLimitStorage, path: Path) -> None:
        count_often(path, 1)
        own = storage._table.column
        assert own
        assert in_fork(lambda: count_often(path, 1) == 1 and storage._table.column not in (0, own))

    def test_keep_the_counts_of_exited_processes(self, path: Path) -> None:
        assert in_fork(lambda: count_often(path, 200) == 200)
        assert in_fork(lambda: count_often(path, 200) == 200)
        assert count_often(path, 200) == 100

    def test_process_without_a_column_counts_under_the_lock(
        self, storage: SharedMemoryRateLimitStorage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "LAYOUT", replace(counter_table.LAYOUT, columns=2))
        assert count_often(path, 100) == 100
        assert storage._table.column == 1
        assert in_fork(lambda: count_often(path, 450) == 400 and storage._table.column == 0)
        assert count_often(path, 1) == 0

    def test_full_bucket_evicts_the_row_that_expires_first(
        self, storage: SharedMemoryRateLimitStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "BUCKETS", 1)
        for number in range(counter_table.ROWS + 1):
            storage.count(f"client-{number}", 500, DAY + number)
        windows = [storage.count(f"client-{number}", 500, DAY + number)[3] for number in range(counter_table.ROWS + 1)]
        assert min(windows) == 1
        assert max(windows) == 2


def count_forever(path: Path) -> None:
    """Count with and without the lock, which a storage that has cached no row takes."""
    storage = SharedMemoryRateLimitStorage(path)
    while True:
        SharedMemoryRateLimitStorage(path).count("same", 10**9, DAY)
        storage.count("same", 10**9, DAY)


def test_processes_killed_while_holding_the_lock_block_no_other(
    path: Path, storage: SharedMemoryRateLimitStorage
) -> None:
    for _ in range(3):
        before = storage.count("same", 10**9, DAY)[3]
        with killed_processes(count_forever, 3 * [(path,)]):
            assert eventually(lambda before=before: storage.count("same", 10**9, DAY)[3] > before + 1000)
        assert storage.count("same", 10**9, DAY)[0]


class TestFile:
    @pytest.mark.parametrize("content", [b"", b"short", os.urandom(counter_table.SIZE), b"\0" * counter_table.SIZE])
    def test_replaces_a_broken_file(self, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        with structlog.testing.capture_logs() as logs:
            assert count_often(path, 501) == 500
        assert [log["event"] for log in logs] == ["damaged_file_replaced"]
        assert path.stat().st_size == counter_table.SIZE

    def test_tolerates_damaged_rows(self, path: Path, storage: SharedMemoryRateLimitStorage) -> None:
        storage.count("client", 60, 60)
        with path.open("r+b") as file:
            file.seek(counter_table.HEADER_BYTES)
            file.write(os.urandom(counter_table.SIZE - counter_table.HEADER_BYTES))
        assert [storage.count("client", 1, DAY)[0] for _ in range(2)] == [True, False]

    def test_recreates_a_deleted_file(
        self, storage: SharedMemoryRateLimitStorage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "REVALIDATE_AFTER", 0)
        storage.count("client", 9, DAY)
        path.unlink()
        assert storage.count("client", 9, DAY)[3] == 1
        assert path.exists()

    def test_raises_storage_error_for_an_invalid_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        storage = SharedMemoryRateLimitStorage(tmp_path / "file" / "limits")
        with pytest.raises(StorageError):
            storage.count("client", 1, 60)

    def test_full_disk_raises_storage_error_and_leaves_nothing(self, tmp_path: Path) -> None:
        with mounted(tmp_path / "small", megabytes=2 * counter_table.SIZE >> 20) as disk:
            (disk / "filler").write_bytes(bytes(counter_table.SIZE * 3 // 2))
            storage = SharedMemoryRateLimitStorage(disk / "limits")
            with pytest.raises(StorageError):
                storage.count("client", 9, DAY)
            (disk / "filler").unlink()
            assert storage.count("client", 9, DAY)[3] == 1
            assert sorted(file.name for file in disk.iterdir()) == ["limits", "limits.lock"]
