"""The SQLite cache: the contract, broken files, full and read-only disks, locked databases, killed writers."""

from __future__ import annotations

import functools
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
import structlog

from tests.support.concurrency import eventually, killed_processes
from tests.support.contracts.cache import KB, CacheContract, OpenCache, assert_purges_fail, body_of, read_and_write
from tests.support.fakes import Clock
from tintype.protocols import Cache
from tintype.rpc import codec
from tintype.state import sqlite, sqlite_connection
from tintype.state.sqlite import SqliteCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "records.sqlite"


@pytest.fixture
def open_cache(path: Path) -> OpenCache:
    return functools.partial(SqliteCache, path)


@pytest.fixture
def cache(path: Path) -> Iterator[SqliteCache]:
    cache = SqliteCache(path, 10_000 * KB)
    yield cache
    cache.close()


class TestContract(CacheContract):
    @pytest.fixture
    def open_cache(self, path: Path) -> OpenCache:
        return functools.partial(SqliteCache, path)


def fill(cache: Cache, count: int = 50, size: int = 10 * KB) -> None:
    for number in range(count):
        cache.put(f"key-{number}", body_of(f"key-{number}", size), 60)


def close_connections(cache: SqliteCache) -> None:
    """Make the cache open its file again."""
    cache.close()


class TestBrokenFile:
    def test_quarantines_garbage_and_starts_empty(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_bytes(os.urandom(100 * KB))
        with structlog.testing.capture_logs() as logs:
            cache = SqliteCache(path, 100 * KB)
            assert cache.get("key") is None
        cache.put("key", b"1", 60)
        assert cache.get("key") == b"1"
        assert [(log["event"], log["path"]) for log in logs] == [("damaged_file_replaced", str(path))]
        assert Path(f"{path}.broken").stat().st_size == 100 * KB

    @pytest.mark.parametrize("kept", [0.001, 0.5, 0.99])
    def test_truncated_file_returns_correct_values_or_none(self, cache: SqliteCache, path: Path, kept: float) -> None:
        bodies = {f"key-{number}": body_of(str(number), 10 * KB) for number in range(50)}
        for key, body in bodies.items():
            cache.put(key, codec.pack({}, body), 60)
        close_connections(cache)
        os.truncate(path, int(path.stat().st_size * kept))
        assert all(read(cache.get(key)) in {None, body} for key, body in bodies.items())
        cache.put("key", b"1", 60)
        assert cache.get("key") == b"1"

    def test_damaged_pages_return_correct_values_or_none(self, cache: SqliteCache, path: Path) -> None:
        bodies = {f"key-{number}": body_of(str(number), 10 * KB) for number in range(50)}
        for key, body in bodies.items():
            cache.put(key, codec.pack({}, body), 60)
        close_connections(cache)
        with path.open("r+b") as file:
            for page in range(3, path.stat().st_size // sqlite_connection.PAGE_BYTES, 3):
                file.seek(page * sqlite_connection.PAGE_BYTES)
                file.write(os.urandom(sqlite_connection.PAGE_BYTES))
        assert all(read(cache.get(key)) in {None, body} for key, body in bodies.items())
        cache.put("key", b"1", 60)
        assert cache.get("key") == b"1"

    def test_replaces_a_file_of_another_version(self, cache: SqliteCache, path: Path) -> None:
        cache.put("key", b"1", 60)
        close_connections(cache)
        with sqlite3.connect(path) as database:
            database.execute(f"PRAGMA user_version = {sqlite_connection.SCHEMA_VERSION + 1}")
        database.close()
        assert cache.get("key") is None
        cache.put("key", b"2", 60)
        assert cache.get("key") == b"2"

    def test_quarantines_a_foreign_database(self, cache: SqliteCache, path: Path) -> None:
        path.parent.mkdir()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE foreign_table (name TEXT)")
            database.execute("INSERT INTO foreign_table VALUES ('row')")
        database.close()
        cache.put("key", b"1", 60)
        assert cache.get("key") == b"1"
        with sqlite3.connect(f"{path}.broken") as database:
            assert database.execute("SELECT name FROM foreign_table").fetchone() == ("row",)
        database.close()

    def test_recreates_a_file_that_was_deleted_while_in_use(self, path: Path) -> None:
        now = [1000.0]
        one, other = (SqliteCache(path, 100 * KB, clock=lambda: now[0]) for _ in range(2))
        one.put("key", b"1", 60)
        assert other.get("key") == b"1"
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink()
        now[0] += 2 * sqlite.REVALIDATE_AFTER
        one.put("key", b"2", 60)
        assert other.get("key") == b"2"

    def test_replaces_a_broken_file_for_all_processes(self, path: Path) -> None:
        now = [1000.0]
        one, other = (SqliteCache(path, 100 * KB, clock=lambda: now[0]) for _ in range(2))
        one.put("key", b"1", 60)
        assert other.get("key") == b"1"
        one.close()
        path.replace(f"{path}.gone")
        path.write_bytes(b"garbage" * 10 * KB)
        one.put("key", b"2", 60)
        now[0] += 2 * sqlite.REVALIDATE_AFTER
        assert other.get("key") == b"2"


def read(value: bytes | None) -> bytes | None:
    """A value as the service reads it: None if its checksum is wrong."""
    try:
        return codec.unpack(value)[1] if value is not None else None
    except codec.CorruptValue:
        return None


class TestErrors:
    def test_invalid_folder_is_a_miss_and_one_warning(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        cache = SqliteCache(tmp_path / "file" / "records.sqlite", 100 * KB)
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                cache.put("key", b"1", 60)
                assert cache.get("key") is None
            assert_purges_fail(cache)
            assert cache.size() == 0
        assert [log["event"] for log in logs] == ["state_failed"]
        assert "records.sqlite" in logs[0]["location"]

    def test_database_locked_by_another_process_is_read_but_not_written(
        self, cache: SqliteCache, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_connection, "BUSY_TIMEOUT", 0.05)
        cache.put("key", b"1", 60)
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with structlog.testing.capture_logs() as logs:
            cache.put("key", b"2", 60)
            assert cache.get("key") == b"1"
        assert "locked" in logs[0]["reason"]
        blocker.close()
        cache.put("key", b"3", 60)
        assert cache.get("key") == b"3"

    def test_waiting_write_retries_at_short_intervals(
        self, cache: SqliteCache, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_connection, "BUSY_TIMEOUT", 60.0)
        cache.put("key", b"1", 60)
        statements: list[str] = []
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker, ThreadPoolExecutor(1) as pool:
            blocker.execute("BEGIN IMMEDIATE")
            (connection,) = cache._idle
            connection.set_trace_callback(statements.append)
            put = pool.submit(cache.put, "key", b"2", 60)
            assert eventually(
                lambda: statements.count("BEGIN IMMEDIATE") > 100
            )  # SQLite itself would wait longer each time
            blocker.execute("COMMIT")
            put.result(10)
        assert cache.get("key") == b"2"

    def test_read_records_its_use_later_while_another_process_writes(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_connection, "BUSY_TIMEOUT", 60.0)
        cache = SqliteCache(path, 10 * KB, touch_after=0)
        cache.put("key", b"1", 60)
        with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            (before,) = blocker.execute("SELECT used FROM entry").fetchone()
            with structlog.testing.capture_logs() as logs:
                assert cache.get("key") == b"1"  # a write would wait for BUSY_TIMEOUT
            assert logs == []
            blocker.execute("COMMIT")
            cache.put("other", b"2", 60)
            assert blocker.execute("SELECT used FROM entry WHERE key = 'key'").fetchone()[0] > before
        cache.close()

    def test_read_only_disk_is_a_miss_and_one_warning(self, small_disk: Path) -> None:
        cache = SqliteCache(small_disk / "records.sqlite", 100 * KB)
        cache.put("key", b"1", 60)
        cache.close()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with structlog.testing.capture_logs() as logs:
            cache.put("key", b"2", 60)
            assert cache.get("key") in {None, b"1"}
        assert [log["event"] for log in logs] == ["state_failed"]


class TestFullDisk:
    """The file may not grow: on a small file system, which requires root, and with SQLite's own limit of pages."""

    @pytest.fixture(params=["disk", "pages"])
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        if request.param == "disk":
            folder: Path = request.getfixturevalue("small_disk")
            return folder
        prepare = sqlite_connection._prepare

        def prepare_small(connection: sqlite_connection.CacheConnection, mmap_bytes: int) -> None:
            prepare(connection, mmap_bytes)
            connection.execute(f"PRAGMA max_page_count = {(4 << 20) // sqlite_connection.PAGE_BYTES}")

        monkeypatch.setattr(sqlite_connection, "_prepare", prepare_small)
        return tmp_path

    def test_new_values_replace_the_least_recently_used(self, folder: Path) -> None:
        cache = SqliteCache(folder / "records.sqlite", 100_000 * KB)
        cache.put("old", body_of("old", 100 * KB), 60)
        with structlog.testing.capture_logs() as logs:
            for number in range(60):
                cache.put(f"key-{number}", body_of(f"key-{number}", 100 * KB), 60)
                assert cache.get(f"key-{number}") == body_of(f"key-{number}", 100 * KB)
        assert cache.get("old") is None
        assert [log["event"] for log in logs] == ["cache_disk_full"]
        assert 5 < cache.entries() < 60
        cache.close()

    def test_expired_values_go_first(self, folder: Path) -> None:
        clock = Clock()
        cache = SqliteCache(folder / "records.sqlite", 100_000 * KB, clock=clock)
        fill(cache, count=10, size=100 * KB)
        clock.advance(1)
        for number in range(30):
            cache.put(f"brief-{number}", bytes(100 * KB), 10)
        kept = [number for number in range(10) if cache.get(f"key-{number}")]
        clock.advance(20)
        for number in range(5):
            cache.put(f"new-{number}", bytes(100 * KB), 10)
        assert [number for number in range(10) if cache.get(f"key-{number}")] == kept
        assert all(cache.get(f"new-{number}") for number in range(5))
        cache.close()

    def test_values_can_be_purged_and_cleared(self, folder: Path) -> None:
        cache = SqliteCache(folder / "records.sqlite", 100_000 * KB)
        for number in range(60):
            cache.put(f"key-{number}", bytes(100 * KB), 60, tags=(f"tag-{number}",))
        assert cache.purge("tag-59") == 1
        assert cache.clear() > 0
        cache.put("new", b"1", 60)
        assert cache.get("new") == b"1"
        cache.close()


def test_disk_filled_by_another_program_still_replaces_values(small_disk: Path) -> None:
    cache = SqliteCache(small_disk / "records.sqlite", 100_000 * KB)
    fill(cache, count=4, size=100 * KB)
    with suppress(OSError), (small_disk / "other").open("wb", buffering=0) as other:
        while other.write(bytes(1000)):
            pass
    for number in range(20):
        cache.put(f"new-{number}", body_of(f"new-{number}", 50 * KB), 60)
        assert cache.get(f"new-{number}") == body_of(f"new-{number}", 50 * KB)
    cache.close()


def write_forever(path: Path, writer: int) -> None:
    cache = SqliteCache(path, 500_000, touch_after=0)
    cache.put(f"ready-{writer}", b"1", 600)
    read_and_write(lambda: cache, writer, 10**9, 100)


def test_killed_writers_leave_complete_values_and_a_correct_size(path: Path) -> None:
    cache = SqliteCache(path, 500_000)
    for round_ in range(4):
        writers = range(10 * round_, 10 * round_ + 3)
        with killed_processes(write_forever, [(path, writer) for writer in writers]):
            assert eventually(lambda writers=writers: any(cache.get(f"ready-{writer}") for writer in writers))
        for number in range(100):
            value = cache.get(f"key-{number}")
            assert value is None or value == body_of(f"key-{number}", len(value))
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counted = database.execute("SELECT sum(length(body)) FROM entry JOIN value USING (id)").fetchone()[0]
    database.close()
    assert cache.size() == counted
    assert not Path(f"{path}.broken").exists()


def test_closes_connections_beyond_max_idle(cache: SqliteCache) -> None:
    with ExitStack() as stack:
        for _ in range(3 * sqlite.MAX_IDLE):
            stack.enter_context(cache._connection())
    assert len(cache._idle) == sqlite.MAX_IDLE


def test_clear_returns_space_to_the_file_system(cache: SqliteCache, path: Path) -> None:
    fill(cache, count=200)
    before = disk_usage(path)
    cache.clear()
    cache.close()
    assert disk_usage(path) < before / 10


def disk_usage(path: Path) -> int:
    files = set(path.parent.glob(f"{path.name}*")) - {Path(f"{path}.reserve")}
    return sum(file.stat().st_size for file in files)
