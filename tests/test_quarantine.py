"""Damaged files: every kind of file that Tintype keeps, with every kind of damage, is replaced while it serves."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from harness.node import Node
from tests.support.contracts.storage import stored_object
from tintype import shared_memory
from tintype.quarantine import clear_path, obstacle, quarantine
from tintype.state import counter_table
from tintype.state.file_locks import FileLocks
from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage
from tintype.state.sqlite import SqliteCache
from tintype.storage.disk import DiskStorage
from tintype.telemetry.shared_metrics import HEADER_BYTES, SharedMetrics

Damage = Callable[[Path], None]


def count_in_metrics(folder: Path) -> None:
    metrics = SharedMetrics(folder / "metrics")
    cell = metrics.allocate(("tintype_problems_total", "test"))
    before = metrics.cells[cell]
    metrics.cells[cell] += 1
    assert metrics.sums()[("tintype_problems_total", "test")] == [before + 1]
    assert before < 1000


def count_requests(folder: Path) -> None:
    storage = SharedMemoryRateLimitStorage(folder / "limits")
    assert all(storage.count("client", 1000, 60)[0] for _ in range(3))
    close_tables()


def close_tables() -> None:
    """Let the next use open the file as another process would."""
    for key in [key for key in shared_memory._instances if key[0] is counter_table.CounterTable]:
        del shared_memory._instances[key]


def use_cache(folder: Path) -> None:
    cache = SqliteCache(folder / "records.db", 1 << 20)
    cache.put("key", b"value", 60)
    assert cache.get("key") == b"value"
    cache.close()


def hold_lock(folder: Path) -> None:
    with FileLocks(folder, stripes=1).hold("name", wait=1) as held, FileLocks(folder, stripes=1).hold("name", 0) as two:
        assert (held, two) == (True, False)


def store_object(folder: Path) -> None:
    storage, stored = DiskStorage(folder), stored_object()
    assert storage.get(stored.key) in (None, stored)
    assert storage.latest(stored.key) is None or storage.get(stored.key) == stored
    storage.put(stored)
    assert storage.get(stored.key) == stored


STORED = f"{stored_object().key[:7]}{stored_object().key[7:9]}/{stored_object().key[7:]}"
KINDS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "metrics": ("metrics", count_in_metrics),
    "lock of metrics": ("metrics.lock", count_in_metrics),
    "draft of metrics": ("metrics.new", count_in_metrics),
    "limits": ("limits", count_requests),
    "lock of limits": ("limits.lock", count_requests),
    "cache": ("records.db", use_cache),
    "log of the cache": ("records.db-wal", use_cache),
    "lock of the cache": ("records.db.lock", use_cache),
    "reserve of the cache": ("records.db.reserve", use_cache),
    "lock of a shot": ("0000.lock", hold_lock),
    "stored image": (STORED, store_object),
    "sidecar of a stored image": (f"{STORED}.json", store_object),
}
"""The file, and a use of it that fails if the file does not work."""


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def zero_a_page_of_names(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:HEADER_BYTES] + bytes(4096) + content[HEADER_BYTES + 4096 :])


def zero_the_first_page(path: Path) -> None:
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def randomize(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size or 100))


def randomize_the_middle(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + random.Random(2).randbytes(max(0, len(content) - 200)) + content[100:][-100:])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def make_read_only(path: Path) -> None:
    path.chmod(0o444)


def write_newer_version(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:24].replace(b"version 2", b"version 9").replace(b"SQLite format 3", b"SQLite format 4"))
    path.write_bytes(path.read_bytes() + content[24:])


DAMAGES = (
    zero, zero_a_page_of_names, zero_the_first_page, truncate, randomize, randomize_the_middle, empty,
    replace_by_folder, make_read_only, write_newer_version,
)  # fmt: skip


class TestDamagedFile:
    @pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
    @pytest.mark.parametrize("kind", KINDS)
    def test_damaged_file_is_replaced_while_its_user_goes_on(self, tmp_path: Path, kind: str, damage: Damage) -> None:
        name, use = KINDS[kind]
        use(tmp_path)
        path = tmp_path / name
        if not path.exists():
            path.write_bytes(b"left by a process")
        damage(path)
        with structlog.testing.capture_logs() as logs:
            use(tmp_path)
            use(tmp_path)
        assert all(log["log_level"] == "warning" for log in logs)
        reports = [log for log in logs if log["event"] == "damaged_file_replaced"]
        assert len(reports) <= 1
        for report in reports:
            assert str(tmp_path) in report["path"]
            assert Path(report["kept"]).exists()
            assert report["remedy"]
        if damage is replace_by_folder:
            assert list(tmp_path.rglob("inside"))

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if "stored" not in kind])
    def test_file_of_another_user_is_replaced(self, kind: str, as_nobody: Path) -> None:
        name, use = KINDS[kind]
        path = as_nobody / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.seteuid(0)
        path.write_bytes(b"of root")
        path.chmod(0o600)
        os.seteuid(65534)
        use(as_nobody)


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of an unprivileged user, who runs the test."""
    if os.geteuid() != 0:
        pytest.skip("only root can change its user")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


class TestMetricsFile:
    """A power failure keeps some pages of the mapped file and loses others."""

    def test_server_starts_after_damage(self, tmp_path: Path) -> None:
        env = {"TINTYPE_ENGINE": "snapsharp", "SNAPSHARP_API_KEY": "sk", "SNAPSHARP_BASE_URL": "http://127.0.0.1:9"}
        with Node(tmp_path / "data", env) as node:
            assert node.get("/health").status_code == 200
            node.stop()
            zero_a_page_of_names(tmp_path / "data/run/metrics")
            node.start()
            assert node.get("/health").status_code == 200
            assert "tintype_requests_total{" in node.get("/metrics").text
            assert node.output().count("damaged_file_replaced") == 1

    def test_known_series_are_counted_after_damage_in_use(self, tmp_path: Path) -> None:
        metrics = SharedMetrics(tmp_path / "metrics")
        known = metrics.allocate(("known",))
        with (tmp_path / "metrics").open("r+b") as file:
            file.seek(HEADER_BYTES + metrics._read)
            file.write(b'0badc0de [1, "other"]\n')
        with structlog.testing.capture_logs() as logs:
            for number in range(3):
                metrics.cells[metrics.allocate((f"new {number}",))] += 1
            metrics.cells[known] += 1
        assert metrics.sums()[("known",)] == [1]
        assert metrics.sums()[("tintype_series_dropped_total",)] == [3]
        assert [log["event"] for log in logs] == ["metrics_damaged"]


class TestQuarantine:
    def test_keeps_one_file(self, tmp_path: Path) -> None:
        for content in ("first", "second"):
            (tmp_path / "file").write_text(content)
            quarantine(tmp_path / "file", "damaged")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["second"]

    def test_never_overwrites_a_folder(self, tmp_path: Path) -> None:
        for _ in range(3):
            (tmp_path / "file" / "inside").mkdir(parents=True)
            quarantine(tmp_path / "file", "a folder")
        (tmp_path / "file").write_text("damaged")
        quarantine(tmp_path / "file", "damaged")
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "file.broken", "file.broken-1", "file.broken-2", "file.broken-3"
        ]  # fmt: skip

    def test_obstacle_names_what_is_in_the_way(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert obstacle(tmp_path) == "a folder is in its place"
        assert obstacle(tmp_path / "pipe") == "it is not a regular file"
        assert obstacle(tmp_path / "missing") == ""

    def test_clear_path_leaves_usable_files(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("fine")
        clear_path(tmp_path / "file")
        assert (tmp_path / "file").read_text() == "fine"
