"""What ``tintype doctor`` reports of the queue of jobs."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.contracts.jobs import new_job, urls
from tintype.provision.doctor import CheckLevel, check_jobs
from tintype.settings import Settings
from tintype.state.sqlite_jobs import SqliteJobs


def settings(folder: Path) -> Settings:
    return Settings.load({"TINTYPE_DATA_DIR": str(folder / "data")}, None)


def test_reports_the_queue(tmp_path: Path) -> None:
    found = check_jobs(settings(tmp_path))
    assert (found.level, found.detail) == (CheckLevel.OK, "0 open, 0 pages queued, 0 running")


def test_warns_of_a_queue_that_no_process_works(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    chosen.data_dir.mkdir()
    store = SqliteJobs(chosen.data_dir / "jobs.db", clock=lambda: time.time() - 90)
    store.create(new_job("one", *urls(2)))
    found = check_jobs(chosen)
    assert found.level is CheckLevel.WARNING
    assert "2 pages queued, 0 running; no process has looked for one for" in found.detail
    assert "tintype worker" in found.remedy


def test_reports_a_store_that_fails(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    (chosen.data_dir / "jobs.db").mkdir(parents=True)
    assert check_jobs(chosen).level is CheckLevel.ERROR
