"""The claim of a run folder: one machine at a time, whose end or crash frees the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tintype.errors import ConfigurationError
from tintype.state.machine_claim import MachineClaim


class TestMachineClaim:
    def test_workers_and_containers_of_one_machine_share_a_folder(self, tmp_path: Path) -> None:
        for _ in range(2):
            MachineClaim(tmp_path, "one").acquire()

    def test_machine_that_runs_keeps_others_out(self, tmp_path: Path) -> None:
        first = MachineClaim(tmp_path, "one")
        first.acquire()
        with pytest.raises(ConfigurationError, match="TINTYPE_STORAGE_DIR"):
            MachineClaim(tmp_path, "two", sleep=lambda _: first._beat()).acquire()

    def test_machine_that_crashed_is_replaced(self, tmp_path: Path) -> None:
        MachineClaim(tmp_path, "one").acquire()
        waited: list[float] = []
        MachineClaim(tmp_path, "two", sleep=waited.append).acquire()
        assert (tmp_path / "machine").read_text().startswith("two ")
        assert 10 < sum(waited) < 15

    def test_machine_that_ended_is_replaced_without_waiting(self, tmp_path: Path) -> None:
        first = MachineClaim(tmp_path, "one")
        first.acquire()
        first.close()
        MachineClaim(tmp_path, "two", sleep=lambda _: pytest.fail("waited")).acquire()

    @pytest.mark.parametrize("damage", ["folder", "random"])
    def test_damaged_file_keeps_no_machine_out(self, tmp_path: Path, damage: str) -> None:
        (tmp_path / "machine").mkdir() if damage == "folder" else (tmp_path / "machine").write_bytes(b"\xff\0random")
        MachineClaim(tmp_path, "one", sleep=lambda _: None).acquire()
