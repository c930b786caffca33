"""Cores that a process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tintype import cores
from tintype.cores import available_cores


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a container without a CPU limit, on a machine with eight cores."""
    monkeypatch.setattr(cores, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    return tmp_path


@pytest.mark.usefixtures("cgroup")
def test_counts_the_cores_of_the_affinity() -> None:
    assert available_cores() == 8


@pytest.mark.parametrize(
    ("limit", "count"), [("150000 100000", 2), ("100000 100000", 1), ("1000 100000", 1), ("1600000 100000", 8)]
)
def test_rounds_the_limit_of_a_container_up(cgroup: Path, limit: str, count: int) -> None:
    (cgroup / "cpu.max").write_text(f"{limit}\n")
    assert available_cores() == count


@pytest.mark.parametrize("limit", ["max 100000", "", "0 0", "many"])
def test_ignores_a_file_without_a_limit(cgroup: Path, limit: str) -> None:
    (cgroup / "cpu.max").write_text(f"{limit}\n")
    assert available_cores() == 8


@pytest.mark.parametrize(("quota", "count"), [("400000", 4), ("-1", 8)])
def test_reads_the_limit_of_cgroup_version_1(cgroup: Path, quota: str, count: int) -> None:
    (cgroup / "cpu").mkdir()
    (cgroup / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (cgroup / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert available_cores() == count
