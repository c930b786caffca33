"""Jobs in SQLite: the contract, a damaged file, a restart of the machine, a corrected clock."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from tests.support.contracts.jobs import GOOD, LEASE, LIMITS, JobsContract, OpenJobs, claim, new_job, urls
from tests.support.contracts.sitemap_jobs import SitemapJobsContract
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.jobs.model import NewJob, NewPage
from tintype.state.job_records import EXAMINED_JOBS
from tintype.state.sqlite_jobs import SqliteJobs


class TestContract(JobsContract, SitemapJobsContract):
    @pytest.fixture
    def open_jobs(self, tmp_path: Path) -> OpenJobs:
        return functools.partial(SqliteJobs, tmp_path / "folder" / "jobs.db")


class TestClocks:
    def test_corrected_time_of_day_ends_no_lease(self, tmp_path: Path) -> None:
        today, machine = Clock(), Clock()
        store = SqliteJobs(tmp_path / "jobs.db", clock=today, monotonic=machine)
        store.create(new_job("one"))
        lease = claim(store)
        today.now += 1e6
        assert store.claim(LIMITS, LEASE) is None
        today.now -= 2e6
        machine.now += LEASE + 1
        assert claim(store).token != lease.token

    def test_restarted_machine_ends_all_leases_and_pauses(self, tmp_path: Path) -> None:
        before = SqliteJobs(tmp_path / "jobs.db", monotonic=lambda: 5000.0, boot_id=lambda: "first")
        before.create(new_job("one", *urls(2)))
        lost = claim(before)
        before.release(claim(before), 600, GOOD)
        after = SqliteJobs(tmp_path / "jobs.db", monotonic=lambda: 10.0, boot_id=lambda: "second")
        assert sorted(claim(after).number for _ in range(2)) == [1, 2]
        assert not after.finish(lost, GOOD)


class TestFile:
    @pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\0" + bytes(4000)])
    def test_damaged_file_is_set_aside(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "jobs.db"
        path.write_bytes(content)
        store = SqliteJobs(path)
        with structlog.testing.capture_logs() as logs:
            store.create(new_job("one"))
        assert store.job("one")
        assert [entry["event"] for entry in logs] == ["damaged_file_replaced"]

    def test_folder_that_cannot_be_used_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(BackendUnavailable, match="see the log"):
            SqliteJobs(tmp_path / "file" / "jobs.db").state()

    def test_failed_submission_stores_nothing(self, tmp_path: Path) -> None:
        store = SqliteJobs(tmp_path / "jobs.db")
        broken = NewPage(url="https://a.example/", host="a.example", options=None)  # type: ignore[arg-type]
        with pytest.raises(BackendUnavailable):
            store.create(NewJob(id="one", pages=[*new_job("x").pages, broken]))
        assert store.job("one") is None
        assert store.state().queued == 0


def test_equal_options_are_stored_once(tmp_path: Path) -> None:
    options = ['{"css": "' + letter * 10_000 + '"}' for letter in "ab"]
    pages = [NewPage(url=url, host="a.example", options=options[index % 2]) for index, url in enumerate(urls(1000))]
    store = SqliteJobs(tmp_path / "jobs.db")
    store.create(NewJob(id="one", pages=pages))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000
    assert [claim(store).options for _ in range(3)] == [options[0], options[1], options[0]]


def test_blocked_jobs_do_not_starve_the_ones_behind_them(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteJobs(tmp_path / "jobs.db", clock=clock, monotonic=clock)
    for number in range(EXAMINED_JOBS + 2):
        store.create(new_job(f"blocked{number}", *urls(2, "busy.example")))
    store.create(new_job("free"))
    limits = replace(LIMITS, per_host=1)
    assert claim(store, limits).url.startswith("https://busy.example/")
    found = []
    for _ in range(3):
        clock.now += 1
        found.append(store.claim(limits, 1000))
    assert [lease.job for lease in found if lease] == ["free"]
