"""``tintype worker``: its settings, its health check, and the file that shows that it runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.concurrency import eventually
from tintype.commands import ExitCode, job_worker
from tintype.errors import ConfigurationError


class FakeWorker:
    """A worker that records calls."""

    def __init__(self, *, alive: bool = True) -> None:
        self.calls: list[str] = []
        self.alive = alive

    def start(self) -> None:
        self.calls.append("start")

    def stop(self, timeout: float) -> bool:
        self.calls.append(f"stop {timeout:.0f}")
        return True

    def is_alive(self) -> bool:
        return self.alive


def signal_when(condition: threading.Event) -> None:
    condition.wait(30)
    os.kill(os.getpid(), signal.SIGTERM)


def run_until(worker: FakeWorker, report: Path, ready: threading.Event) -> None:
    threading.Thread(target=signal_when, args=(ready,)).start()
    job_worker.run(worker, report, 35)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_worker, "REPORT_INTERVAL", 0.02)


class TestRun:
    def test_reports_by_a_file_until_a_signal(self, tmp_path: Path) -> None:
        report, worker, ready = tmp_path / "job-worker", FakeWorker(), threading.Event()

        def watch() -> None:
            assert eventually(report.exists, 60)
            os.utime(report, (0, 0))
            assert eventually(lambda: report.stat().st_mtime > 0, 60)
            ready.set()

        threading.Thread(target=watch).start()
        run_until(worker, report, ready)
        assert worker.calls == ["start", "stop 35"]
        assert not report.exists()

    def test_blocked_worker_reports_no_more(self, tmp_path: Path) -> None:
        report, worker, ready = tmp_path / "job-worker", FakeWorker(alive=False), threading.Event()
        ages = []

        def watch() -> None:
            assert eventually(report.exists, 60)
            os.utime(report, (0, 0))
            threading.Event().wait(0.2)
            ages.append(report.stat().st_mtime)
            ready.set()

        threading.Thread(target=watch).start()
        run_until(worker, report, ready)
        assert ages == [0]


class TestCommand:
    def test_needs_redis(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("TINTYPE_ENGINE", "snapsharp")
        monkeypatch.setenv("SNAPSHARP_API_KEY", "key-0123456789")
        with pytest.raises(ConfigurationError, match="REDIS_URL"):
            CliRunner().invoke(job_worker.command, [], catch_exceptions=False)

    @pytest.mark.parametrize(("age", "code"), [(0, ExitCode.OK), (3600, ExitCode.FAILURE), (None, ExitCode.FAILURE)])
    def test_check_reports_whether_a_worker_runs(
        self, age: int | None, code: ExitCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TINTYPE_DATA_DIR", str(tmp_path))
        if age is not None:
            report = tmp_path / "run" / "job-worker"
            report.parent.mkdir()
            report.touch()
            os.utime(report, (time.time() - age,) * 2)
        assert CliRunner().invoke(job_worker.command, ["--check"]).exit_code == code
