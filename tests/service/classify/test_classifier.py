"""What is concluded from a page's account of itself, and that nothing in it can do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.support.fakes import png
from tintype.logs import LogThrottle
from tintype.model import Capture, Verdict
from tintype.service.classify import features
from tintype.service.classify.classifier import classify
from tintype.service.classify.features import PageFeatures

ASKED = "https://site.org/page"
DRAWN = png(64, 36, drawn=True)
PLAIN: dict[str, Any] = {
    "letters": 4000,
    "letters_in_view": 400,
    "sample": "Tides are the rise and fall of the sea. " * 50,
    "headings": ["Tides"],
    "media": 1,
    "links": 40,
    "frames": [],
    "marks": [],
    "overlay": {"share": 0.0, "text": "", "consent": False, "password": False},
    "login": None,
}
BRIEF = {**PLAIN, "letters": 120, "letters_in_view": 120, "sample": "A few words.", "links": 2, "media": 0}


def verdict(signs: dict[str, Any], **capture: Any) -> Verdict:
    seen = {"body": DRAWN, "width": 64, "height": 36, "taken_at": 0.0, "status": 200, "final_url": ASKED, **capture}
    return classify(Capture(**seen, features=signs), ASKED)


@pytest.mark.parametrize(
    ("final", "signs", "expected"),
    [
        ("https://login.site.org/start", {**BRIEF, "sample": "Sign in to go on"}, "login"),
        ("https://acme.okta.com/app/x", {**BRIEF, "sample": "Sign In"}, "login"),
        ("https://site.org/users/sign_in?to=%2Fpage", {**BRIEF, "sample": "Log in"}, "login"),
        ("https://site.org/wp-login.php", {**BRIEF, "sample": "Log In Lost your password?"}, "login"),
        ("https://site.org/login", PLAIN, "ok"),
        ("https://site.org/authors", {**BRIEF, "sample": "Our authors: sign in here"}, "ok"),
        ("https://account.site.org/", {}, "login"),
        ("https://www.site.org/page", {**BRIEF, "sample": "Welcome. Log in"}, "ok"),
        ("https://www.hugedomains.com/domain_profile.cfm", PLAIN, "parked"),
        ("https://consent.site.org/m?continue=x", {**BRIEF, "letters": 1800}, "consent"),
        ("https://site.org/page", {**BRIEF, "frames": ["www.sedoparking.com/site.org"]}, "parked"),
        ("https://site.org/page", {**BRIEF, "frames": ["challenges.cloudflare.com/turnstile"]}, "challenge"),
        ("https://site.org/page", {**PLAIN, "frames": ["challenges.cloudflare.com/turnstile"]}, "ok"),
        ("https://site.org/page", {**PLAIN, "marks": ["cloudflare"]}, "ok"),
        ("https://site.org/page", {**BRIEF, "sample": "We use cookies. Accept"}, "ok"),
    ],
)
def test_where_a_visitor_is_sent_counts(final: str, signs: dict[str, Any], expected: str) -> None:
    assert verdict(signs, final_url=final) == expected


@pytest.mark.parametrize("title", ["Just a moment...", "Attention Required! | Cloudflare", "Robot Check", "DDoS-Guard"])
def test_titles_of_walls_are_known_with_and_without_an_account(title: str) -> None:
    assert {verdict(signs, title=title, status=403) for signs in ({}, BRIEF)} == {Verdict.CHALLENGE}
    assert verdict(PLAIN, title=title) is Verdict.OK


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("404 Not Found", "error"),
        ("Error 500", "error"),
        ("Page not found", "error"),
        ("HTTP Error 404 - File or directory not found", "error"),
        ("503 Service Temporarily Unavailable", "error"),
        ("500 recipes for winter", "ok"),
        ("Top 404 hits", "ok"),
        ("Boeing 404", "ok"),
    ],
)
def test_titles_of_errors_are_known(title: str, expected: str) -> None:
    assert verdict(BRIEF, title=title) == expected


@pytest.mark.parametrize(("status", "expected"), [(200, "ok"), (304, "ok"), (0, "ok"), (400, "error"), (599, "error")])
def test_a_status_says_what_it_says(status: int, expected: str) -> None:
    assert {verdict(signs, status=status) for signs in ({}, PLAIN)} == {Verdict(expected)}


def test_the_verdict_of_an_engine_stands() -> None:
    assert verdict(PLAIN, verdict=Verdict.CHALLENGE) is Verdict.CHALLENGE


@pytest.mark.parametrize("final", ["", "http://[", "about:blank", "//", "https://[::1", "\0"])
def test_an_engine_may_say_anything_of_the_address(final: str) -> None:
    assert {verdict(signs, final_url=final) for signs in ({}, PLAIN)} == {Verdict.OK}


def test_an_account_that_makes_no_sense_is_none() -> None:
    assert PageFeatures.from_data({}) is None
    assert PageFeatures.from_data({**PLAIN, "overlay": None}) is None
    assert PageFeatures.from_data({**PLAIN, "letters": "many"}) is None
    assert PageFeatures.from_data(PLAIN)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(PLAIN)), inner, max_size=4),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(said=st.dictionaries(st.sampled_from(sorted(PLAIN)), _ANYTHING), title=st.text(max_size=60))
def test_whatever_a_page_says_there_is_a_verdict(said: dict[str, Any], title: str) -> None:
    assert verdict({**PLAIN, **said}, title=title, final_url=title) in Verdict


@pytest.mark.parametrize("letter", ["a ", "1.", "domain ", "access denied ", "\n\t ", "4 0 4 "])
def test_no_text_takes_long_to_read(letter: str) -> None:
    sample = letter * (2000 // len(letter))
    assert verdict({**BRIEF, "sample": sample, "headings": [sample[:80]] * 5}, title=sample[:300]) in Verdict


def test_logs_page_features_of_another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_invalid_log", LogThrottle())
    with capture_logs() as lines:
        assert PageFeatures.from_data({"letters": "many"}) is None
        assert PageFeatures.from_data({"letters": "many"}) is None
        assert PageFeatures.from_data({}) is None
    assert [(line["event"], line["log_level"]) for line in lines] == [("page_features_invalid", "warning")]
