"""Kept browser contexts: their limits, and the captures that may use one."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.support.browsers import shot
from tintype.chromium.kept_contexts import (
    MAX_AGE,
    MAX_BYTES,
    MAX_CAPTURES,
    MAX_CONTEXT_BYTES,
    TAB_IDLE,
    ContextHistory,
    KeptContext,
    KeptContexts,
    KeptTab,
    may_keep_tab,
    site_of,
)
from tintype.chromium.proxy.server import EgressProxy
from tintype.options import Credentials, Emulation, Navigation, PageChanges, Shot


def context(site: str, **history: Any) -> KeptContext:
    return KeptContext(site, cast("EgressProxy", None), site, ContextHistory(**{"created_at": 0.0, **history}))


def ids(contexts: list[KeptContext]) -> list[str]:
    return [each.id for each in contexts]


class TestKeptContexts:
    def test_gives_each_context_to_one_capture_of_its_site(self) -> None:
        kept = KeptContexts(2)
        assert kept.add(context("a"), 0) == []
        assert "a" in kept
        assert kept.take("b") is None
        taken = kept.take("a")
        assert taken
        assert taken.id == "a"
        assert kept.take("a") is None

    def test_removes_the_one_that_was_used_least_recently(self) -> None:
        kept = KeptContexts(2)
        for site in ("a", "b"):
            kept.add(context(site), 0)
        used = kept.take("a")
        assert used
        kept.add(used, 0)
        assert ids(kept.add(context("c"), 0)) == ["b"]

    def test_replaces_the_context_of_the_same_site(self) -> None:
        kept = KeptContexts(2)
        older = context("a")
        kept.add(older, 0)
        assert kept.add(context("a"), 0) == [older]
        assert len(kept) == 1

    @pytest.mark.parametrize(
        ("history", "now"),
        [({}, MAX_AGE), ({"captures": MAX_CAPTURES}, 0), ({"bytes": MAX_CONTEXT_BYTES + 1}, 0)],
    )
    def test_removes_a_context_over_a_limit(self, history: dict[str, int], now: float) -> None:
        kept = KeptContexts(2)
        assert ids(kept.add(context("a", **history), now)) == ["a"]
        assert len(kept) == 0

    def test_closes_the_tabs_that_were_not_used_lately_for_one_that_needs_their_memory(self) -> None:
        kept = KeptContexts(9, tab_memory=120)
        for number, site in enumerate("abc"):
            used = context(site)
            used.tab = KeptTab(site, frozenset(), 40, kept_at=number)
            kept.add(used, 0)
        assert kept.remove_idle_tabs(40, TAB_IDLE - 1) == []
        assert not kept.has_room_for(40)
        assert [tab.target for tab in kept.remove_idle_tabs(40, TAB_IDLE + 2)] == ["a"]
        assert kept.has_room_for(40)
        assert [tab.target for tab in kept.tabs] == ["b", "c"]
        assert len(kept) == 3

    def test_closes_no_tab_for_one_that_has_no_room_even_so(self) -> None:
        kept = KeptContexts(9, tab_memory=120)
        for site, kept_at in (("a", 0), ("b", TAB_IDLE), ("c", TAB_IDLE)):
            used = context(site)
            used.tab = KeptTab(site, frozenset(), 40, kept_at=kept_at)
            kept.add(used, 0)
        for memory in (61, 50):  # more than half of the memory; more than what is not in use
            assert kept.remove_idle_tabs(memory, TAB_IDLE) == []
        assert [tab.target for tab in kept.tabs] == ["a", "b", "c"]

    def test_one_tab_has_at_most_half_of_the_memory(self) -> None:
        kept = KeptContexts(9, tab_memory=100)
        assert kept.has_room_for(50)
        assert not kept.has_room_for(51)

    def test_finds_the_context_of_a_tab(self) -> None:
        kept = KeptContexts(9)
        used = context("a")
        used.tab = KeptTab("target", frozenset(), 1)
        kept.add(used, 0)
        assert kept.take_tab("other") is None
        assert kept.take_tab("target") is used
        assert len(kept) == 0

    def test_limits_the_bytes_of_all_contexts(self) -> None:
        kept = KeptContexts(9)
        share = MAX_BYTES // 3
        for site in ("a", "b", "c"):
            assert kept.add(context(site, bytes=share), 0) == []
        assert ids(kept.add(context("d", bytes=share), 0)) == ["a"]

    def test_knows_when_the_oldest_expires(self) -> None:
        kept = KeptContexts(2)
        assert kept.seconds_until_expiry(0) is None
        kept.add(context("a", created_at=5.0), 10)
        kept.add(context("b", created_at=9.0), 10)
        assert kept.seconds_until_expiry(10) == MAX_AGE - 5
        assert ids(kept.remove_expired(MAX_AGE + 5)) == ["a"]


class TestSiteOf:
    def test_equals_for_captures_of_one_origin(self) -> None:
        one, other = (Shot(navigation=Navigation(url=f"http://a.example.com/{path}")) for path in ("", "b?c"))
        assert site_of(one) == site_of(other)
        for url in ("https://a.example.com/", "http://b.example.com/", "http://a.example.com:8080/"):
            assert site_of(Shot(navigation=Navigation(url=url))) != site_of(one)

    @pytest.mark.parametrize(
        "parts",
        [
            {"emulation": Emulation(user_agent="Other/1")},
            {"emulation": Emulation(device="iphone-15")},
            {"emulation": Emulation(locale="de-DE")},
            {"page_changes": PageChanges(block_ads=False)},
            {"page_changes": PageChanges(block_trackers=False)},
            {"page_changes": PageChanges(block_chats=False)},
        ],
    )
    def test_distinguishes_what_servers_see_and_what_is_blocked(self, parts: dict[str, Any]) -> None:
        assert site_of(shot("a", **parts)) not in {"", site_of(shot("a"))}

    @pytest.mark.parametrize(
        "parts",
        [
            {"emulation": Emulation(width=400, dark_mode=True, timezone="Asia/Tokyo")},
            {"page_changes": PageChanges(css="p {}", click="p", block_cookie_banners=False)},
        ],
    )
    def test_does_not_distinguish_what_changes_no_response(self, parts: dict[str, Any]) -> None:
        assert site_of(shot("a", **parts)) == site_of(shot("a"))

    @pytest.mark.parametrize(
        "parts",
        [
            {"credentials": Credentials(headers=(("X-A", "1"),))},
            {"navigation": Navigation(url="http://a.example.com/", html="<p>")},
            {"page_changes": PageChanges(js="1")},
        ],
    )
    def test_returns_nothing_for_what_a_client_provides(self, parts: dict[str, Any]) -> None:
        assert site_of(Shot(**{"navigation": Navigation(url="http://a.example.com/"), **parts})) == ""


@pytest.mark.parametrize(
    "more",
    [
        {"emulation": Emulation(locale="de-DE")},
        {"emulation": Emulation(timezone="Asia/Tokyo")},
        {"emulation": Emulation(geolocation=(48.2, 16.4, 10.0))},
        {"emulation": Emulation(user_agent="Other/1")},
        {"emulation": Emulation(device="iphone-15")},
        {"page_changes": PageChanges(css="p {}")},
        {"page_changes": PageChanges(hide_selectors="p")},
        {"page_changes": PageChanges(js="1")},
        {"page_changes": PageChanges(click="p")},
    ],
)
def test_a_tab_is_kept_only_of_a_plain_page(more: dict[str, Any]) -> None:
    navigation = Navigation(url="http://a.example.com/")
    assert may_keep_tab(Shot(navigation=navigation))
    assert not may_keep_tab(Shot(navigation=navigation, **more))
