"""Host rules by suffix, and the list that comes with Tintype."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.chromium.hosts import HostRules, bundled
from tintype.egress import is_name, is_private_name

RULES = HostRules.parse(["# ads", "", "ads.example.com", "Tracker.NET.  # a comment", ".dotted.org"])


@pytest.mark.parametrize(
    "host",
    ["ads.example.com", "www.ads.example.com", "a.b.c.tracker.net", "TRACKER.net", "tracker.net.", "x.dotted.org"],
)
def test_a_domain_stands_for_everything_below_it(host: str) -> None:
    assert RULES.matches(host)


@pytest.mark.parametrize(
    "host", ["example.com", "myads.example.com", "xtracker.net", "net", "", ".", "tracker.net.org", "[::1]"]
)
def test_and_for_nothing_beside_it(host: str) -> None:
    assert not RULES.matches(host)


@given(st.text(max_size=300))
def test_any_text_has_an_answer(host: str) -> None:
    assert HostRules().matches(host) is False
    assert RULES.matches(host) in {True, False}


def test_a_capture_spares_the_host_it_is_of() -> None:
    spared = RULES.sparing("www.tracker.net")
    assert not spared.matches("www.tracker.net")
    assert not spared.matches("cdn.tracker.net")
    assert spared.matches("ads.example.com")
    assert RULES.sparing("example.com") is RULES


class TestTheBundledList:
    def test_is_of_several_hundred_well_formed_names(self) -> None:
        assert len(bundled().domains) > 400
        assert [name for name in bundled().domains if not is_name(name) or is_private_name(name)] == []

    def test_names_nothing_twice(self) -> None:
        domains = bundled().domains
        assert [name for name in domains if HostRules(domains - {name}).matches(name)] == []

    @pytest.mark.parametrize(
        "host",
        ["securepubads.g.doubleclick.net", "pagead2.googlesyndication.com", "www.google-analytics.com",
         "www.googletagmanager.com", "ib.adnxs.com", "c.amazon-adsystem.com", "cdn.taboola.com",
         "widgets.outbrain.com", "static.criteo.net", "static.hotjar.com", "bat.bing.com", "mc.yandex.ru"],
    )  # fmt: skip
    def test_knows_the_usual_ones(self, host: str) -> None:
        assert bundled().matches(host)

    @pytest.mark.parametrize(
        "host",
        ["example.com", "www.google.com", "fonts.googleapis.com", "fonts.gstatic.com", "www.gstatic.com",
         "ajax.googleapis.com", "maps.googleapis.com", "www.youtube.com", "i.ytimg.com", "use.typekit.net",
         "www.recaptcha.net", "js.hcaptcha.com", "challenges.cloudflare.com", "cdn.jsdelivr.net", "unpkg.com",
         "cdnjs.cloudflare.com", "code.jquery.com", "s3.amazonaws.com", "d111.cloudfront.net", "images.amazon.com",
         "m.media-amazon.com", "static.xx.fbcdn.net", "connect.facebook.net", "platform.twitter.com", "pbs.twimg.com",
         "disqus.com", "player.vimeo.com", "cdn.shopify.com", "js.stripe.com", "cdn.cookielaw.org",
         "consent.cookiebot.com", "cdn.optimizely.com", "kit.fontawesome.com", "i0.wp.com", "s.w.org",
         "upload.wikimedia.org", "raw.githubusercontent.com", "akamaihd.net", "fastly.net", "app.launchdarkly.com",
         "tile.openstreetmap.org", "api.mapbox.com", "secure.gravatar.com", "static.wixstatic.com",
         "images.squarespace-cdn.com", "tt.omtrdc.net", "www.bing.com", "yandex.ru", "www.baidu.com", "mail.ru",
         "www.reddit.com", "www.pinterest.com", "i.pinimg.com", "www.linkedin.com", "media.licdn.com",
         "www.hotjar.com"],
    )  # fmt: skip
    def test_leaves_what_makes_up_the_picture(self, host: str) -> None:
        assert not bundled().matches(host)
