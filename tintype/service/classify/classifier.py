"""Page classifier: the verdict on a capture, by HTTP status, page features and, in doubt, pixels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tintype import imaging
from tintype.model import Capture, Verdict
from tintype.service.classify import patterns
from tintype.service.classify.features import PageFeatures
from tintype.service.classify.loading import is_loading_screen
from tintype.service.classify.loading_texts import LOADING

_SHORT_PAGE_LETTERS = 1_500
"""A page with more letters has real content, so a matching phrase proves nothing."""
_VERY_SHORT_PAGE_LETTERS = 600
_FEW_LINKS = 30
_BARE_LETTERS = 40
"""Letters beside a login form that is the whole page: a heading, or the name of the site."""
_COVERING_SHARE = 0.5
"""Share of the viewport from which an overlay counts as the content of the capture."""
_MIN_DRAWN_PIXELS = 9
"""Fewer drawn pixels are not a letter."""
_MAX_SPINNER_SHARE, _MAX_SPLASH_SHARE = 0.0015, 0.02
"""Largest share of drawn pixels of a blank page: without text, and with the text of a loading page only."""


_MAX_LOADING_TEXT = 200
"""Characters of the text of a page that is still loading."""


@dataclass(frozen=True, slots=True)
class _PageView:
    """A capture with the values that several classifiers use."""

    capture: Capture
    requested_url: str
    features: PageFeatures | None
    is_part: bool
    """Only an element or a region was requested: it may be of one colour."""

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
        """Whether title, headings or text match; always false for a page with more letters."""
        if not self.features or self.features.letters > max_letters:
            return False
        return any(pattern.search(text) for text in (self.title, *self.features.headings, self.features.sample))


def classify(capture: Capture, requested_url: str, *, is_part: bool = False) -> Verdict:
    """The verdict on a capture; a verdict of the engine other than OK is kept.

    ``is_part``: only an element or a region was requested. Raises EngineError if the image cannot be decoded.
    """
    if capture.verdict is not Verdict.OK:
        return capture.verdict
    page = _PageView(capture, requested_url, PageFeatures.from_data(capture.features), is_part)
    return next((verdict for verdict, holds in _CLASSIFIERS if holds(page)), Verdict.OK)


def _host_and_path(url: str) -> tuple[str, str]:
    """Host and path of a URL; empty if the text is not a URL: an engine may report any text."""
    try:
        parts = urlsplit(url)
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
    in_frame = any(patterns.CHALLENGE_FRAMES.search(frame) for frame in features.frames)
    has_widget = in_frame or bool(features.marks & patterns.WIDGET_MARKS)
    is_bare = features.letters <= _VERY_SHORT_PAGE_LETTERS and features.links <= _FEW_LINKS // 2
    return has_widget and is_bare and not features.login


def _is_login(page: _PageView) -> bool:
    features = page.features
    if features and features.overlay.password and features.overlay.share >= _COVERING_SHARE:
        return True
    if features and features.login:
        outside = features.letters - features.login.letters
        is_large = features.login.height >= 0.2 or 0.2 <= features.login.vertical_position <= 0.9  # noqa: PLR2004 - parts of the view
        if is_large and outside <= _SHORT_PAGE_LETTERS and features.links <= _FEW_LINKS:
            return True
        if _is_bare_login(page, features, outside):
            return True
    if not page.was_redirected or (features and features.letters > _SHORT_PAGE_LETTERS):
        return False
    is_login_url = patterns.LOGIN_HOSTS.search(page.host) or patterns.LOGIN_PATHS.search(page.path)
    return bool(is_login_url) and (features is None or page.contains(patterns.LOGIN_WORDS, _SHORT_PAGE_LETTERS))


def _is_bare_login(page: _PageView, features: PageFeatures, letters: int) -> bool:
    """Whether a small form at the top is all that the page has, or what its title or a heading names.

    ``letters``: those outside of the form.
    """
    if letters <= _BARE_LETTERS and not features.media:
        return True
    named = any(patterns.LOGIN_WORDS.search(text) for text in (page.title, *features.headings))
    return named and letters <= _VERY_SHORT_PAGE_LETTERS and features.links <= _FEW_LINKS // 3


def _is_error(page: _PageView) -> bool:
    if page.capture.status >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
        return True
    if patterns.ERROR_TITLES.search(page.title) and (not page.features or page.features.letters <= _SHORT_PAGE_LETTERS):
        return True
    features = page.features
    if features is None or features.letters > _VERY_SHORT_PAGE_LETTERS:
        return False
    if any(patterns.ERROR_HEADINGS.search(heading) for heading in features.headings):
        return True
    begins = (page.title, *features.headings, features.sample)
    return any(patterns.ERROR_STATUS.search(text) for text in begins) and page.contains(
        patterns.ERROR_WORDS, _VERY_SHORT_PAGE_LETTERS
    )


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
    """Whether a text names at least two topics of consent and offers a choice."""
    topics = {found.group().lower() for found in patterns.CONSENT_WORDS.finditer(text)}
    return len(topics) > 1 and bool(patterns.CONSENT_CHOICES.search(text))


def _says_loading(features: PageFeatures) -> bool:
    """Whether the page has no text, or only that of a page that is still loading."""
    return len(features.sample) <= _MAX_LOADING_TEXT and bool(LOADING.fullmatch(features.sample))


def _is_blank(page: _PageView) -> bool:
    features, body = page.features, page.capture.body
    if not page.capture.is_image:
        return features is not None and not (features.letters or features.media)
    loading = features.loading if features else None
    if loading and not page.is_part and is_loading_screen(body, page.capture.width, page.title, loading):
        return True
    if loading and features and not features.media and _says_loading(features):
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
"""In this order, because challenges and login forms often have an error status."""
