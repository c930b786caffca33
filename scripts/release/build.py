"""Builds all parts of a release into one folder, with checksums, notes and provenance."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.release import archives, images, platforms, provenance, sbom
from scripts.release.commands import ROOT, CommandFailed, output_of

PARTS = ("packages", "install", "wheels", "site", "sbom", "images")
"""Parts of a release, in the order of their build; ``images`` contain the SBOM."""


def build(folder: Path, version: str, notes: str, parts: Sequence[str] = PARTS) -> None:
    """Empty the folder and build the parts into it; raises CommandFailed."""
    begun, epoch = time.time(), int(output_of("git", "log", "-1", "--format=%ct"))
    _empty(folder)
    if "packages" in parts:
        archives.build_packages(folder, epoch, capture=True)
        print("wheel and source archive: reproducible, metadata valid, installed, captured a page")
    if "install" in parts:
        _install_on_bare_system(folder)
    if "wheels" in parts:
        print(*platforms.check_wheels(), sep="\n")
    packages = {path.name: archives.digest(path) for path in sorted(folder.iterdir())}
    if "site" in parts:
        archives.build_site(folder / f"tintype-{version}-site.tar.gz", epoch)
        print("site: no dead links")
    if {"sbom", "images"} & set(parts):
        path = folder / f"tintype-{version}.cdx.json"
        sbom.write_sbom(path, version, packages, epoch)
        print(f"SBOM: {len(sbom.licences(json.loads(path.read_text())))} packages, each with a licence")
    if "images" in parts:
        _build_images(folder, version, epoch)
    (folder / "RELEASE-NOTES.md").write_text(f"# Tintype {version}\n\n{notes}\n")
    _write_provenance(folder, version, begun)
    archives.write_sums(folder)
    print(output_of("sha256sum", "--check", "--strict", "SHA256SUMS", folder=folder))
    print(f"{version} is ready in {folder}; this was a dry run: nothing is tagged or uploaded, nothing is signed")


def _empty(folder: Path) -> None:
    """Delete a former build; raises CommandFailed for a folder of other files."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "SHA256SUMS").exists():
        raise CommandFailed(f"{folder} contains other files: empty it, or name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _install_on_bare_system(folder: Path) -> None:
    wheel = next(folder.glob("*.whl"), None)
    if not wheel:
        raise CommandFailed("there is no wheel to install: build the part packages too")
    if os.geteuid() or not shutil.which("debootstrap"):
        print("installation with pipx on a bare Debian: SKIPPED, this machine lacks root or debootstrap")
        return
    output_of("scripts/bare-install.sh", str(wheel))
    print("installed with pipx on a bare Debian 12, captured a page")


def _build_images(folder: Path, version: str, epoch: int) -> None:
    """Build the images, or print what this machine lacks: the wheels of arm64 are checked in any case."""
    if missing := images.missing_tools():
        print(f"images: SKIPPED, this machine lacks {', '.join(missing)}")
        return
    bom = json.loads((folder / f"tintype-{version}.cdx.json").read_text())
    for architecture in images.ARCHITECTURES:
        reported = images.build_image(folder, version, architecture, bom, epoch)
        if not reported.endswith(version):
            raise CommandFailed(f"the image for {architecture} reports {reported!r}, not version {version}")
        print(f"image {architecture}: {reported}")


def _write_provenance(folder: Path, version: str, begun: float) -> None:
    inputs = {name: archives.digest(ROOT / name) for name in provenance.INPUTS}
    commit = output_of("git", "rev-parse", "HEAD")
    made = provenance.statement(
        list(folder.iterdir()), inputs, version=version, commit=commit, begun=begun, ended=time.time()
    )
    (folder / f"tintype-{version}.intoto.json").write_text(json.dumps(made, indent=2) + "\n")
