"""Tests of what Tintype's processes do not import at start."""

from __future__ import annotations

import subprocess
import sys

DAEMON = """
import sys
from tintype.lean_imports import import_structlog_without_rich
import_structlog_without_rich()
assert "structlog" in sys.modules and "rich" not in sys.modules
import rich.console
import tintype.chromium.daemon
assert not {"pydantic", "tintype.options", "tintype.chromium.capture.page_capture"} & set(sys.modules)
"""
VERSION = """
import sys
from tintype import cli
assert cli.run(["--version"]) == 0
assert not {"structlog", "rich", "pydantic"} & set(sys.modules)
"""


def test_imports_structlog_without_rich_and_the_daemon_without_options() -> None:
    subprocess.run([sys.executable, "-c", DAEMON], check=True, timeout=60)


def test_prints_the_version_without_structlog() -> None:
    subprocess.run([sys.executable, "-c", VERSION], check=True, timeout=60, stdout=subprocess.DEVNULL)
