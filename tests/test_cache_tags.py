"""Tags of cached values: the prefixes of a URL, and texts that must not be readable."""

from __future__ import annotations

import pytest

from tests.support.service_harness import capture_request
from tintype import cache_tags


class TestPrefixes:
    @pytest.mark.parametrize(
        ("url", "prefixes"),
        [
            ("https://site.org/", ["https://site.org"]),
            ("https://site.org/?a=/b", ["https://site.org"]),
            ("https://site.org:8443/a/", ["https://site.org:8443", "https://site.org:8443/a"]),
            ("https://site.org/a/b.html?c#!d", ["https://site.org", "https://site.org/a", "https://site.org/a/b.html"]),
            ("https://site.org//a", ["https://site.org", "https://site.org//a"]),
            ("http://[2001:db8::1]/a", ["http://[2001:db8::1]", "http://[2001:db8::1]/a"]),
        ],
    )
    def test_end_at_segments_of_the_path(self, url: str, prefixes: list[str]) -> None:
        assert list(cache_tags.prefixes_of(url)) == prefixes

    def test_have_a_bounded_number(self) -> None:
        assert len(cache_tags.prefixes_of("https://site.org" + "/a" * 900)) == cache_tags.MAX_PREFIX_SEGMENTS + 1


class TestTags:
    def test_hide_the_url(self) -> None:
        found = cache_tags.tags_of(capture_request(url="https://site.org/a?token=hidden").shot, ("news",))
        assert not [tag for tag in found if "site" in tag or "hidden" in tag]
        assert len(found) == len(set(found)) == 5
        assert all(len(tag) <= 70 for tag in found)

    def test_contain_the_document_of_a_url_with_a_fragment(self) -> None:
        plain, prices = (capture_request(url=f"https://site.org/a{fragment}").shot for fragment in ("", "#prices"))
        assert cache_tags.page_tag(plain) != cache_tags.page_tag(prices)
        assert cache_tags.document_tag(plain.url) in cache_tags.tags_of(prices)
        assert [*filter(cache_tags.is_page_tag, cache_tags.tags_of(prices))] == [cache_tags.page_tag(prices)]
        assert set(cache_tags.tags_of(plain)) - {cache_tags.page_tag(plain)} <= set(cache_tags.tags_of(prices))

    def test_differ_for_pages_sent_as_html(self) -> None:
        one, other = (capture_request(url="http://html.invalid/", html=f"<p>{name}").shot for name in "ab")
        assert cache_tags.page_tag(one) != cache_tags.page_tag(other)
        assert cache_tags.tags_of(one)[1:] == cache_tags.tags_of(other)[1:]
