"""Release archives: the wheel installs and runs, and release.sh rejects an incomplete release."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tintype import __version__

PARTS = ("tintype", "scripts", "examples", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore")
NAMES = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}


def run(*command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False)


@pytest.mark.browser
def test_wheel_from_the_source_archive_installs_and_captures_a_page(tmp_path: Path) -> None:
    done = run(
        sys.executable, str(ROOT / "scripts/distribution.py"), "--offline", str(tmp_path / "dist"), folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a thumbnail of" in done.stdout
    names = sorted(path.name for path in (tmp_path / "dist").iterdir())
    assert names == ["SHA256SUMS", f"tintype-{__version__}-py3-none-any.whl", f"tintype-{__version__}.tar.gz"]
    assert run("sha256sum", "--check", "--strict", "SHA256SUMS", folder=tmp_path / "dist").returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The released files, in a separate repository without uncommitted changes."""
    folder = tmp_path / "project"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        assert run("git", *command, folder=folder, **NAMES).returncode == 0


def rehearse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("scripts/release.sh", *arguments, folder=folder, PYTHON=sys.executable, PYTHONPATH=str(folder), **NAMES)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
class TestReleaseScript:
    def test_reports_all_problems_together(self, project: Path) -> None:
        (project / "README.md").write_text("changed")
        run("git", "tag", "v99.0.0", folder=project)
        done = rehearse(project, "--dry-run", "99.0.0")
        assert done.returncode == 1
        for words in (
            "Uncommitted changes",
            "exists already",
            f"has version {__version__}, not 99.0.0",
            "has no section",
        ):
            assert words in done.stderr

    def test_prints_the_notes_and_changes_nothing(self, project: Path) -> None:
        log = project / "CHANGELOG.md"
        log.write_text(f"## [Unreleased]\n\n## [{__version__}] - 2026-11-23\n\n- News.\n\n## [0.0.1] - 2020-01-01\n")
        commit(project)
        done = rehearse(project, "--dry-run", __version__)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith("- News.\n")
        assert run("git", "status", "--porcelain", folder=project).stdout == ""
        assert run("git", "tag", folder=project).stdout == ""

    @pytest.mark.parametrize("version", ["", "1", "v1.2.3", "1.2.3-beta"])
    def test_requires_a_version(self, project: Path, version: str) -> None:
        assert rehearse(project, version).returncode == 2


def test_version_is_defined_once() -> None:
    files = [ROOT / "pyproject.toml", ROOT / "mkdocs.yml", *(ROOT / "tintype").rglob("*.py")]
    packages = [
        path.name
        for path in files
        if re.search(rf'^(__version__|version) = "{re.escape(__version__)}"', path.read_text(), re.MULTILINE)
    ]
    assert packages == ["__init__.py"]
