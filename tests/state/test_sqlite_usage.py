"""Storages of usage: SQLite on one machine, Redis for several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.servers import RedisServer
from tests.support.concurrency import in_processes, in_threads
from tintype.errors import BackendUnavailable
from tintype.state.redis_usage import RedisUsage
from tintype.state.sqlite_usage import KEPT_MONTHS, SqliteUsage

MONTH = "2026-11"
Open = Callable[[], SqliteUsage | RedisUsage]


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def open_usage(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "sqlite":
        return lambda: SqliteUsage(tmp_path / "folder" / "usage.db")
    url = request.getfixturevalue("redis_server").url
    RedisUsage(url)._client.flushall()
    return lambda: RedisUsage(url)


def take(path: Path, times: int) -> int:
    return sum(SqliteUsage(path).take_capture(MONTH, "shop", 50) for _ in range(times))


class TestStorage:
    def test_adds_up_by_month_and_key(self, open_usage: Open) -> None:
        open_usage().add(MONTH, {"shop": (2, 0, 100), "blog": (1, 0, 0)})
        open_usage().add(MONTH, {"shop": (3, 0, 1 << 40)})
        open_usage().add("2026-12", {"shop": (1, 0, 1)})
        assert open_usage().read(MONTH) == {"shop": (5, 0, 100 + (1 << 40)), "blog": (1, 0, 0)}
        assert open_usage().read("2020-01") == {}

    def test_counts_captures_up_to_the_quota(self, open_usage: Open) -> None:
        assert [open_usage().take_capture(MONTH, "shop", 2) for _ in range(3)] == [True, True, False]
        assert open_usage().take_capture("2026-12", "shop", 2)
        assert open_usage().take_capture(MONTH, "shop", None)
        assert open_usage().read(MONTH)["shop"] == (0, 3, 0)

    def test_counts_no_capture_without_a_quota_left(self, open_usage: Open) -> None:
        assert not open_usage().take_capture(MONTH, "shop", 0)
        assert open_usage().read(MONTH).get("shop", (0, 0, 0)) == (0, 0, 0)

    def test_takes_back_a_capture(self, open_usage: Open) -> None:
        open_usage().take_capture(MONTH, "shop", 1)
        open_usage().add(MONTH, {"shop": (0, -1, 0)})
        assert open_usage().take_capture(MONTH, "shop", 1)


class TestSqlite:
    def test_processes_and_threads_take_exactly_the_quota(self, tmp_path: Path) -> None:
        path = tmp_path / "usage.db"
        assert sum(in_processes(take, [(path, 20)] * 2)) + sum(in_threads(take, [(path, 20)] * 2)) == 50

    def test_replaces_a_damaged_file(self, tmp_path: Path) -> None:
        path = tmp_path / "usage.db"
        path.write_bytes(b"no database" * 1000)
        assert SqliteUsage(path).take_capture(MONTH, "shop", 1)
        assert (tmp_path / "usage.db.broken").exists()

    def test_raises_backend_unavailable_for_an_invalid_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(BackendUnavailable, match="storage of usage"):
            SqliteUsage(tmp_path / "file" / "usage.db").read(MONTH)

    def test_deletes_old_months(self, tmp_path: Path) -> None:
        usage = SqliteUsage(tmp_path / "usage.db")
        months = [f"20{20 + number // 12}-{number % 12 + 1:02}" for number in range(KEPT_MONTHS + 3)]
        for month in months:
            usage.add(month, {"shop": (1, 0, 0)})
        assert [month for month in months if usage.read(month)] == months[-KEPT_MONTHS:]


class TestRedis:
    def test_raises_backend_unavailable_while_redis_is_out(self) -> None:
        usage = RedisUsage("redis://127.0.0.1:1/0")
        for call in (lambda: usage.read(MONTH), lambda: usage.take_capture(MONTH, "shop", 1)):
            with pytest.raises(BackendUnavailable, match="storage of usage"):
                call()
