"""Builds the documentation site as ``make site`` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

TIMEOUT = 100.0
"""Seconds."""


def build_site(folder: Path) -> Path:
    """Build into a folder; pages that the menu leaves out, dead links and dead anchors are errors."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--site-dir",
        str(folder),
    ]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=TIMEOUT)
    assert built.returncode == 0, f"Every page of docs/ is in the nav of mkdocs.yml?\n{built.stdout}{built.stderr}"
    return folder
