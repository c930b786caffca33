"""What does a picture deserve by its verdict? How long it is fresh, and whether it will do for who asks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tintype.errors import TargetError, UnusableCapture
from tintype.model import Capture, Freshness, Thumbnail, Verdict

TRANSIENT = Freshness(max_age=60.0, stale_for=3600.0)
"""Bounds of freshness for a picture of a state that will pass: an unfinished page, a server in trouble, a challenge."""
PERSISTENT = Freshness(max_age=3600.0, stale_for=86_400.0)
"""The same for one of a state that may last, but is not the page: it is missing, wants a login, was sold."""

_TRANSIENT_STATUSES = (408, 425, 429)  # Request Timeout, Too Early, Too Many Requests
_TRANSIENT_VERDICTS = {Verdict.BLANK, Verdict.CHALLENGE}
_REASONS = {
    Verdict.BLANK: "the page is blank",
    Verdict.CHALLENGE: "the page asks visitors to prove that they are human, or turns robots away",
    Verdict.LOGIN: "the page asks visitors to log in",
    Verdict.PARKED: "the domain is parked: there is no site",
    Verdict.CONSENT: "a consent dialog fills the page",
}


def is_unusable(picture: Thumbnail | Capture) -> bool:
    """Whether a picture shows something else than the page."""
    return picture.verdict is not Verdict.OK or picture.status >= 400  # noqa: PLR2004 - RFC 9110, 15.5


def is_transient(picture: Thumbnail | Capture) -> bool:
    """Whether a picture shows a state that will soon pass."""
    troubled = picture.status in _TRANSIENT_STATUSES or picture.status >= 500  # noqa: PLR2004 - RFC 9110, 15.6
    return picture.partial or troubled or picture.verdict in _TRANSIENT_VERDICTS


def freshness_for(freshness: Freshness, picture: Thumbnail | Capture) -> Freshness:
    """The freshness a picture deserves: what is not the page is soon looked at again."""
    if is_transient(picture):
        return _within(freshness, TRANSIENT)
    return _within(freshness, PERSISTENT) if is_unusable(picture) else freshness


def raise_for_verdict(picture: Thumbnail, fail_on: Collection[Verdict]) -> None:
    """Raise TargetError or UnusableCapture for a verdict that the caller would rather have as a failure."""
    if picture.verdict not in fail_on:
        return
    if picture.verdict is Verdict.ERROR:
        raise TargetError(f"the page answered with HTTP error {picture.status or ''}".rstrip())
    raise UnusableCapture(_REASONS[picture.verdict])


def _within(freshness: Freshness, bounds: Freshness) -> Freshness:
    max_age, stale_for = min(freshness.max_age, bounds.max_age), min(freshness.stale_for, bounds.stale_for)
    return replace(freshness, max_age=max_age, stale_for=stale_for)
