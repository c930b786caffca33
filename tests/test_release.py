"""A release: the wheel installs and runs, an incomplete release is rejected, what is built is described exactly."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from scripts.release import archives, images, platforms, provenance, sbom
from scripts.release.commands import CommandFailed
from scripts.release.problems import current_version, notes
from tests.support.paths import ROOT
from tintype import __version__

PARTS = (
    *("tintype", "scripts", "examples", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore"),
    *provenance.INPUTS,
)
NAMES = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
CHANGELOG = f"## [Unreleased]\n\n## [{__version__}] - 2026-11-23\n\n- News.\n\n## [0.0.1] - 2020-01-01\n\n- Old.\n"


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
    """The released files, in a separate repository without uncommitted changes, ready to be released."""
    folder = tmp_path / "project"
    folder.mkdir()
    for part in dict.fromkeys(PARTS):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        assert run("git", *command, folder=folder, **NAMES).returncode == 0


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **NAMES}
    return run(sys.executable, "-m", "scripts.release", *arguments, folder=folder, **env)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
class TestReleasable:
    def test_reports_all_problems_together(self, project: Path) -> None:
        (project / "README.md").write_text("changed")
        run("git", "tag", "v99.0.0", folder=project)
        done = release(project, "99.0.0")
        assert (done.returncode, (project / "dist").exists()) == (1, False)
        for words in (
            "99.0.0 cannot be released:",
            "- Uncommitted changes (README.md): commit or remove them.",
            "- The tag v99.0.0 exists already: increase the version.",
            f"- tintype/__init__.py has version {__version__}, not 99.0.0: change one of them.",
            "- CHANGELOG.md has no section '## [99.0.0] - YYYY-MM-DD'",
        ):
            assert words in done.stderr

    @pytest.mark.parametrize(
        ("heading", "problem"),
        [
            (f"## [{__version__}]", "has no date"),
            (f"## [{__version__}] - soon", "has no date"),
            (f"## [{__version__}] - 2026-13-01", "has no date"),
            (f"## [{__version__}] - 2026-11-23\n\n## [0.0.1]", "has no text"),
        ],
    )
    def test_requires_a_section_with_date_and_text(self, project: Path, heading: str, problem: str) -> None:
        (project / "CHANGELOG.md").write_text(f"{heading}\n\n- News.\n")
        commit(project)
        done = release(project)
        assert done.returncode == 1
        assert f"The section {__version__} of CHANGELOG.md {problem}" in done.stderr

    @pytest.mark.parametrize("version", ["1", "v1.2.3", "1.2.3-beta"])
    def test_requires_a_version(self, project: Path, version: str) -> None:
        done = release(project, version)
        assert done.returncode == 1
        assert f"{version} is no version: write 1.2.3 or 1.2.3rc1." in done.stderr


class TestBuild:
    def test_writes_notes_provenance_and_sums_and_changes_nothing_else(self, project: Path) -> None:
        program = f"""
from pathlib import Path
from scripts.release.build import build
build(Path("dist").absolute(), {__version__!r}, "- News.", ())
"""
        done = run(sys.executable, "-c", program, folder=project, PYTHONPATH=str(project), PYTHONDONTWRITEBYTECODE="1")
        assert done.returncode == 0, done.stdout + done.stderr
        names = {path.name for path in (project / "dist").iterdir()}
        assert names == {"RELEASE-NOTES.md", f"tintype-{__version__}.intoto.json", "SHA256SUMS"}
        assert (project / "dist" / "RELEASE-NOTES.md").read_text() == f"# Tintype {__version__}\n\n- News.\n"
        head = run("git", "rev-parse", "HEAD", folder=project).stdout.strip()
        made = json.loads((project / "dist" / f"tintype-{__version__}.intoto.json").read_text())
        assert made["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"gitCommit": head}
        assert run("git", "status", "--porcelain", folder=project).stdout == ""
        assert run("git", "tag", folder=project).stdout == ""

    def test_deletes_no_other_files(self, project: Path) -> None:
        (project / "dist").mkdir()
        (project / "dist" / "letter.txt").write_text("mine")
        done = release(project, "--only", "wheels")
        assert done.returncode == 1
        assert "contains other files" in done.stderr
        assert (project / "dist" / "letter.txt").read_text() == "mine"

    def test_archives_have_the_same_bytes_whenever_and_by_whomever_they_are_packed(self, tmp_path: Path) -> None:
        for name, mode, time in (("one", 0o600, 1), ("two", 0o755, 2_000_000_000)):
            folder = tmp_path / name
            (folder / "below").mkdir(parents=True)
            for path in (folder / "index.html", folder / "below" / "a.css"):
                path.write_text("text")
                path.chmod(mode)
                os.utime(path, (time, time))
            archives.pack(folder, tmp_path / f"{name}.tar.gz", "site", 1_700_000_000)
        assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
        with tarfile.open(tmp_path / "one.tar.gz") as archive:
            assert archive.getnames() == ["site/below", "site/below/a.css", "site/index.html"]

    def test_notes_are_the_section_of_the_version(self) -> None:
        assert notes(CHANGELOG, __version__) == "- News."
        assert notes(CHANGELOG, "0.0.1") == "- Old."
        assert notes(CHANGELOG, "0.0") == ""


class TestProvenance:
    def test_names_each_artefact_by_digest(self, tmp_path: Path) -> None:
        wheel = tmp_path / "tintype.whl"
        wheel.write_bytes(b"wheel")
        made = provenance.statement([wheel], {"Dockerfile": "ab"}, version="1.2.3", commit="c0", begun=0, ended=60)
        assert made["subject"] == [{"name": "tintype.whl", "digest": {"sha256": archives.digest(wheel)}}]
        assert (made["_type"], made["predicateType"]) == (
            "https://in-toto.io/Statement/v1",
            "https://slsa.dev/provenance/v1",
        )
        definition, details = made["predicate"]["buildDefinition"], made["predicate"]["runDetails"]
        assert definition["externalParameters"] == {"version": "1.2.3", "tag": "v1.2.3"}
        assert definition["resolvedDependencies"][1] == {"uri": "Dockerfile", "digest": {"sha256": "ab"}}
        assert details["metadata"]["startedOn"] == "1970-01-01T00:00:00Z"
        assert details["metadata"]["finishedOn"] == "1970-01-01T00:01:00Z"

    def test_inputs_exist(self) -> None:
        assert [name for name in provenance.INPUTS if not (ROOT / name).exists()] == []


class TestSbom:
    def bom(self, **licences: list[dict]) -> dict:
        components = [{"name": name, "version": "1", "licenses": each} for name, each in licences.items()]
        return {"metadata": {"component": {"name": "tintype", "type": "application"}}, "components": components}

    def test_contains_version_archives_and_a_licence_of_each_package(self) -> None:
        made = sbom.complete(
            self.bom(click=[{"license": {"id": "BSD-3-Clause"}}], protobuf=[], flask=[{"expression": "MIT"}]),
            "1.2.3",
            {"tintype.whl": "ab"},
        )
        root = made["metadata"]["component"]
        assert (root["version"], root["purl"]) == ("1.2.3", "pkg:pypi/tintype@1.2.3")
        assert root["externalReferences"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab"}]
        assert sbom.licences(made) == {"click": "BSD-3-Clause", "protobuf": "BSD-3-Clause", "flask": "MIT"}

    def test_rejects_a_package_without_a_licence(self) -> None:
        with pytest.raises(CommandFailed, match=r"without a licence: secretive; add them to LICENCES"):
            sbom.complete(self.bom(secretive=[]), "1.2.3", {})

    def test_contains_debian_packages_of_an_image(self) -> None:
        made = images.with_debian_packages(
            self.bom(click=[{"expression": "MIT"}]),
            ["libc6 2.36-9+deb12u10 arm64 GPL-2|LGPL-2.1+ with exceptions", "apt 2.6.1 arm64 "],
            "tintype:1.2.3-arm64",
        )
        assert made["metadata"]["component"]["type"] == "container"
        assert sbom.licences(made) == {
            "click": "MIT",
            "libc6": "GPL-2, LGPL-2.1+ with exceptions",
            "apt": "see /usr/share/doc/apt/copyright",
        }
        assert made["components"][1]["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=arm64&distro=debian-12"


class TestPlatforms:
    def test_reads_the_supported_pythons_from_the_project(self) -> None:
        assert platforms.supported_pythons()[0] == "3.11"
        assert len(platforms.supported_pythons()) >= 3

    def test_reports_packages_without_a_wheel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(architecture: str, version: str) -> dict:
            names = [f"msgspec-1-cp311-cp311-manylinux_2_17_{architecture}.whl", "pyvips-3.2.0.tar.gz", "click-8.whl"]
            names += ["slow-1.tar.gz"] if (architecture, version) == ("aarch64", "3.12") else []
            return {"install": [{"download_info": {"url": f"https://example.com/{name}"}} for name in names]}

        monkeypatch.setattr(platforms, "_resolve", resolve)
        lines = platforms.check_wheels()
        assert next(lines) == "amd64, Python 3.11: 3 packages, 1 of them with compiled code"
        with pytest.raises(CommandFailed, match=r"no wheel for arm64, Python 3.12: slow-1.tar.gz"):
            list(lines)


def test_version_is_defined_once() -> None:
    files = [ROOT / "pyproject.toml", ROOT / "mkdocs.yml", *(ROOT / "tintype").rglob("*.py")]
    packages = [
        path.name
        for path in files
        if re.search(rf'^(__version__|version) = "{re.escape(__version__)}"', path.read_text(), re.MULTILINE)
    ]
    assert packages == ["__init__.py"]
    assert current_version() == __version__
