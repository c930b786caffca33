"""Whether a picture deserves to be kept as a good one."""

from __future__ import annotations

from dataclasses import replace

from tintype.model import Capture, Freshness, Thumbnail

PASSING_MAX_AGE = 60.0
PASSING_STALE_FOR = 3600.0
"""Bounds of freshness, in seconds, for a picture of a passing state."""

_PASSING = (408, 425, 429)  # Request Timeout, Too Early, Too Many Requests


def is_passing(picture: Thumbnail | Capture) -> bool:
    """Whether a picture shows a state that will pass: an unfinished page, a server in trouble."""
    return picture.partial or picture.status in _PASSING or picture.status >= 500  # noqa: PLR2004 - RFC 9110, 15.6


def deserved(freshness: Freshness, picture: Thumbnail | Capture) -> Freshness:
    """The freshness a picture deserves: a passing state is soon looked at again."""
    if not is_passing(picture):
        return freshness
    max_age, stale_for = min(freshness.max_age, PASSING_MAX_AGE), min(freshness.stale_for, PASSING_STALE_FOR)
    return replace(freshness, max_age=max_age, stale_for=stale_for)
