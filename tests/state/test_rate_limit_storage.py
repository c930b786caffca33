"""Counters in shared memory: as exact as the library's own, over processes, kills and broken files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from limits import RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from tests.support.concurrency import eventually, in_fork, in_processes, in_threads
from tests.support.disks import mounted
from tintype.state import counter_table
from tintype.state.rate_limit_storage import SharedMemoryStorage

DAY = RateLimitItemPerHour(500, 24)
STRATEGIES = [FixedWindowRateLimiter, SlidingWindowCounterRateLimiter]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"shm://{tmp_path}/state/limits"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "limits"


@pytest.fixture
def storage(uri: str) -> SharedMemoryStorage:
    return SharedMemoryStorage(uri)


@pytest.fixture(params=STRATEGIES)
def limiter(request: pytest.FixtureRequest, storage: SharedMemoryStorage) -> RateLimiter:
    return request.param(storage)


def hit_often(uri: str, strategy: type[RateLimiter], times: int, clients: int = 1) -> int:
    """How many of so many hits are admitted."""
    limiter = strategy(SharedMemoryStorage(uri))
    return sum(limiter.hit(DAY, f"client-{number % clients}") for number in range(times))


def test_the_scheme_is_registered(uri: str) -> None:
    assert isinstance(storage_from_string(uri), SharedMemoryStorage)


class TestWindows:
    def test_admits_as_many_as_allowed(self, limiter: RateLimiter) -> None:
        allowed = RateLimitItemPerMinute(3, 60)
        assert [limiter.hit(allowed, "client") for _ in range(5)] == [True] * 3 + [False] * 2

    def test_counts_clients_apart(self, limiter: RateLimiter) -> None:
        allowed = RateLimitItemPerMinute(1, 60)
        assert [limiter.hit(allowed, client) for client in "abab"] == [True, True, False, False]

    def test_a_cost_counts_more(self, limiter: RateLimiter) -> None:
        allowed = RateLimitItemPerMinute(10, 60)
        assert [limiter.hit(allowed, "client", cost=4) for _ in range(3)] == [True, True, False]
        assert not limiter.hit(allowed, "other", cost=11)

    def test_says_how_much_is_left_and_until_when(self, limiter: RateLimiter) -> None:
        allowed = RateLimitItemPerHour(5)
        assert limiter.get_window_stats(allowed, "client").remaining == 5
        limiter.hit(allowed, "client")
        limiter.hit(allowed, "client")
        stats = limiter.get_window_stats(allowed, "client")
        assert stats.remaining == 3
        assert 0 <= stats.reset_time - time.time() <= 3600
        assert limiter.test(allowed, "client", cost=3)
        assert not limiter.test(allowed, "client", cost=4)

    def test_clear_gives_the_allowance_back(self, limiter: RateLimiter) -> None:
        allowed = RateLimitItemPerMinute(1, 60)
        limiter.hit(allowed, "client")
        limiter.clear(allowed, "client")
        limiter.clear(allowed, "stranger")
        assert limiter.hit(allowed, "client")

    def test_the_allowance_comes_back_with_time(self, limiter: RateLimiter) -> None:
        allowed = RateLimitItemPerSecond(2)
        assert eventually(lambda: not limiter.hit(allowed, "client"))
        assert eventually(lambda: limiter.hit(allowed, "client"))

    def test_reset_forgets_everybody(self, storage: SharedMemoryStorage, limiter: RateLimiter) -> None:
        for number in range(100):
            limiter.hit(DAY, str(number))
        assert storage.reset() == 100
        assert limiter.get_window_stats(DAY, "7").remaining == 500
        assert storage.reset() == 0


def test_slides_like_the_storage_in_memory(storage: SharedMemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    now, dice, model = [1_700_000_000.0], random.Random(1), MemoryStorage()
    monkeypatch.setattr(time, "time", lambda: now[0])
    for _ in range(3000):
        now[0] += dice.choice([0, 0.1, 1, 7, 40])
        key, amount = dice.choice("abc"), dice.choice([1, 1, 1, 3])
        calls = [
            (s.acquire_sliding_window_entry(key, 10, 60, amount), s.get_sliding_window(key, 60))
            for s in (storage, model)
        ]
        assert calls[0][0] == calls[1][0]
        assert calls[0][1] == pytest.approx(calls[1][1], abs=1e-6)
        counted, *window = storage.count(key, 10, 60)
        assert counted == model.acquire_sliding_window_entry(key, 10, 60)
        assert window == pytest.approx(model.get_sliding_window(key, 60), abs=1e-6)
        assert storage.incr(key, 60, amount) == model.incr(key, 60, amount)
        assert storage.get_expiry(key) == model.get_expiry(key)
    model.timer.join()


class TestExactness:
    @pytest.mark.parametrize("strategy", STRATEGIES)
    def test_processes_admit_exactly_the_limit(self, uri: str, strategy: type[RateLimiter]) -> None:
        admitted = in_processes(hit_often, [(uri, strategy, 2000)] * 4)
        assert sum(admitted) == 500

    def test_processes_admit_exactly_the_limit_of_each_client(self, uri: str) -> None:
        admitted = in_processes(hit_often, [(uri, SlidingWindowCounterRateLimiter, 2000, 2)] * 4)
        assert sum(admitted) == 1000

    def test_threads_with_storages_of_their_own_admit_exactly_the_limit(self, uri: str) -> None:
        admitted = in_threads(hit_often, [(uri, SlidingWindowCounterRateLimiter, 400)] * 8)
        assert sum(admitted) == 500

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_who_was_overtaken_while_waiting_counts_into_the_window_that_began_meanwhile(
        self, storage: SharedMemoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now, shared = [1_700_000_000.0], storage._table
        storage.get("opens the file")
        lock = shared.lock_range

        def overtaken(*where: int) -> None:
            monkeypatch.setattr(shared, "lock_range", lock)
            now[0] += 1
            storage.incr("client", 60)
            lock(*where)

        monkeypatch.setattr(time, "time", lambda: now[0])
        monkeypatch.setattr(shared, "lock_range", overtaken)
        assert storage.incr("client", 60) == 2

    def test_a_fork_counts_on(self, uri: str) -> None:
        assert hit_often(uri, FixedWindowRateLimiter, 499) == 499
        assert in_fork(lambda: hit_often(uri, FixedWindowRateLimiter, 2) == 1)
        assert hit_often(uri, FixedWindowRateLimiter, 1) == 0

    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_fork_while_a_thread_holds_the_lock_counts_on(self, uri: str, storage: SharedMemoryStorage) -> None:
        slot = storage._fixed("other")
        with slot:
            child = lambda: hit_often(uri, FixedWindowRateLimiter, 2) == 2  # noqa: E731
            assert in_fork(child)

    def test_thousands_of_clients_are_all_remembered(self, storage: SharedMemoryStorage) -> None:
        for number in range(8000):
            storage.incr(f"client-{number}", 3600)
        assert all(storage.get(f"client-{number}") == 1 for number in range(8000))

    def test_in_a_full_bucket_the_oldest_gives_way(
        self, storage: SharedMemoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "BUCKETS", 1)
        for number in range(counter_table.ROWS + 1):
            storage.incr(f"client-{number}", 3600 + number)
        counts = [storage.get(f"client-{number}") for number in range(counter_table.ROWS + 1)]
        assert counts == [0] + [1] * counter_table.ROWS


def count_often(uri: str, times: int) -> int:
    """How many of so many hits the web's own way of counting admits."""
    storage = SharedMemoryStorage(uri)
    return sum(storage.count("client", 500, 86_400)[0] for _ in range(times))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
class TestColumns:
    def test_processes_and_their_threads_admit_exactly_the_limit(self, uri: str) -> None:
        def threads() -> int:
            return sum(in_threads(count_often, [(uri, 400)] * 4))

        with ThreadPoolExecutor(1) as beside:
            others = beside.submit(in_processes, count_often, [(uri, 2000)] * 3)
            assert threads() + sum(others.result()) == 500

    def test_each_process_has_its_own(self, storage: SharedMemoryStorage, uri: str) -> None:
        count_often(uri, 1)
        own = storage._table.column
        assert own
        assert in_fork(lambda: count_often(uri, 1) == 1 and storage._table.column not in (0, own))

    def test_what_a_process_counted_stays_when_it_ends_and_the_next_goes_on_there(self, uri: str) -> None:
        assert in_fork(lambda: count_often(uri, 200) == 200)
        assert in_fork(lambda: count_often(uri, 200) == 200)
        assert count_often(uri, 200) == 100

    def test_who_finds_none_left_counts_under_the_lock(
        self, storage: SharedMemoryStorage, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "COLUMNS", 2)
        assert count_often(uri, 100) == 100
        assert storage._table.column == 1
        assert in_fork(lambda: count_often(uri, 450) == 400 and storage._table.column == 0)
        assert count_often(uri, 1) == 0

    def test_a_row_that_gave_way_is_made_again(
        self, storage: SharedMemoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "BUCKETS", 1)
        for number in range(counter_table.ROWS + 1):
            storage.count(f"client-{number}", 500, 86_400 + number)
        windows = [
            storage.count(f"client-{number}", 500, 86_400 + number)[3] for number in range(counter_table.ROWS + 1)
        ]
        assert min(windows) == 1
        assert max(windows) == 2

    def test_the_last_entries_come_back_with_the_next_window(
        self, storage: SharedMemoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1_700_000_040.0]
        monkeypatch.setattr(time, "time", lambda: now[0])
        assert [storage.count("client", 40, 60)[0] for _ in range(50)] == [True] * 40 + [False] * 10
        now[0] += 90  # half of the previous window counts
        assert [storage.count("client", 40, 60)[0] for _ in range(50)].count(True) == 20
        now[0] += 120
        assert [storage.count("client", 40, 60)[0] for _ in range(50)].count(True) == 40


HITTER = """
import sys
from tintype.state.rate_limit_storage import SharedMemoryStorage
storage = SharedMemoryStorage(sys.argv[1])
while True:
    storage.acquire_sliding_window_entry("same", 10**9, 86400)
    storage.count("same", 10**9, 86400)
"""


def test_hitters_killed_while_holding_the_lock_wedge_nobody(uri: str, storage: SharedMemoryStorage) -> None:
    for _ in range(3):
        before = storage.get_sliding_window("same", 86400)[2]
        hitters = [subprocess.Popen([sys.executable, "-c", HITTER, uri]) for _ in range(3)]
        assert eventually(lambda before=before: storage.get_sliding_window("same", 86400)[2] > before + 1000)
        for hitter in hitters:
            hitter.send_signal(signal.SIGKILL)
            hitter.wait()
        assert storage.acquire_sliding_window_entry("same", 10**9, 86400)


class TestFile:
    @pytest.mark.parametrize("content", [b"", b"short", os.urandom(counter_table.SIZE), b"\0" * counter_table.SIZE])
    def test_a_broken_file_is_begun_anew(self, uri: str, path: Path, content: bytes) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        with structlog.testing.capture_logs() as logs:
            assert hit_often(uri, FixedWindowRateLimiter, 501) == 500
        assert [log["event"] for log in logs] == ["state_file_replaced"]
        assert path.stat().st_size == counter_table.SIZE

    def test_damaged_rows_do_no_harm(self, uri: str, path: Path, storage: SharedMemoryStorage) -> None:
        storage.incr("client", 60)
        with path.open("r+b") as file:
            file.seek(counter_table.HEADER_BYTES)
            file.write(os.urandom(counter_table.SIZE - counter_table.HEADER_BYTES))
        assert storage.incr("client", 60) == 1
        assert storage.acquire_sliding_window_entry("client", 1, 60)
        assert not storage.acquire_sliding_window_entry("client", 1, 60)

    def test_a_deleted_file_is_made_again(
        self, storage: SharedMemoryStorage, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(counter_table, "REVALIDATE_AFTER", 0)
        storage.incr("client", 60)
        path.unlink()
        assert storage.incr("client", 60) == 1
        assert path.exists()

    def test_processes_that_start_together_share_one_file(self, uri: str) -> None:
        assert sum(in_processes(hit_often, [(uri, FixedWindowRateLimiter, 200)] * 4)) == 500

    def test_a_place_that_cannot_be_written_is_an_error_the_gate_knows(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        storage = SharedMemoryStorage(f"shm://{tmp_path}/file/limits", wrap_exceptions=True)
        with pytest.raises(StorageError):
            storage.acquire_sliding_window_entry("client", 1, 60)
        assert not storage.check()

    def test_a_full_disk_is_an_error_and_leaves_nothing(self, tmp_path: Path) -> None:
        with mounted(tmp_path / "small", megabytes=2 * counter_table.SIZE >> 20) as disk:
            (disk / "filler").write_bytes(bytes(counter_table.SIZE * 3 // 2))
            storage = SharedMemoryStorage(f"shm://{disk}/limits", wrap_exceptions=True)
            with pytest.raises(StorageError):
                storage.incr("client", 60)
            (disk / "filler").unlink()
            assert storage.incr("client", 60) == 1
            assert sorted(file.name for file in disk.iterdir()) == ["limits", "limits.lock"]

    def test_a_healthy_one_says_so(self, storage: SharedMemoryStorage) -> None:
        assert storage.check()
