"""Host rules by suffix, and the lists that come with Tintype."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tintype.chromium.proxy.blocklist import Blocklists, DomainSet, bundled_domains, load_blocklists
from tintype.network.egress import is_name, is_private_name
from tintype.options import PageChanges

RULES = DomainSet.parse(["# ads", "", "ads.example.com", "Tracker.NET.  # a comment", ".dotted.org"])


@pytest.mark.parametrize(
    "host",
    ["ads.example.com", "www.ads.example.com", "a.b.c.tracker.net", "TRACKER.net", "tracker.net.", "x.dotted.org"],
)
def test_matches_a_domain_and_its_subdomains(host: str) -> None:
    assert RULES.matches(host)


@pytest.mark.parametrize(
    "host", ["example.com", "myads.example.com", "xtracker.net", "net", "", ".", "tracker.net.org", "[::1]"]
)
def test_matches_no_other_host(host: str) -> None:
    assert not RULES.matches(host)


@given(st.text(max_size=300))
def test_accepts_any_text_as_a_host(host: str) -> None:
    assert DomainSet().matches(host) is False
    assert RULES.matches(host) in {True, False}


class TestBlocklists:
    LISTS = Blocklists(*(DomainSet.parse([f"{name}.example"]) for name in ("ads", "trackers", "chats")))

    @staticmethod
    def blocked(host: str = "example.com", **options: Any) -> set[str]:
        rules = TestBlocklists.LISTS.for_options(PageChanges(**options), host)
        return {name.removesuffix(".example") for name in rules.domains} if rules else set()

    def test_block_every_list_by_default(self) -> None:
        assert self.blocked() == {"ads", "trackers", "chats"}

    @pytest.mark.parametrize("name", ["ads", "trackers", "chats"])
    def test_block_a_single_list(self, name: str) -> None:
        assert self.blocked("example.com", **{f"block_{name}": False}) == {"ads", "trackers", "chats"} - {name}
        others: dict[str, Any] = {f"block_{other}": False for other in ("ads", "trackers", "chats") if other != name}
        assert self.blocked("example.com", **others) == {name}

    def test_block_nothing_if_all_options_are_off(self) -> None:
        assert (
            self.LISTS.for_options(PageChanges(block_ads=False, block_trackers=False, block_chats=False), "a.b") is None
        )
        assert Blocklists().for_options(PageChanges(), "example.com") is None

    def test_ignore_a_list_that_contains_the_target(self) -> None:
        assert self.blocked("www.chats.example") == {"ads", "trackers"}


class TestBundledLists:
    @pytest.mark.parametrize(("name", "least"), [("advertising", 350), ("trackers", 150), ("chats", 50)])
    def test_contain_many_valid_names(self, name: str, least: int) -> None:
        domains = bundled_domains(name).domains
        assert len(domains) > least
        assert [name for name in domains if not is_name(name) or is_private_name(name)] == []

    def test_contain_no_duplicates(self) -> None:
        names = [
            *bundled_domains("advertising").domains,
            *bundled_domains("trackers").domains,
            *bundled_domains("chats").domains,
        ]
        assert len(names) == len(set(names))
        assert [name for name in names if DomainSet(frozenset(names) - {name}).matches(name)] == []

    def test_include_hosts_of_the_operator(self) -> None:
        assert load_blocklists(["mine.example"]).ads.matches("a.mine.example")

    @pytest.mark.parametrize(
        "host",
        ["securepubads.g.doubleclick.net", "pagead2.googlesyndication.com", "www.google-analytics.com",
         "www.googletagmanager.com", "ib.adnxs.com", "c.amazon-adsystem.com", "cdn.taboola.com",
         "widgets.outbrain.com", "static.criteo.net", "static.hotjar.com", "bat.bing.com", "mc.yandex.ru",
         "eu.i.posthog.com", "widget.intercom.io", "embed.tawk.to", "client.crisp.chat", "js.usemessages.com"],
    )  # fmt: skip
    def test_contain_common_hosts(self, host: str) -> None:
        rules = load_blocklists().for_options(PageChanges(), "example.com")
        assert rules
        assert rules.matches(host)

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
         "www.hotjar.com", "static.zdassets.com", "theme.zdassets.com", "downloads.intercomcdn.com", "www.intercom.com",
         "js.hs-scripts.com", "js.hsforms.net", "js.hs-banner.com", "assets.adobedtm.com", "tags.tiqcdn.com"],
    )  # fmt: skip
    def test_omit_hosts_that_pages_need(self, host: str) -> None:
        rules = load_blocklists().for_options(PageChanges(), "example.com")
        assert rules
        assert not rules.matches(host)
