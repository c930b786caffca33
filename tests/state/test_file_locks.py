"""File locks: the contract, and a folder that cannot be written."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import structlog

from tests.support.contracts.locks import LocksContract, OpenLocks
from tintype.state.file_locks import FileLocks


class TestContract(LocksContract):
    @pytest.fixture
    def open_locks(self, tmp_path: Path) -> OpenLocks:
        return functools.partial(FileLocks, tmp_path / "run" / "locks")


def test_names_share_a_bounded_number_of_files(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path, stripes=8)
    for number in range(100):
        with locks.hold(f"shot:{number}", 0) as held:
            assert held
    assert len(list(tmp_path.iterdir())) <= 8


def test_runs_unlocked_with_a_warning_if_the_folder_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    locks = FileLocks(tmp_path / "file" / "locks")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            with locks.hold("name", 1) as held:
                assert held
    assert [log["event"] for log in logs] == ["state_failed"]
    assert "file/locks" in logs[0]["location"]
