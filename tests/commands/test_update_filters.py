"""Tests of ``tintype update-filters``."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.support.filter_list import LIST
from tests.support.terminal import Terminal


class TestUpdateFilters:
    def test_compiles_the_lists_that_the_settings_name(
        self, tintype: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        monkeypatch.setenv("TINTYPE_FILTER_LISTS", str(tmp_path / "list.txt"))
        assert tintype("update-filters") == 0
        assert "Our list: 8 rules, CC0" in tintype.out
        assert tintype.err == f"The lists are in {tmp_path}/data/filters.\n"
        assert (tmp_path / "data/filters/engine.dat").is_file()

    def test_reports_lists_that_failed_to_download(
        self, tintype: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        monkeypatch.setenv("TINTYPE_FILTER_LISTS", f"{tmp_path / 'list.txt'},{tmp_path / 'none.txt'}")
        assert tintype("update-filters") == 1
        assert "none.txt" in tintype.out
        assert (tmp_path / "data/filters/engine.dat").is_file()

    def test_requires_lists_in_the_settings(self, tintype: Terminal) -> None:
        assert tintype("update-filters") == 2
        assert "TINTYPE_FILTER_LISTS" in tintype.err

    def test_reports_a_folder_that_cannot_be_written(
        self, tintype: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "list.txt").write_text(LIST)
        (tmp_path / "data/filters/engine.dat/inside").mkdir(parents=True)
        monkeypatch.setenv("TINTYPE_FILTER_LISTS", str(tmp_path / "list.txt"))
        assert tintype("update-filters") == 1
        assert f"cannot write into {tmp_path / 'data/filters'}" in tintype.err
        assert "Traceback" not in tintype.err

    def test_reports_a_full_disk(self, tintype: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        (tmp_path / "list.txt").write_text(LIST)
        monkeypatch.setenv("TINTYPE_FILTER_LISTS", str(tmp_path / "list.txt"))
        monkeypatch.setattr("os.fsync", fail)
        assert tintype("update-filters") == 1
        assert "No space left on device" in tintype.err
        assert "Free disk space" in tintype.err
