"""No page and no client reaches an internal address: a hostile site is captured while canaries record packets.

Each test is one run of :mod:`tests.security.canary_harness` in separate network namespaces. Two controls show that
the canaries record and that the attacks work without isolation.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.security.addresses import CANARY, INTERNAL, NUMERIC_SPELLINGS, OWN, SPELLINGS
from tests.security.navigation_attacks import NAVIGATIONS
from tests.support.paths import ROOT

pytestmark = pytest.mark.timeout(900)

_ENTER = ("unshare", "--net", "--mount", "--fork", "--kill-child")
VECTORS = 250
"""Minimum number of attempts of the vector page: techniques, and spellings of internal addresses."""


def missing() -> str:
    """Return what the harness lacks on this machine, or an empty string."""
    if os.geteuid() != 0:
        return "root"
    lacking = [tool for tool in ("unshare", "ip", "mount") if not shutil.which(tool)]
    if lacking:
        return f"the programs {', '.join(lacking)} (Debian: util-linux, iproute2)"
    trial = subprocess.run([*_ENTER, "ip", "link", "add", "trial", "type", "veth"], capture_output=True, check=False)
    return "" if trial.returncode == 0 else "a kernel that permits network namespaces"


@pytest.fixture(autouse=True, scope="module")
def _harness() -> None:
    if requirement := missing():
        pytest.skip(f"THE EGRESS GUARD IS NOT TESTED END TO END: the canary harness needs {requirement}")


def run_harness(mode: str, folder: Path) -> dict[str, Any]:
    """Run the harness once; returns its report: attempts, outcomes and recorded packets."""
    report = folder / "report.json"
    command = [*_ENTER, sys.executable, "-m", "tests.security.canary_harness", mode, str(report), "-v"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    return dict(json.loads(report.read_text()))


def run_until_recorded(expected: set[str], mode: str, folder: Path, paths: int = 0) -> dict[str, Any]:
    """Run a control, up to four times: on a slow machine the page may end before it has tried everything.

    Stops when the expected packets and a number of ``paths`` of canaries are recorded.
    """
    for _ in range(4):
        report = run_harness(mode, folder)
        if expected <= set(report["packets"]) and len(reached_paths(report)) >= paths:
            break
    return report


def reached_paths(report: dict[str, Any]) -> set[str]:
    """The attacks that reached a canary."""
    return {line.partition(" /hit/")[2] for line in report["canaries"]} & set(report["tried"])


def ended(report: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Outcomes of the captures of a kind, by name."""
    return {name: end for name, end in report["outcomes"].items() if name.startswith(kind)}


def assert_nothing_reached(report: dict[str, Any]) -> None:
    assert report["packets"] == {}
    assert report["canaries"] == []
    assert len(report["tried"]) >= VECTORS
    for name, end in report["outcomes"].items():
        assert end["title"] != "canary", name
        is_numeric = name in {f"direct {host}" for host in NUMERIC_SPELLINGS}
        expected = {"invalid-request"} if is_numeric else {"image", "target-denied", "not-a-page"}
        assert end["outcome"] in expected, (name, end)
        if end["outcome"] == "image":
            assert urlsplit(end["url"]).hostname in {"page.attacker.com", "six.attacker.com"}, name


def test_canaries_record_a_probe(tmp_path: Path) -> None:
    packets = run_harness("probe", tmp_path)["packets"]
    assert set(packets) == {
        f"{protocol} {address} {port}"
        for address in (*INTERNAL, "127.0.0.1", "::1", OWN)
        for protocol, port in (("TCP", 8000), ("UDP", 3478))
    }


@pytest.mark.browser
class TestShipped:
    def test_reaches_no_internal_address(self, tmp_path: Path) -> None:
        report = run_harness("shipped", tmp_path)
        assert_nothing_reached(report)
        assert (report["status"]["sandbox"], report["status"]["namespaces"]) == (True, True)
        assert len(ended(report, "navigation")) >= len(NAVIGATIONS)
        assert {name: end["outcome"] for name, end in ended(report, "direct").items()} == {
            f"direct {host}": "invalid-request" if host in NUMERIC_SPELLINGS else "target-denied" for host in SPELLINGS
        }
        assert ended(report, "public")["public"]["outcome"] == "image"
        assert {name for name in report["queries"] if not name.endswith(".attacker.com")} == set()


@pytest.mark.browser
class TestSingleLayer:
    def test_proxy_holds_without_namespaces_and_browser_checks(self, tmp_path: Path) -> None:
        report = run_harness("proxy-alone", tmp_path)
        assert_nothing_reached(report)
        assert report["status"]["namespaces"] is False

    def test_namespaces_hold_without_browser_flags_and_checks(self, tmp_path: Path) -> None:
        report = run_harness("namespaces-alone", tmp_path)
        assert_nothing_reached(report)
        assert report["status"]["namespaces"] is True


@pytest.mark.browser
class TestControls:
    def test_attacks_reach_canaries_without_isolation(self, tmp_path: Path) -> None:
        reached = {f"UDP {CANARY} 3478", f"TCP {CANARY} 3478", "UDP 127.0.0.1 3478"}
        report = run_until_recorded(reached, "unguarded", tmp_path, paths=80)
        packets = set(report["packets"])
        assert len(reached_paths(report)) >= 80
        assert {f"TCP {address} 80" for address in INTERNAL} <= packets
        assert {"TCP 127.0.0.1 8000", "TCP ::1 8000", f"TCP {OWN} 8000"} <= packets
        assert reached <= packets
        assert "canary" in {end["title"] for end in ended(report, "navigation").values()}
        assert "canary" in {end["title"] for end in ended(report, "direct").values()}

    def test_reaches_allowed_addresses_and_no_others(self, tmp_path: Path) -> None:
        reached = {f"TCP {CANARY} 80", f"TCP {CANARY} 3478"}
        report = run_until_recorded(reached, "opened", tmp_path)
        assert set(report["packets"]) >= reached
        assert {packet.split()[1] for packet in report["packets"]} == {CANARY}
        assert {packet.split()[0] for packet in report["packets"]} == {"TCP"}
