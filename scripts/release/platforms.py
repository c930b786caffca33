"""Check that every locked package installs without a compiler, on amd64 and arm64, with each supported Python."""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.release.commands import ROOT, CommandFailed, python

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
TAGS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
"""Platform tags that Debian 12 and later accept (glibc 2.36), in order of preference."""
SOURCE_ONLY = ("pyvips",)
"""Packages without a wheel that build without a compiler: without the headers of libvips pyvips is pure Python."""


def supported_pythons() -> list[str]:
    """Versions of Python in the classifiers of the project, such as ``3.12``."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    versions = (each.removeprefix("Programming Language :: Python :: ") for each in classifiers)
    return [version for version in versions if version.startswith("3.")]


def check_wheels() -> Iterator[str]:
    """Yield a line for each machine and Python; raises CommandFailed with the packages that have no wheel."""
    for machine, architecture in MACHINES.items():
        for version in supported_pythons():
            files = list(chosen_files(_resolve(architecture, version)))
            if built := [name for name in files if not name.endswith(".whl") and not name.startswith(SOURCE_ONLY)]:
                raise CommandFailed(f"no wheel for {machine}, Python {version}: {', '.join(built)}")
            binary = sum(architecture in name for name in files)
            yield f"{machine}, Python {version}: {len(files)} packages, {binary} of them with compiled code"


def chosen_files(report: dict[str, Any]) -> Iterator[str]:
    """Names of the files that pip chose, from its installation report."""
    for entry in report["install"]:
        yield entry["download_info"]["url"].rpartition("/")[2]


def _resolve(architecture: str, version: str) -> dict[str, Any]:
    platforms = [argument for tag in TAGS for argument in ("--platform", f"{tag}_{architecture}")]
    with tempfile.TemporaryDirectory(prefix="tintype-wheels-") as folder:
        report = Path(folder) / "report.json"
        python(
            *("-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps", "--require-hashes"),
            *("--only-binary", ":all:", "--no-binary", ",".join(SOURCE_ONLY), "--implementation", "cp"),
            *("--python-version", version, *platforms, "--target", folder, "--report", str(report)),
            *("-r", "requirements.lock"),
        )
        return dict(json.loads(report.read_text()))
