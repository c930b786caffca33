"""Schedules in SQLite: the contract, corrected clocks, a restart of the machine."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tests.support.contracts.schedules import LEASE, OpenSchedules, SchedulesContract, begin, claim_due, new_schedule
from tests.support.fakes import Clock
from tintype.errors import BackendUnavailable
from tintype.state.sqlite_schedules import SqliteSchedules


class TestContract(SchedulesContract):
    @pytest.fixture
    def open_schedules(self, tmp_path: Path) -> OpenSchedules:
        return functools.partial(SqliteSchedules, tmp_path / "jobs.db")


class TestClocks:
    def test_corrected_time_of_day_ends_no_lease(self, tmp_path: Path) -> None:
        today, machine = Clock(), Clock()
        store = SqliteSchedules(tmp_path / "jobs.db", clock=today, monotonic=machine)
        store.create(new_schedule("one"))
        lease, run = begin(store)
        today.now += 1e6
        assert store.claim_running(LEASE) is None
        today.now -= 2e6
        assert store.extend(lease, LEASE)
        machine.now += LEASE + 1
        assert store.claim_running(LEASE)
        assert not store.release(lease, run, 1)

    def test_restarted_machine_ends_all_leases_and_pauses(self, tmp_path: Path) -> None:
        before = SqliteSchedules(tmp_path / "jobs.db", monotonic=lambda: 5000.0, boot_id=lambda: "first")
        for name in ("one", "two", "three"):
            before.create(new_schedule(name))
        paused, run = begin(before)
        assert before.release(paused, run, 600)
        begin(before)
        claim_due(before)
        after = SqliteSchedules(tmp_path / "jobs.db", monotonic=lambda: 10.0, boot_id=lambda: "second")
        assert after.claim_running(LEASE)
        assert after.claim_running(LEASE)
        assert after.claim_due(LEASE)


def test_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendUnavailable, match="see the log"):
        SqliteSchedules(tmp_path / "file" / "jobs.db").claim_due(LEASE)
