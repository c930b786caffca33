"""Shared store of metrics: exact over processes, kills and forks; the file is replaced and limited in size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tintype import telemetry
from tintype.telemetry import recorder, shared_metrics
from tintype.telemetry.shared_metrics import SharedMetrics, metrics_at

SERIES = ("tintype_problems_total", "test")

COUNT = """
import os, signal, sys
from pathlib import Path
from tintype import telemetry
telemetry.start(Path(sys.argv[1]), telemetry.NodeSources())
for _ in range(1000):
    telemetry.count("tintype_problems_total", "test")
telemetry.add_gauge("tintype_requests_in_progress", by=3)
"""
COUNT_AND_DIE = COUNT + "os.kill(os.getpid(), signal.SIGKILL)"
FORK = """
child = os.fork()
for _ in range(1000):
    telemetry.count("tintype_problems_total", "test")
if child:
    os.waitpid(child, 0)
"""


def start_process(script: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(path)])


def counted() -> int:
    return recorder.read_all().get(SERIES, [0])[0]


class TestProcesses:
    def test_sum_counts_of_all_processes(self, metered: Path) -> None:
        for process in [start_process(COUNT, metered) for _ in range(4)]:
            assert process.wait(60) == 0
        telemetry.count(*SERIES)
        assert counted() == 4001

    def test_keep_counts_of_a_killed_process(self, metered: Path) -> None:
        assert start_process(COUNT_AND_DIE, metered).wait(60) == -9
        assert counted() == 1000

    def test_continue_in_the_column_of_an_exited_process(self, metered: Path) -> None:
        size = metered.stat().st_size
        for _ in range(3):
            start_process(COUNT_AND_DIE, metered).wait(60)
        assert counted() == 3000
        assert metered.stat().st_size == size
        assert sorted(path.name for path in metered.parent.iterdir()) == ["metrics", "metrics.lock"]

    def test_discard_gauges_of_an_exited_process(self, metered: Path) -> None:
        telemetry.add_gauge("tintype_requests_in_progress", by=1)
        start_process(COUNT_AND_DIE, metered).wait(60)
        assert recorder.read_all()[("tintype_requests_in_progress",)] == [1]

    def test_count_separately_after_a_fork(self, metered: Path) -> None:
        assert start_process(COUNT + FORK, metered).wait(60) == 0
        assert counted() == 3000

    def test_lists_running_processes(self, metered: Path) -> None:
        assert [owner.column for owner in metrics_at(metered).owners()] == [1]


class TestFile:
    def test_replaces_a_file_of_another_version(self, tmp_path: Path) -> None:
        path = tmp_path / "metrics"
        path.write_bytes(b"tintype metrics, version 0\n")
        metrics_at(path)
        assert path.read_bytes().startswith(shared_metrics.LAYOUT.magic)

    def test_counts_per_process_if_the_file_is_unusable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        telemetry.start(tmp_path / "file" / "metrics", telemetry.NodeSources())
        telemetry.count(*SERIES)
        assert counted() == 1

    def test_file_is_readable_by_its_owner_only(self, metered: Path) -> None:
        assert metered.stat().st_mode & 0o077 == 0


class TestAllocate:
    def test_drops_and_counts_names_without_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        words = shared_metrics.FIRST_CELL + 1
        size = shared_metrics.HEADER_BYTES + shared_metrics.NAME_BYTES + shared_metrics.COLUMNS * words * 8
        monkeypatch.setattr(shared_metrics, "COLUMN_WORDS", words)
        monkeypatch.setattr(shared_metrics, "LAYOUT", replace(shared_metrics.LAYOUT, size=size))
        full = SharedMetrics()
        assert full.allocate(("first",)) == shared_metrics.FIRST_CELL
        assert full.allocate(("second",)) == shared_metrics.OVERFLOW_CELL
        assert full.sums()[("tintype_series_dropped_total",)] == [1]

    def test_adds_a_name_while_the_sums_are_read(self) -> None:
        store = SharedMetrics()
        store.cells[store.allocate(("first",))] += 1

        def columns_while_a_name_is_added() -> Iterator[int]:
            for column in range(shared_metrics.COLUMNS):
                store.allocate((f"second {column}",))
                yield column

        sums = store._sums(columns_while_a_name_is_added())
        assert sums[("first",)] == [1]


def test_process_that_forks_workers_is_no_worker(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from harness.waiting import eventually
from tintype.telemetry.shared_metrics import SharedMetrics
metrics = SharedMetrics(Path(sys.argv[1]))
alone = len(metrics.owners())
child = os.fork()
if not child:  # its parent may still be about to give up its place
    os._exit(0 if eventually(lambda: [owner.pid for owner in metrics.owners()] == [os.getpid()]) else 1)
print(alone, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "metrics")], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["1", "0"]
