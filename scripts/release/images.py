"""Container images of a release as archives for ``docker load``, with an SBOM of their Debian packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.release.commands import output_of
from scripts.release.sbom import write

ARCHITECTURES = ("amd64", "arm64")
TOOLS = ("debootstrap", "buildah")

Bom = dict[str, Any]


def missing_tools() -> list[str]:
    """What this machine lacks for images; empty if they can be built."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    return missing if os.geteuid() == 0 else ["root", *missing]


def build_image(folder: Path, version: str, architecture: str, python_packages: Bom, epoch: int) -> str:
    """Build one image with its SBOM into a folder; returns the version that it reports. Raises CommandFailed."""
    path = folder / f"tintype-{version}-image-{architecture}.tar"
    reported = output_of("scripts/release-image.sh", architecture, str(path), "full", SOURCE_DATE_EPOCH=str(epoch))
    listed = path.with_name(f"{path.name}.packages")
    bom = with_debian_packages(python_packages, listed.read_text().splitlines(), f"tintype:{version}-{architecture}")
    listed.unlink()
    write(path.with_suffix(".cdx.json"), bom)
    return reported


def with_debian_packages(python_packages: Bom, lines: Iterable[str], name: str) -> Bom:
    """The SBOM of an image: the Python packages of the release, and Debian packages.

    ``lines``: name, version, architecture and, separated by ``|``, the licences of a Debian package.
    """
    debian = []
    for line in lines:
        package, version, architecture, *licences = line.split(maxsplit=3)
        names = [name for name in "".join(licences).split("|") if name] or [f"see /usr/share/doc/{package}/copyright"]
        purl = f"pkg:deb/debian/{package}@{quote(version, safe='')}?arch={architecture}&distro=debian-12"
        debian.append(
            {
                "type": "library",
                "name": package,
                "version": version,
                "purl": purl,
                "bom-ref": purl,
                "licenses": [{"license": {"name": name}} for name in names],
            }
        )
    component = {**python_packages["metadata"]["component"], "type": "container", "name": name}
    metadata = {**python_packages["metadata"], "component": component}
    return {**python_packages, "metadata": metadata, "components": [*python_packages["components"], *debian]}
