"""Verdicts on pages in a real browser, with page features and, as for a hosted engine, from pixels alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.site_server import SiteServer
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture, Verdict
from tintype.options import Options, Shot
from tintype.service.capturer import with_longer_delay
from tintype.service.classify.classifier import classify

pytestmark = pytest.mark.browser

PAGES = {
    "blank-white.html": "blank",
    "blank-dark.html": "blank",
    "blank-noise.html": "blank",
    "blank-faint-gradient.html": "blank",
    "blank-spinner.html": "blank",
    "blank-loading.html": "blank",
    "blank-covered.html": "blank",
    "blank-transparent-text.html": "blank",
    "one-sentence.html": "ok",
    "one-tiny-word.html": "ok",
    "dark-quiet.html": "ok",
    "gradient.html": "ok",
    "picture-only.html": "ok",
    "shadow.html": "ok",
    "canvas-late.html": "ok",
    "shell-late.html": "ok",
    "not-found-pretty.html?status=404": "error",
    "not-found-pretty.html?status=200": "error",
    "one-sentence.html?status=500": "error",
    "blank-white.html?status=503": "error",
    "error-by-title.html": "error",
    "not-found-soft.html": "error",
    "area-code.html": "ok",
    "about-404.html": "ok",
    "challenge-cloudflare.html?status=403": "challenge",
    "challenge-cloudflare.html": "challenge",
    "challenge-datadome.html?status=403": "challenge",
    "challenge-akamai.html?status=403": "challenge",
    "challenge-human.html?status=403": "challenge",
    "challenge-imperva.html": "challenge",
    "challenge-aws.html?status=405": "challenge",
    "challenge-recaptcha.html": "challenge",
    "contact-with-captcha.html": "ok",
    "about-challenges.html": "ok",
    "cloudflare-guarded.html": "ok",
    "login-page.html": "login",
    "login-page.html?status=401": "login",
    "login-split.html": "login",
    "login-bare.html": "login",
    "login-over-page.html": "login",
    "redirect?to=/signin.html": "login",
    "signin.html": "ok",
    "login-in-header.html": "ok",
    "login-in-header-short.html": "ok",
    "parked-sale.html": "parked",
    "parked-lander.html": "parked",
    "about-parking.html": "ok",
    "consent-wall.html": "consent",
    "consent-strip.html": "ok",
    "dialog-other.html": "ok",
    "article.html": "ok",
}
PIXELS_ALONE = {
    "blank-white.html": "blank",
    "blank-dark.html": "blank",
    "blank-noise.html": "blank",
    "blank-faint-gradient.html": "blank",
    "blank-covered.html": "blank",
    "one-sentence.html": "ok",
    "one-tiny-word.html": "ok",
    "dark-quiet.html": "ok",
    "gradient.html": "ok",
    "article.html": "ok",
    "not-found-pretty.html?status=404": "error",
}


def shot(site: SiteServer, page: str) -> Shot:
    return Options(url=site.url(f"/{page}"), block_ads=False, block_cookie_banners=False).capture_request().shot


@pytest.mark.parametrize(("page", "verdict"), PAGES.items(), ids=PAGES)
def test_classifies_the_page(page: str, verdict: str, engine: ChromiumEngine, site: SiteServer) -> None:
    requested = shot(site, page)
    assert classify(engine.capture(requested), requested.url) == verdict


@pytest.mark.parametrize(("page", "verdict"), PIXELS_ALONE.items(), ids=PIXELS_ALONE)
def test_classifies_by_pixels_alone(page: str, verdict: str, engine: ChromiumEngine, site: SiteServer) -> None:
    requested = shot(site, page)
    assert classify(_as_hosted(engine.capture(requested)), requested.url) == verdict


def test_second_attempt_captures_a_page_that_renders_late(engine: ChromiumEngine, site: SiteServer) -> None:
    requested = shot(site, "shell-very-late.html")
    assert classify(engine.capture(with_longer_delay(requested)), requested.url) == "ok"


def test_transparent_text_is_not_blank(engine: ChromiumEngine, site: SiteServer) -> None:
    options = Options(url=site.url("/one-sentence.html"), omit_background=True, css="p { color: white }")
    requested = options.capture_request().shot
    capture = engine.capture(requested)
    assert {classify(seen, requested.url) for seen in (capture, _as_hosted(capture))} == {Verdict.OK}


def test_page_features_are_bounded(engine: ChromiumEngine, site: SiteServer) -> None:
    for page in ("article.html", "challenge-datadome.html", "login-page.html"):
        assert 100 < len(str(engine.capture(shot(site, page)).features)) < 10_000


def _as_hosted(capture: Capture) -> Capture:
    return replace(capture, features={}, title="", final_url="")
