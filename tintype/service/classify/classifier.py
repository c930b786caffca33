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

_BRIEF = 1_500
"""Letters: a page that has more is about something, whatever words are in it."""
_TERSE = 600
_FEW_LINKS = 30
_COVERED = 0.5
"""Part of the view from which on what lies above is what the picture shows."""
_SPECKS = 9
"""Pixels: fewer are no letter."""
_SPINNER, _SPLASH = 0.0015, 0.02
"""Parts of the pixels that may be drawn on a page that says nothing, and on one that only says that it loads."""


@dataclass(frozen=True, slots=True)
class _PageView:
    """A capture with what is asked of it more than once."""

    capture: Capture
    asked: str
    """The address that was asked for."""
    signs: PageFeatures | None
    is_part: bool
    """One element or part of the page was asked for, which may well be of one colour."""

    @property
    def title(self) -> str:
        return self.capture.title.strip()

    @property
    def host(self) -> str:
        return _place(self.capture.final_url)[0]

    @property
    def path(self) -> str:
        return _place(self.capture.final_url)[1]

    @property
    def was_sent_elsewhere(self) -> bool:
        return bool(self.host) and _place(self.asked) != (self.host, self.path)

    def says(self, words: re.Pattern[str], within: int) -> bool:
        """Whether a page of at most so many letters says something, in title, headings or text."""
        if not self.signs or self.signs.letters > within:
            return False
        return any(words.search(text) for text in (self.title, *self.signs.headings, self.signs.sample))


def judge(capture: Capture, asked: str, *, is_part: bool = False) -> Verdict:
    """The verdict on what an engine brought from an address; one the engine itself passed stands.

    ``is_part``: only a part of the page was asked for.

    Raises EngineError when the picture cannot be read.
    """
    if capture.verdict is not Verdict.OK:
        return capture.verdict
    case = _PageView(capture, asked, PageFeatures.of(capture.signs), is_part)
    return next((verdict for verdict, holds in _RULES if holds(case)), Verdict.OK)


def _place(address: str) -> tuple[str, str]:
    """Host and path; an engine may answer anything."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.hostname or "", parts.path


def _is_challenge(case: _PageView) -> bool:
    if patterns.CHALLENGE_TITLES.search(case.title) and (not case.signs or case.signs.letters <= _BRIEF):
        return True
    if (signs := case.signs) is None or signs.letters > _BRIEF:
        return False
    if signs.marks & patterns.CHALLENGE_MARKS or case.says(patterns.CHALLENGE_WORDS, _BRIEF):
        return True
    walled = signs.marks & patterns.WIDGET_MARKS or any(patterns.CHALLENGE_FRAMES.search(f) for f in signs.frames)
    return bool(walled) and signs.letters <= _TERSE and not signs.login and signs.links <= _FEW_LINKS // 2


def _is_login(case: _PageView) -> bool:
    signs = case.signs
    if signs and signs.above.password and signs.above.share >= _COVERED:
        return True
    if signs and signs.login:
        outside = signs.letters - signs.login.letters
        is_large = signs.login.height >= 0.2 or 0.2 <= signs.login.place <= 0.9  # noqa: PLR2004 - parts of the view
        if is_large and outside <= _BRIEF and signs.links <= _FEW_LINKS:
            return True
    if not case.was_sent_elsewhere or (signs and signs.letters > _BRIEF):
        return False
    led_there = patterns.LOGIN_HOSTS.search(case.host) or patterns.LOGIN_PATHS.search(case.path)
    return bool(led_there) and (signs is None or case.says(patterns.LOGIN_WORDS, _BRIEF))


def _is_error(case: _PageView) -> bool:
    if case.capture.status >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
        return True
    if patterns.ERROR_TITLES.search(case.title) and (not case.signs or case.signs.letters <= _BRIEF):
        return True
    headings = case.signs.headings if case.signs and case.signs.letters <= _TERSE else ()
    return any(patterns.ERROR_HEADINGS.search(heading) for heading in headings)


def _is_parked(case: _PageView) -> bool:
    signs = case.signs
    if case.was_sent_elsewhere and patterns.PARKED_HOSTS.search(case.host):
        return True
    if signs is None or signs.letters > _BRIEF:
        return False
    framed = any(patterns.PARKED_HOSTS.search(frame.partition("/")[0]) for frame in signs.frames)
    return "parked" in signs.marks or framed or case.says(patterns.PARKED_WORDS, _BRIEF)


def _is_consent(case: _PageView) -> bool:
    if (signs := case.signs) is None:
        return False
    if signs.above.share >= _COVERED:
        return signs.above.consent or _asks_consent(signs.above.text)
    if case.was_sent_elsewhere and patterns.CONSENT_HOSTS.search(case.host):
        return signs.letters <= 2 * _BRIEF
    return signs.letters <= _BRIEF and signs.links <= _FEW_LINKS // 2 and _asks_consent(signs.sample)


def _asks_consent(text: str) -> bool:
    """Whether a text is about consent more than in passing, and leaves a choice."""
    topics = {found.group().lower() for found in patterns.CONSENT_WORDS.finditer(text)}
    return len(topics) > 1 and bool(patterns.CONSENT_CHOICES.search(text))


def _is_blank(case: _PageView) -> bool:
    signs, body = case.signs, case.capture.body
    if not case.capture.is_picture:
        return signs is not None and not (signs.letters or signs.media)
    if signs and patterns.LOADING.fullmatch(signs.sample) and not signs.media:
        return imaging.look(body).share < (_SPLASH if signs.seen else _SPINNER)
    if signs and (signs.seen or signs.media):
        return not case.is_part and imaging.is_one_colour(body)
    return imaging.look(body).ink < _SPECKS


_RULES: tuple[tuple[Verdict, Callable[[_PageView], bool]], ...] = (
    (Verdict.CHALLENGE, _is_challenge),
    (Verdict.LOGIN, _is_login),
    (Verdict.ERROR, _is_error),
    (Verdict.PARKED, _is_parked),
    (Verdict.CONSENT, _is_consent),
    (Verdict.BLANK, _is_blank),
)
"""In this order: a challenge and a login form come with statuses of errors."""
