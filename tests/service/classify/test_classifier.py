"""Verdicts by page features, title, status and URL, also for malformed input."""

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

REQUESTED = "https://site.org/page"
DRAWN = png(64, 36, drawn=True)
LONG_PAGE: dict[str, Any] = {
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
    "loading": None,
}
LOADING = {
    "view": [64, 36],
    "text": "Loading…",
    "captions": [[20, 10, 20, 10]],
    "loaders": [[20, 10, 10, 10]],
    "unplaced": [[4, 4]],
    "pictures": [{"kind": "img", "box": [1, 1, 2, 2], "fills": True, "named": False, "moves": True}],
    "bars": [],
    "cover": None,
}
SHORT_PAGE = {**LONG_PAGE, "letters": 120, "letters_in_view": 120, "sample": "A few words.", "links": 2, "media": 0}


def verdict(signs: dict[str, Any], **capture: Any) -> Verdict:
    seen = {"body": DRAWN, "width": 64, "height": 36, "taken_at": 0.0, "status": 200, "final_url": REQUESTED, **capture}
    return classify(Capture(**seen, features=signs), REQUESTED)


@pytest.mark.parametrize(
    ("final", "signs", "expected"),
    [
        ("https://login.site.org/start", {**SHORT_PAGE, "sample": "Sign in to go on"}, "login"),
        ("https://acme.okta.com/app/x", {**SHORT_PAGE, "sample": "Sign In"}, "login"),
        ("https://site.org/users/sign_in?to=%2Fpage", {**SHORT_PAGE, "sample": "Log in"}, "login"),
        ("https://site.org/wp-login.php", {**SHORT_PAGE, "sample": "Log In Lost your password?"}, "login"),
        ("https://site.org/login", LONG_PAGE, "ok"),
        ("https://site.org/authors", {**SHORT_PAGE, "sample": "Our authors: sign in here"}, "ok"),
        ("https://account.site.org/", {}, "login"),
        ("https://www.site.org/page", {**SHORT_PAGE, "sample": "Welcome. Log in"}, "ok"),
        ("https://www.hugedomains.com/domain_profile.cfm", LONG_PAGE, "parked"),
        ("https://consent.site.org/m?continue=x", {**SHORT_PAGE, "letters": 1800}, "consent"),
        ("https://site.org/page", {**SHORT_PAGE, "frames": ["www.sedoparking.com/site.org"]}, "parked"),
        ("https://site.org/page", {**SHORT_PAGE, "frames": ["challenges.cloudflare.com/turnstile"]}, "challenge"),
        ("https://site.org/page", {**LONG_PAGE, "frames": ["challenges.cloudflare.com/turnstile"]}, "ok"),
        ("https://site.org/page", {**LONG_PAGE, "marks": ["cloudflare"]}, "ok"),
        ("https://site.org/page", {**SHORT_PAGE, "sample": "We use cookies. Accept"}, "ok"),
    ],
)
def test_considers_the_final_url(final: str, signs: dict[str, Any], expected: str) -> None:
    assert verdict(signs, final_url=final) == expected


@pytest.mark.parametrize("title", ["Just a moment...", "Attention Required! | Cloudflare", "Robot Check", "DDoS-Guard"])
def test_detects_challenge_titles_without_features(title: str) -> None:
    assert {verdict(signs, title=title, status=403) for signs in ({}, SHORT_PAGE)} == {Verdict.CHALLENGE}
    assert verdict(LONG_PAGE, title=title) is Verdict.OK


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
def test_detects_error_titles(title: str, expected: str) -> None:
    assert verdict(SHORT_PAGE, title=title) == expected


@pytest.mark.parametrize(
    ("title", "sample", "expected"),
    [
        ("Page 404 - Tabler", "404 Oops… You just found an error page. Take me home", "error"),
        ("Acme", "404 The page you are looking for does not exist. Home", "error"),
        ("Acme", "404 Diese Seite wurde nicht gefunden.", "error"),
        ("Acme", "Error 503: something went wrong, try again.", "error"),
        ("Acme", "404 is the area code of Atlanta.", "ok"),
        ("Page 404 – Moby Dick", "Call me Ishmael.", "ok"),
        ("500 Days", "500 days of summer.", "ok"),
        ("Lost and found", "Your keys were not found yet.", "ok"),
    ],
)
def test_detects_error_pages_with_status_200(title: str, sample: str, expected: str) -> None:
    assert verdict({**SHORT_PAGE, "headings": [], "sample": sample}, title=title) == expected


@pytest.mark.parametrize(
    ("title", "changes", "expected"),
    [
        ("Acme", {"letters": 30, "headings": ["Log in"]}, "login"),
        ("Acme", {"letters": 30, "headings": []}, "login"),
        ("Sign in · Acme", {"letters": 300}, "login"),
        ("Acme", {"letters": 300, "headings": ["Anmelden"]}, "login"),
        ("Acme", {"letters": 300, "headings": ["Harbour club"]}, "ok"),
        ("Acme", {"letters": 30, "headings": [], "media": 1}, "ok"),
        ("Sign in · Acme", {"letters": 300, "links": 25}, "ok"),
        ("Sign in · Acme", {"letters": 1400}, "ok"),
    ],
)
def test_detects_bare_login_pages(title: str, changes: dict[str, Any], expected: str) -> None:
    form = {"height": 0.05, "vertical_position": 0.1, "letters": 20}
    assert verdict({**SHORT_PAGE, "login": form, **changes}, title=title) == expected


@pytest.mark.parametrize(("status", "expected"), [(200, "ok"), (304, "ok"), (0, "ok"), (400, "error"), (599, "error")])
def test_classifies_by_status(status: int, expected: str) -> None:
    assert {verdict(signs, status=status) for signs in ({}, LONG_PAGE)} == {Verdict(expected)}


def test_keeps_the_verdict_of_the_engine() -> None:
    assert verdict(LONG_PAGE, verdict=Verdict.CHALLENGE) is Verdict.CHALLENGE


@pytest.mark.parametrize("final", ["", "http://[", "about:blank", "//", "https://[::1", "\0"])
def test_accepts_any_final_url(final: str) -> None:
    assert {verdict(signs, final_url=final) for signs in ({}, LONG_PAGE)} == {Verdict.OK}


def test_ignores_features_of_another_shape() -> None:
    assert PageFeatures.from_data({}) is None
    assert PageFeatures.from_data({**LONG_PAGE, "overlay": None}) is None
    assert PageFeatures.from_data({**LONG_PAGE, "letters": "many"}) is None
    assert PageFeatures.from_data(LONG_PAGE)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("name", ["letters", "letters_in_view", "media", "links"])
def test_ignores_features_with_infinite_counts(name: str, number: float) -> None:
    assert PageFeatures.from_data({**LONG_PAGE, name: number}) is None
    assert verdict({**LONG_PAGE, name: number}) is Verdict.OK


def test_ignores_features_with_numbers_that_no_float_can_represent() -> None:
    assert PageFeatures.from_data({**LONG_PAGE, "overlay": {**LONG_PAGE["overlay"], "share": 10**400}}) is None


@pytest.mark.parametrize("name", LOADING)
@pytest.mark.parametrize("value", [None, 1, "x", [1], [[1, 2]], [["a"]], {}, [[float("inf")] * 4], [{}]])
def test_ignores_loading_features_of_another_shape(name: str, value: Any) -> None:
    signs = {**SHORT_PAGE, "loading": {**LOADING, name: value}}
    assert verdict(signs) in Verdict
    assert PageFeatures.from_data({**SHORT_PAGE, "loading": LOADING})


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(LONG_PAGE)), inner, max_size=4),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.dictionaries(st.sampled_from(sorted(LONG_PAGE)), _ANYTHING), title=st.text(max_size=60))
def test_returns_a_verdict_for_any_features(data: dict[str, Any], title: str) -> None:
    assert verdict({**LONG_PAGE, **data}, title=title, final_url=title) in Verdict


@pytest.mark.parametrize("letter", ["a ", "1.", "domain ", "access denied ", "\n\t ", "4 0 4 "])
def test_matches_long_texts_in_linear_time(letter: str) -> None:
    sample = letter * (2000 // len(letter))
    assert verdict({**SHORT_PAGE, "sample": sample, "headings": [sample[:80]] * 5}, title=sample[:300]) in Verdict


def test_logs_page_features_of_another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_invalid_log", LogThrottle())
    with capture_logs() as lines:
        assert PageFeatures.from_data({"letters": "many"}) is None
        assert PageFeatures.from_data({"letters": "many"}) is None
        assert PageFeatures.from_data({}) is None
    assert [(line["event"], line["log_level"]) for line in lines] == [("page_features_invalid", "warning")]
