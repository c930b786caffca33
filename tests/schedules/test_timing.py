"""Times of schedules, over changes of daylight saving time and corrected clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tintype.schedules.model import ScheduleSpec
from tintype.schedules.timing import next_due, parse_cron, parse_every, parse_timezone

VIENNA = "Europe/Vienna"
SPEC = ScheduleSpec(job={"pages": ["https://a.org/"]}, pages=1)


def at(text: str, zone: str = VIENNA) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def times(cron: str, start: str, count: int, zone: str = VIENNA) -> list[str]:
    """The next times of an expression in local time, with the offset from UTC."""
    spec, now, found = replace(SPEC, cron=cron, timezone=zone), at(start, zone), []
    for _ in range(count):
        due = next_due(spec, 0.0, now)
        assert due is not None
        assert due > now
        now = due
        found.append(datetime.fromtimestamp(due, ZoneInfo(zone)).strftime("%m-%dT%H:%M%z"))
    return found


class TestEvery:
    @pytest.mark.parametrize(("text", "seconds"), [("15m", 900), ("6h", 21_600), ("1d", 86_400), ("2w", 1_209_600)])
    def test_reads_a_duration(self, text: str, seconds: float) -> None:
        assert parse_every(text) == seconds

    @pytest.mark.parametrize("value", ["14m", "31d", "1", "15 m", "-15m", "1.5h", "", 900, None, "99999999d", "1m15s"])
    def test_rejects_what_is_no_duration_in_its_range(self, value: object) -> None:
        with pytest.raises(ValueError, match="15m to 30d"):
            parse_every(value)

    def test_counts_from_the_creation(self) -> None:
        spec = replace(SPEC, every=900.0)
        assert [next_due(spec, 100.0, now) for now in (100.0, 999.9, 1000.0, 5000.0)] == [1000, 1000, 1900, 5500]

    def test_paused_schedule_has_no_time(self) -> None:
        assert next_due(replace(SPEC, every=900.0, paused=True), 0.0, 5.0) is None


class TestCron:
    @pytest.mark.parametrize("text", ["0 8 * * *", "*/15 * * * *", "0 8 * * MON-FRI", "30 23 L * *", "0 0 29 2 *"])
    def test_accepts_an_expression(self, text: str) -> None:
        assert parse_cron(text) == text

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("*/5 * * * *", "not 5"),
            ("0,55 0,23 * * *", "not 5"),
            ("* 8 * * *", "not 1"),
            ("0 0 8 * * *", "five fields"),
            ("0 8 * *", "five fields"),
            ("0 25 * * *", "Bad hour"),
            ("0 0 30 2 *", "Bad day"),
            ("@daily", "five fields"),
            ("0 8 * * *" + " " * 200, "five fields"),
            (5, "five fields"),
        ],
    )
    def test_rejects_an_expression(self, text: object, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            parse_cron(text)

    def test_times_are_in_the_time_zone(self) -> None:
        assert times("0 8 * * *", "2026-11-29T12:00", 1) == ["11-30T08:00+0100"]
        assert times("0 8 * * *", "2026-11-29T12:00", 1, "Asia/Kolkata") == ["11-30T08:00+0530"]

    def test_keeps_the_local_hour_over_both_changes(self) -> None:
        assert times("0 8 * * *", "2026-03-28T07:00", 3) == ["03-28T08:00+0100", "03-29T08:00+0200", "03-30T08:00+0200"]
        assert times("0 8 * * *", "2026-10-24T07:00", 3) == ["10-24T08:00+0200", "10-25T08:00+0100", "10-26T08:00+0100"]

    def test_skipped_time_is_due_right_after_the_gap(self) -> None:
        assert times("30 2 * * *", "2026-03-28T12:00", 2) == ["03-29T03:00+0200", "03-30T02:30+0200"]
        assert times("0,30 2 * * *", "2026-03-28T12:00", 2) == ["03-29T03:00+0200", "03-30T02:00+0200"]

    def test_repeated_time_is_due_once(self) -> None:
        assert times("30 2 * * *", "2026-10-24T12:00", 2) == ["10-25T02:30+0200", "10-26T02:30+0100"]

    def test_frequent_times_continue_in_the_repeated_hour(self) -> None:
        spec = replace(SPEC, cron="*/30 * * * *", timezone=VIENNA)
        due, found = at("2026-10-25T00:00"), []
        for _ in range(12):
            due = next_due(spec, 0.0, due) or 0.0
            found.append(due)
        assert {later - earlier for earlier, later in pairwise(found)} == {1800}

    def test_second_pass_of_the_repeated_hour_goes_forward(self) -> None:
        second_pass = at("2026-10-25T03:00") - 1200
        due = next_due(replace(SPEC, cron="50 2 * * *", timezone=VIENNA), 0.0, second_pass)
        assert due == at("2026-10-26T02:50")


@pytest.mark.parametrize("value", ["Europe/Wien2", "../etc/passwd", "/etc/localtime", "", 5, "UTC\0", "Europe"])
def test_rejects_an_unknown_time_zone(value: object) -> None:
    with pytest.raises(ValueError, match="IANA"):
        parse_timezone(value)


@pytest.mark.parametrize("parse", [parse_every, parse_cron, parse_timezone])
def test_rejects_lists(parse: Callable[[object], object]) -> None:
    with pytest.raises(ValueError, match="must"):
        parse(["15m"])
