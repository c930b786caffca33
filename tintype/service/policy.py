"""Verdict policy: how long a capture is fresh by its verdict, and which verdicts raise an error."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum

from tintype.errors import TargetError, UnusableCapture
from tintype.model import Capture, Freshness, Thumbnail, Verdict

TRANSIENT = Freshness(max_age=60.0, stale_for=3600.0)
"""Upper bounds for a transient state: a partial capture, a server error, a blank page, a bot challenge."""
PERSISTENT = Freshness(max_age=3600.0, stale_for=86_400.0)
"""Upper bounds for a persistent state that is not the page: 404, login form, parked domain, consent dialog."""

_TRANSIENT_STATUSES = (408, 425, 429)  # Request Timeout, Too Early, Too Many Requests
_TRANSIENT_VERDICTS = {Verdict.BLANK, Verdict.CHALLENGE}
_REASONS = {
    Verdict.BLANK: "the page is blank",
    Verdict.CHALLENGE: "the page shows a bot challenge or blocks automated browsers",
    Verdict.LOGIN: "the page shows a login form",
    Verdict.PARKED: "the domain is parked",
    Verdict.CONSENT: "a consent dialog covers the page",
}


class BlankRetry(StrEnum):
    """Which engines capture a page a second time if the first capture is blank."""

    LOCAL = "local"
    """Engines of the operator; a hosted API may charge for each capture."""
    ALWAYS = "always"
    NEVER = "never"

    def applies_to(self, capture: Capture) -> bool:
        """Whether a capture with this verdict and this engine is repeated."""
        if capture.verdict is not Verdict.BLANK or self is BlankRetry.NEVER:
            return False
        return self is BlankRetry.ALWAYS or not capture.is_hosted


def is_unusable(image: Thumbnail | Capture) -> bool:
    """Whether an image does not show the page: by its verdict, or by an HTTP status of 400 or more."""
    return image.verdict is not Verdict.OK or image.status >= 400  # noqa: PLR2004 - RFC 9110, 15.5


def is_transient(image: Thumbnail | Capture) -> bool:
    """Whether an image shows a state that is likely to change within minutes."""
    is_transient_status = image.status in _TRANSIENT_STATUSES or image.status >= 500  # noqa: PLR2004 - RFC 9110, 15.6
    return image.partial or is_transient_status or image.verdict in _TRANSIENT_VERDICTS


def freshness_for(freshness: Freshness, image: Thumbnail | Capture) -> Freshness:
    """The freshness of an image: shorter if it does not show the page."""
    if is_transient(image):
        return _within(freshness, TRANSIENT)
    return _within(freshness, PERSISTENT) if is_unusable(image) else freshness


def raise_for_verdict(thumbnail: Thumbnail, fail_on: Collection[Verdict]) -> None:
    """Raise TargetError for an error page and UnusableCapture for another verdict in ``fail_on``."""
    if thumbnail.verdict not in fail_on:
        return
    if thumbnail.verdict is Verdict.ERROR:
        raise TargetError(f"the target returned HTTP error {thumbnail.status or ''}".rstrip())
    raise UnusableCapture(_REASONS[thumbnail.verdict])


def _within(freshness: Freshness, bounds: Freshness) -> Freshness:
    max_age, stale_for = min(freshness.max_age, bounds.max_age), min(freshness.stale_for, bounds.stale_for)
    return replace(freshness, max_age=max_age, stale_for=stale_for, kept_for=min(freshness.kept_for, bounds.retention))
