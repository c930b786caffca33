"""What our own processes leave out while they start."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from tintype import brief
brief.import_structlog()
assert "structlog" in sys.modules and "rich" not in sys.modules
import rich.console
import tintype.chromium.daemon
assert not {"pydantic", "tintype.options", "tintype.chromium.capture.page_capture"} & set(sys.modules)
"""


def test_structlog_comes_without_rich_which_can_still_be_had_and_the_daemon_starts_without_the_options() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
