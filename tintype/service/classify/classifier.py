"""What does a picture show? Judged by HTTP status, the page's account of itself and, where that is in doubt, pixels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tintype import imaging
from tintype.model import Capture, Verdict
from tintype.service.classify import patterns
from tintype.service.classify.features import PageFeatures

_SHORT_PAGE_LETTERS = 1_500
"""Letters: a page that has more is about something, whatever words are in it."""
_VERY_SHORT_PAGE_LETTERS = 600
_FEW_LINKS = 30
_COVERING_SHARE = 0.5
"""Part of the view from which on what lies above is what the picture shows."""
_MIN_DRAWN_PIXELS = 9
"""Pixels: fewer are no letter."""
_MAX_SPINNER_SHARE, _MAX_SPLASH_SHARE = 0.0015, 0.02
"""Parts of the pixels that may be drawn on a page that says nothing, and on one that only says that it loads."""


@dataclass(frozen=True, slots=True)
class _PageView:
    """A capture with what is asked of it more than once."""

    capture: Capture
    requested_url: str
    """The address that was asked for."""
    features: PageFeatures | None
    is_part: bool
    """One element or part of the page was asked for, which may well be of one colour."""

    @property
    def title(self) -> str:
        return self.capture.title.strip()

    @property
    def host(self) -> str:
        return _host_and_path(self.capture.final_url)[0]

    @property
    def path(self) -> str:
        return _host_and_path(self.capture.final_url)[1]

    @property
    def was_redirected(self) -> bool:
        return bool(self.host) and _host_and_path(self.requested_url) != (self.host, self.path)

    def contains(self, pattern: re.Pattern[str], max_letters: int) -> bool:
        """Whether a page of at most so many letters says something, in title, headings or text."""
        if not self.features or self.features.letters > max_letters:
            return False
        return any(pattern.search(text) for text in (self.title, *self.features.headings, self.features.sample))


def classify(capture: Capture, requested_url: str, *, is_part: bool = False) -> Verdict:
    """The verdict on what an engine brought from an address; one the engine itself passed stands.

    ``is_part``: only a part of the page was asked for.

    Raises EngineError when the picture cannot be read.
    """
    if capture.verdict is not Verdict.OK:
        return capture.verdict
    page = _PageView(capture, requested_url, PageFeatures.from_data(capture.features), is_part)
    return next((verdict for verdict, holds in _CLASSIFIERS if holds(page)), Verdict.OK)


def _host_and_path(address: str) -> tuple[str, str]:
    """Host and path; an engine may answer anything."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.hostname or "", parts.path


def _is_challenge(page: _PageView) -> bool:
    if patterns.CHALLENGE_TITLES.search(page.title) and (
        not page.features or page.features.letters <= _SHORT_PAGE_LETTERS
    ):
        return True
    if (features := page.features) is None or features.letters > _SHORT_PAGE_LETTERS:
        return False
    if features.marks & patterns.CHALLENGE_MARKS or page.contains(patterns.CHALLENGE_WORDS, _SHORT_PAGE_LETTERS):
        return True
    walled = features.marks & patterns.WIDGET_MARKS or any(patterns.CHALLENGE_FRAMES.search(f) for f in features.frames)
    return (
        bool(walled)
        and features.letters <= _VERY_SHORT_PAGE_LETTERS
        and not features.login
        and features.links <= _FEW_LINKS // 2
    )


def _is_login(page: _PageView) -> bool:
    features = page.features
    if features and features.overlay.password and features.overlay.share >= _COVERING_SHARE:
        return True
    if features and features.login:
        outside = features.letters - features.login.letters
        is_large = features.login.height >= 0.2 or 0.2 <= features.login.vertical_position <= 0.9  # noqa: PLR2004 - parts of the view
        if is_large and outside <= _SHORT_PAGE_LETTERS and features.links <= _FEW_LINKS:
            return True
    if not page.was_redirected or (features and features.letters > _SHORT_PAGE_LETTERS):
        return False
    led_there = patterns.LOGIN_HOSTS.search(page.host) or patterns.LOGIN_PATHS.search(page.path)
    return bool(led_there) and (features is None or page.contains(patterns.LOGIN_WORDS, _SHORT_PAGE_LETTERS))


def _is_error(page: _PageView) -> bool:
    if page.capture.status >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
        return True
    if patterns.ERROR_TITLES.search(page.title) and (not page.features or page.features.letters <= _SHORT_PAGE_LETTERS):
        return True
    headings = page.features.headings if page.features and page.features.letters <= _VERY_SHORT_PAGE_LETTERS else ()
    return any(patterns.ERROR_HEADINGS.search(heading) for heading in headings)


def _is_parked(page: _PageView) -> bool:
    features = page.features
    if page.was_redirected and patterns.PARKED_HOSTS.search(page.host):
        return True
    if features is None or features.letters > _SHORT_PAGE_LETTERS:
        return False
    framed = any(patterns.PARKED_HOSTS.search(frame.partition("/")[0]) for frame in features.frames)
    return (
        bool(features.marks & patterns.PARKED_MARKS)
        or framed
        or page.contains(patterns.PARKED_WORDS, _SHORT_PAGE_LETTERS)
    )


def _is_consent(page: _PageView) -> bool:
    if (features := page.features) is None:
        return False
    if features.overlay.share >= _COVERING_SHARE:
        return features.overlay.consent or _asks_consent(features.overlay.text)
    if page.was_redirected and patterns.CONSENT_HOSTS.search(page.host):
        return features.letters <= 2 * _SHORT_PAGE_LETTERS
    return (
        features.letters <= _SHORT_PAGE_LETTERS and features.links <= _FEW_LINKS // 2 and _asks_consent(features.sample)
    )


def _asks_consent(text: str) -> bool:
    """Whether a text is about consent more than in passing, and leaves a choice."""
    topics = {found.group().lower() for found in patterns.CONSENT_WORDS.finditer(text)}
    return len(topics) > 1 and bool(patterns.CONSENT_CHOICES.search(text))


def _is_blank(page: _PageView) -> bool:
    features, body = page.features, page.capture.body
    if not page.capture.is_image:
        return features is not None and not (features.letters or features.media)
    if features and patterns.LOADING.fullmatch(features.sample) and not features.media:
        return imaging.measure_content(body).drawn_share < (
            _MAX_SPLASH_SHARE if features.letters_in_view else _MAX_SPINNER_SHARE
        )
    if features and (features.letters_in_view or features.media):
        return not page.is_part and imaging.is_one_colour(body)
    return imaging.measure_content(body).drawn_pixels < _MIN_DRAWN_PIXELS


_CLASSIFIERS: tuple[tuple[Verdict, Callable[[_PageView], bool]], ...] = (
    (Verdict.CHALLENGE, _is_challenge),
    (Verdict.LOGIN, _is_login),
    (Verdict.ERROR, _is_error),
    (Verdict.PARKED, _is_parked),
    (Verdict.CONSENT, _is_consent),
    (Verdict.BLANK, _is_blank),
)
"""In this order: a challenge and a login form come with statuses of errors."""
