"""SBOM of a release (CycloneDX 1.6, made by cyclonedx-py): every locked package with its licence."""

from __future__ import annotations

import json
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.release.commands import ROOT, CommandFailed, python

LICENCES = {"protobuf": "BSD-3-Clause"}
"""Licences of packages whose metadata contains none, as their LICENSE file states."""

Bom = dict[str, Any]


def write_sbom(path: Path, version: str, artefacts: Mapping[str, str], epoch: int) -> None:
    """Install the locked packages into a new environment and write its SBOM; raises CommandFailed.

    ``artefacts``: the SHA-256 of wheel and source archive, by file name.
    """
    with tempfile.TemporaryDirectory(prefix="tintype-sbom-") as folder:
        venv.create(folder, with_pip=False)
        target = str(Path(folder) / "bin" / "python")
        lock = str(ROOT / "requirements.lock")
        python("-m", "pip", "--python", target, "install", "--quiet", "--require-hashes", "-r", lock)
        text = python(
            *("-m", "cyclonedx_py", "environment", folder, "--pyproject", str(ROOT / "pyproject.toml")),
            *("--output-reproducible", "--spec-version", "1.6"),
            SOURCE_DATE_EPOCH=str(epoch),
        )
    write(path, complete(json.loads(text), version, artefacts))


def write(path: Path, bom: Bom) -> None:
    """Write an SBOM; raises CommandFailed if it does not conform to the schema of CycloneDX 1.6."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - only releases install it
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    text = json.dumps(bom, indent=2) + "\n"
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise CommandFailed(f"{path.name} is no valid SBOM: {problem.data}")
    path.write_text(text)


def complete(bom: Bom, version: str, artefacts: Mapping[str, str]) -> Bom:
    """The SBOM with version and archives of Tintype, and missing licences; raises CommandFailed if one is unknown."""
    root = bom["metadata"]["component"]
    root |= {"version": version, "purl": f"pkg:pypi/tintype@{version}"}
    root["externalReferences"] = [
        *root.get("externalReferences", ()),
        *(
            {"type": "distribution", "url": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for name, digest in artefacts.items()
        ),
    ]
    for component in bom["components"]:
        if not component.get("licenses") and component["name"] in LICENCES:
            component["licenses"] = [{"license": {"id": LICENCES[component["name"]], "acknowledgement": "concluded"}}]
    if unknown := [each["name"] for each in bom["components"] if not each.get("licenses")]:
        raise CommandFailed(f"packages without a licence: {', '.join(unknown)}; add them to LICENCES in sbom.py")
    return bom


def licences(bom: Bom) -> dict[str, str]:
    """The licences of each package, for people: an SPDX expression, or the names that the package declares."""
    return {
        component["name"]: ", ".join(
            str(each.get("expression") or each["license"].get("id") or each["license"]["name"])
            for each in component["licenses"]
        )
        for component in bom["components"]
    }
