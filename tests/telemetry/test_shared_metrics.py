"""Counts that many processes share: nothing is lost, nothing falls, nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tintype import telemetry
from tintype.telemetry import recorder, shared_metrics
from tintype.telemetry.shared_metrics import SharedMetrics, metrics_at

SAID = ("tintype_problems_total", "said")

COUNTING = """
import os, signal, sys
from pathlib import Path
from tintype import telemetry
telemetry.start(Path(sys.argv[1]), telemetry.NodeSources())
for _ in range(1000):
    telemetry.count("tintype_problems_total", "said")
telemetry.add_gauge("tintype_requests_in_progress", by=3)
"""
DYING = COUNTING + "os.kill(os.getpid(), signal.SIGKILL)"
FORKING = """
child = os.fork()
for _ in range(1000):
    telemetry.count("tintype_problems_total", "said")
if child:
    os.waitpid(child, 0)
"""


def run(script: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(path)])


def said() -> int:
    return recorder.read_all().get(SAID, [0])[0]


class TestManyProcesses:
    def test_every_count_of_every_process_is_there(self, metered: Path) -> None:
        for process in [run(COUNTING, metered) for _ in range(4)]:
            assert process.wait(60) == 0
        telemetry.count(*SAID)
        assert said() == 4001

    def test_what_a_killed_process_counted_stays(self, metered: Path) -> None:
        assert run(DYING, metered).wait(60) == -9
        assert said() == 1000

    def test_a_successor_counts_on_in_the_column_of_the_dead(self, metered: Path) -> None:
        size = metered.stat().st_size
        for _ in range(3):
            run(DYING, metered).wait(60)
        assert said() == 3000
        assert metered.stat().st_size == size
        assert sorted(path.name for path in metered.parent.iterdir()) == ["metrics", "metrics.lock"]

    def test_levels_of_the_dead_are_nobodys(self, metered: Path) -> None:
        telemetry.add_gauge("tintype_requests_in_progress", by=1)
        run(DYING, metered).wait(60)
        assert recorder.read_all()[("tintype_requests_in_progress",)] == [1]

    def test_a_fork_counts_for_itself(self, metered: Path) -> None:
        assert run(COUNTING + FORKING, metered).wait(60) == 0
        assert said() == 3000

    def test_the_living_are_known(self) -> None:
        assert telemetry.totals().workers == 1


class TestTheFile:
    def test_one_of_another_version_is_made_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "metrics"
        path.write_bytes(b"tintype metrics, version 0\n")
        metrics_at(path)
        assert path.read_bytes().startswith(shared_metrics.MAGIC)

    def test_without_it_each_process_counts_alone(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        telemetry.start(tmp_path / "file" / "metrics", telemetry.NodeSources())
        telemetry.count(*SAID)
        assert said() == 1

    def test_is_for_its_owner_alone(self, metered: Path) -> None:
        assert metered.stat().st_mode & 0o077 == 0


class TestRoom:
    def test_what_finds_none_is_dropped_and_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared_metrics, "WORDS", shared_metrics.FIRST_CELL + 1)
        monkeypatch.setattr(
            shared_metrics,
            "SIZE",
            shared_metrics.HEAD + shared_metrics.NAMES + shared_metrics.COLUMNS * (shared_metrics.FIRST_CELL + 1) * 8,
        )
        full = SharedMetrics()
        assert full.allocate(("first",)) == shared_metrics.FIRST_CELL
        assert full.allocate(("second",)) == shared_metrics.OVERFLOW_CELL
        assert full.sums()[("tintype_series_dropped_total",)] == [1]
