"""Shipped systemd units: systemd-analyze accepts them, and a node under their restrictions captures a page.

Nothing here is started by systemd: what a unit restricts is laid upon a node by other means, as far as a test may.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode
from tests.security.confined import UNPRIVILEGED, can_run_unprivileged
from tests.support.paths import ROOT
from tintype import backends
from tintype.cli import COMMANDS
from tintype.settings import NAMES, Settings

SHIPPED = ROOT / "deploy" / "systemd"
UNITS = ["tintype.service", "tintype-capture.service", "tintype-worker.service"]
NAMESPACES = {"user", "pid", "net", "mnt"}
"""Chromium's sandbox is made of the first three, the enclosure of user, net and mnt."""

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed (Debian: systemd)"
)


def directive(unit: str, name: str) -> list[str]:
    """Values of a directive, in order."""
    return re.findall(rf"^{name}=(.*)$", (SHIPPED / unit).read_text(), re.MULTILINE)


def settings(unit: str) -> dict[str, str]:
    """What a unit puts into the environment, uncommented or not, without what is not ours."""
    words = " ".join(re.findall(r"^#?Environment=(.*)$", (SHIPPED / unit).read_text(), re.MULTILINE)).split()
    return {name: value for name, value in (word.split("=", 1) for word in words) if name != "HOME"}


@pytest.mark.parametrize("unit", UNITS)
class TestUnits:
    def test_use_existing_settings_and_commands(self, unit: str) -> None:
        assert {name.removesuffix("_FILE") for name in settings(unit)} <= set(NAMES)
        (command,) = directive(unit, "ExecStart")
        assert command.split()[1] in COMMANDS

    def test_allow_the_namespaces_of_the_sandbox(self, unit: str) -> None:
        assert set(directive(unit, "RestrictNamespaces")[0].split()) == NAMESPACES
        assert directive(unit, "MemoryDenyWriteExecute") == [], "there would be no JavaScript"

    @needs_systemd
    def test_pass_systemd_analyze_verify(self, unit: str, tmp_path: Path) -> None:
        installed = (SHIPPED / unit).read_text().replace("/opt/tintype/.venv/bin/tintype", "/bin/true")
        (tmp_path / unit).write_text(installed)
        command = ["systemd-analyze", "verify", "--recursive-errors=no", str(tmp_path / unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if unit in line] == []
        assert done.returncode == 0

    @needs_systemd
    def test_pass_systemd_analyze_security(self, unit: str) -> None:
        """From 0.0, nothing to fear, to 10.0; 9.6 is a unit that says nothing."""
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(SHIPPED / unit)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("unit", [UNITS[0], UNITS[2]])
def test_stop_timeout_covers_the_shutdown_of_workers(unit: str) -> None:
    assert float(directive(unit, "TimeoutStopSec")[0]) > Settings.load({}, None).timeout + 15 + 10


def test_stop_timeout_covers_the_wait_of_clients() -> None:
    assert float(directive(UNITS[1], "TimeoutStopSec")[0]) > backends.capture_wait_timeout(Settings.load({}, None))


def test_env_example_lists_existing_settings() -> None:
    named = re.findall(r"^#?([A-Z_0-9]+)=", (SHIPPED / "tintype.env").read_text(), re.MULTILINE)
    assert {name.removesuffix("_FILE") for name in named} <= set(NAMES)


@needs_systemd
@pytest.mark.browser
@pytest.mark.skipif(not can_run_unprivileged(), reason="needs x86-64, kernel headers, and user namespaces")
def test_units_allow_captures(start_node: StartNode, site: SiteServer, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    (allowed,) = {value for unit in UNITS for value in directive(unit, "SystemCallFilter")}
    calls = sorted(expanded(allowed.split()))
    profile.write_text(json.dumps({"syscalls": [{"names": calls, "action": "SCMP_ACT_ALLOW"}]}))
    confined = (*UNPRIVILEGED, sys.executable, "-m", "tests.security.confined", str(profile))
    node = start_node(command=(*confined, sys.executable, "-m", "tintype", "serve"))
    answer = node.thumb(site.url("/plain.html"), thumb_width="320")
    assert (answer.status_code, answer.headers["x-cache"]) == (200, "MISS"), node.output()
    assert node.get("/ready").json()["warnings"] == []


def expanded(names: list[str]) -> set[str]:
    """System calls of a filter, sets resolved as systemd does."""
    found = {name for name in names if not name.startswith("@")}
    for group in set(names) - found:
        shown = subprocess.run(
            ["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True
        ).stdout
        members = [line.strip() for line in shown.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
        found |= expanded(members)
    return found
