"""Times of schedules: every so many seconds, or a cron expression in a time zone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tintype.schedules.model import ScheduleSpec

MIN_INTERVAL, MAX_INTERVAL = 15 * 60.0, 30 * 86_400.0
"""Seconds between two runs of a schedule."""
MAX_CRON = 100
"""Characters of a cron expression."""
EVERY = "a duration from 15m to 30d, such as 15m, 6h or 1d"
CRON = (
    "a cron expression of five fields (minute, hour, day of month, month, day of week) whose runs are at least 15"
    " minutes apart, such as 0 8 * * MON-FRI"
)
TIMEZONE = "an IANA time zone such as Europe/Vienna"
_DURATION = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d|w)")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_ZONE_NAME = re.compile(r"[A-Za-z0-9+_-]{1,40}(/[A-Za-z0-9+_-]{1,40}){0,2}")
_EXAMINED = 200
"""Times of an expression whose distances are checked: the hours and minutes of two days at least."""


def parse_every(value: object) -> float:
    """Seconds of a duration such as ``15m``; raises ValueError."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match or not MIN_INTERVAL <= (seconds := int(match[1]) * _UNITS[match[2]]) <= MAX_INTERVAL:
        raise ValueError(f"must be {EVERY}")
    return seconds


def parse_cron(value: object) -> str:
    """A cron expression that occurs, and not too often; raises ValueError."""
    text = " ".join(value.split()) if isinstance(value, str) and len(value) <= MAX_CRON else ""
    if len(text.split()) != 5:  # noqa: PLR2004 - the fields of cron; a sixth one would be seconds
        raise ValueError(f"must be {CRON}")
    try:
        times = [*islice(_occurrences(text, datetime(2024, 1, 1, tzinfo=UTC)), _EXAMINED)]
    except CronSimError as error:
        raise ValueError(f"must be {CRON} ({error})") from error
    if not times:
        raise ValueError("must be a cron expression that occurs")
    closest = min(((later - earlier).total_seconds() for earlier, later in pairwise(times)), default=MAX_INTERVAL)
    if closest < MIN_INTERVAL:
        raise ValueError(f"must have at least 15 minutes between two runs, not {closest / 60:.0f}")
    return text


def parse_timezone(value: object) -> str:
    """The name of a time zone; raises ValueError."""
    if isinstance(value, str) and _ZONE_NAME.fullmatch(value):
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, OSError, ValueError):
            pass
    raise ValueError(f"must be {TIMEZONE}")


def next_due(spec: ScheduleSpec, created_at: float, now: float) -> float | None:
    """The first time after ``now`` at which a schedule is due; None while it is paused.

    Intervals count from the creation, so that runs that take long or come late do not move the later ones. Times of a
    cron expression that daylight saving skips are due right after the gap, repeated ones once, as in Debian's cron.
    """
    if spec.paused:
        return None
    if spec.every:
        return created_at + (math.floor((now - created_at) / spec.every) + 1) * spec.every
    zone = ZoneInfo(spec.timezone)
    times = _occurrences(spec.cron, datetime.fromtimestamp(math.floor(now), zone))
    # Times in a gap of daylight saving can all be due right after it, so the next one may be the same again.
    return next((due for each in times if (due := each.timestamp()) > now), None)


def _occurrences(expression: str, start: datetime) -> Iterator[datetime]:
    """Times of an expression after a start; none if it has not occurred for 50 years."""
    return iter(CronSim(expression, start))
