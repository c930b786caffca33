"""Provenance of a release: an in-toto statement (v1) with the SLSA predicate (v1), not signed."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.release.archives import digest

BUILD_TYPE = "urn:tintype:build:make-release:v1"
INPUTS = ("pyproject.toml", "requirements.lock", "requirements-dev.lock", "requirements-release.lock", "Dockerfile")
"""Files of the repository that decide what is built, besides the sources."""


def statement(
    artefacts: Iterable[Path], inputs: Mapping[str, str], *, version: str, commit: str, begun: float, ended: float
) -> dict[str, Any]:
    """Which files were built, from which commit and inputs (SHA-256 by name), by what and when."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in sorted(artefacts)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"version": version, "tag": f"v{version}"},
                "internalParameters": {"python": platform.python_version(), "machine": platform.machine()},
                "resolvedDependencies": [
                    {"uri": "git+urn:tintype", "digest": {"gitCommit": commit}},
                    *({"uri": name, "digest": {"sha256": each}} for name, each in inputs.items()),
                ],
            },
            "runDetails": {
                "builder": {"id": "urn:tintype:builder:local"},
                "metadata": {
                    "invocationId": f"{commit}/{int(begun)}",
                    "startedOn": _timestamp(begun),
                    "finishedOn": _timestamp(ended),
                },
            },
        },
    }


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
