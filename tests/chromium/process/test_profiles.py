"""Browser folders: kept while their daemon runs, removed after its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tintype.chromium.process import profiles
from tintype.chromium.process.profiles import ProfileRoot


@pytest.fixture(autouse=True)
def _own_temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_creates_a_profile_for_the_current_user_only() -> None:
    mine = ProfileRoot.create()
    profile = mine.new_profile()
    assert profile.stat().st_mode & 0o777 == 0o700
    assert mine.folder.stat().st_mode & 0o777 == 0o711
    mine.remove()
    assert not mine.folder.exists()
    mine.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_gives_a_profile_to_another_user() -> None:
    mine = ProfileRoot.create()
    assert mine.new_profile(65534, 65534).stat().st_uid == 65534
    mine.remove()


def test_keeps_the_folder_of_a_running_owner() -> None:
    first = ProfileRoot.create()
    second = ProfileRoot.create()
    assert first.folder.exists()
    assert first.folder != second.folder
    first.remove()
    second.remove()


def test_removes_the_folder_of_an_exited_owner(tmp_path: Path) -> None:
    program = (
        "import os; from tintype.chromium.process.profiles import ProfileRoot; t = ProfileRoot.create();"
        "(t.new_profile() / 'Default').mkdir(); print(t.folder, flush=True); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, check=False
    )
    left = Path(died.stdout.decode().strip())
    assert left.is_dir()
    mine = ProfileRoot.create()
    assert not left.exists()
    mine.remove()


def test_keeps_the_lock_of_a_folder_that_cannot_be_removed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_PAUSE", 0)
    mine = ProfileRoot.create()
    profile = mine.new_profile()
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # an exiting browser writes new files
    mine.remove()
    assert (mine.folder / "lock").exists()
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(mine.folder.parent))
    profiles.remove_stale()
    assert not profile.exists()
    assert not mine.folder.exists()


def test_removes_stale_folders_at_its_end_that_were_in_use_at_its_start() -> None:
    first, second = ProfileRoot.create(), ProfileRoot.create()
    os.close(first._lock)  # its owner was killed
    second.remove()
    assert not first.folder.exists()


def test_removes_a_folder_that_has_had_no_lock_for_a_minute(tmp_path: Path) -> None:
    half_made = tmp_path / "tintype-browser-2-new"
    half_made.mkdir()
    os.utime(half_made, (0, time.time() - 61))
    profiles.remove_stale()
    assert not half_made.exists()


def test_keeps_files_that_are_no_profile_folders(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    link = tmp_path / "tintype-browser-1-link"
    link.symlink_to(elsewhere)
    half_made = tmp_path / "tintype-browser-2-new"
    half_made.mkdir()
    profiles.remove_stale()
    assert (elsewhere / "lock").exists()
    assert half_made.exists()
