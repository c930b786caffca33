"""Idle cores, from readings of the idle time."""

from __future__ import annotations

import pytest

from tintype.chromium.process.machine_cpu import INTERVAL, IdleCores, Reading, read_cpu


def looks(*readings: Reading | None) -> list[bool]:
    """The results of one look for each reading."""
    cores = IdleCores(iter(readings).__next__)
    return [cores.take() for _ in readings]


@pytest.mark.parametrize(("idle", "expected"), [(0.0, False), (0.2, False), (0.6, True), (2.0, True)])
def test_half_a_core_has_to_be_idle(idle: float, expected: bool) -> None:
    assert looks(Reading(0, 0), Reading(0.2, 0.2 * idle)) == [False, expected]


def test_each_measurement_permits_one_capture() -> None:
    readings = (Reading(0, 0), Reading(0.2, 0.4), Reading(0.2 + INTERVAL / 2, 0.6), Reading(0.4, 0.8))
    assert looks(*readings) == [False, True, False, True]


def test_an_old_reading_permits_no_capture() -> None:
    assert looks(Reading(0, 0), Reading(60, 100), Reading(60.2, 100)) == [False, False, False]


def test_a_container_has_no_more_than_its_quota() -> None:
    start = Reading(0, 0, used=0, quota=1)
    assert looks(start, Reading(0.2, 10, used=0.19, quota=1)) == [False, False]
    assert looks(start, Reading(0.2, 10, used=0.05, quota=1)) == [False, True]


def test_no_core_is_idle_on_a_system_without_proc() -> None:
    assert looks(None, None) == [False, False]


def test_reads_this_machine() -> None:
    first, second = read_cpu(), read_cpu()
    assert first
    assert second
    assert 0 < first.idle <= second.idle
    assert first.time <= second.time
