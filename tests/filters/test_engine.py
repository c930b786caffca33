"""Tests of the compiled filter lists: blocked requests and hidden elements."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.filter_list import LIST
from tintype.filters.engine import FilterEngine, FilterFile, NotCompiled, compile_lists, is_hosts

PAGE = "https://www.example.com/"


@pytest.fixture
def filters(tmp_path: Path) -> FilterEngine:
    (tmp_path / "engine.dat").write_bytes(compile_lists([LIST]))
    return FilterEngine.load(tmp_path / "engine.dat")


class TestBlocking:
    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("https://ads.example.net/x.png", "Image"),
            ("https://cdn.ads.example.net/frame", "Document"),
            ("https://cdn.example/banner/a/ad.js", "Script"),
        ],
    )
    def test_blocks_a_request_that_a_list_names(self, url: str, kind: str, filters: FilterEngine) -> None:
        assert filters.blocks(url, PAGE, kind)

    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("https://example.net/x.png", "Image"),
            ("https://cdn.example/banner/a/ad.js", "Image"),
            ("https://www.example.com/banner/a/ad.js", "Script"),
            ("https://example.org/banner/good/ad.js", "Script"),
            ("https://cdn.example/x", "SomethingNew"),
            ("not an address", "Script"),
        ],
    )
    def test_allows_a_request_that_no_list_names(self, url: str, kind: str, filters: FilterEngine) -> None:
        assert not filters.blocks(url, PAGE, kind)


class TestCosmeticRules:
    def test_hides_elements_by_the_url_of_the_page(self, filters: FilterEngine) -> None:
        assert ".promo" in filters.cosmetic_rules("https://news.example/today").selectors
        assert 'div[data-kind="advert"]' in filters.cosmetic_rules(PAGE).selectors
        assert ".promo" not in filters.cosmetic_rules(PAGE).selectors

    def test_hides_elements_by_class_names_on_the_page(self, filters: FilterEngine) -> None:
        hidden = filters.cosmetic_rules(PAGE)
        assert filters.hidden_by_class_or_id(["sponsored-box", "other"], [], hidden) == (".sponsored-box",)
        assert filters.hidden_by_class_or_id(["other"], ["top"], hidden) == ()

    def test_skips_names_with_lone_surrogates(self, filters: FilterEngine) -> None:
        rules = filters.cosmetic_rules(PAGE)
        named = filters.hidden_by_class_or_id(["sponsored-box"], ["box"], rules)
        assert named == (".sponsored-box",)
        assert filters.hidden_by_class_or_id(["\ud83d", "sponsored-box"], ["a\udc00", "box"], rules) == named

    def test_keeps_elements_that_a_list_excepts(self, filters: FilterEngine) -> None:
        assert (
            filters.hidden_by_class_or_id(["sponsored-box"], [], filters.cosmetic_rules("https://quiet.example/")) == ()
        )


class TestFilterFile:
    def test_loads_a_replaced_file_again(self, tmp_path: Path) -> None:
        file = FilterFile(tmp_path / "engine.dat")
        assert file.current() is None
        (tmp_path / "engine.dat").write_bytes(compile_lists([LIST]))
        first = file.current()
        assert first
        assert file.current() is first
        (tmp_path / "new").write_bytes(compile_lists(["||other.example^"]))
        (tmp_path / "new").replace(tmp_path / "engine.dat")
        second = file.current()
        assert second
        assert second.blocks("https://other.example/", PAGE, "Script")
        assert not second.blocks("https://ads.example.net/", PAGE, "Script")

    @pytest.mark.parametrize("body", [b"", b"junk", b"\0" * 5000])
    def test_treats_an_invalid_file_as_missing(self, body: bytes, tmp_path: Path) -> None:
        path = tmp_path / "engine.dat"
        path.write_bytes(body)
        with pytest.raises(NotCompiled):
            FilterEngine.load(path)
        assert FilterFile(path).current() is None


def test_recognises_lists_in_the_hosts_format() -> None:
    hosts = "# hosts\n0.0.0.0 ads.example.net\n0.0.0.0 count.example.net\n"
    assert is_hosts(hosts)
    assert not is_hosts(LIST)
    assert not is_hosts("")


def test_blocks_requests_that_a_hosts_list_names(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(compile_lists(["0.0.0.0 count.example.net\n"]))
    assert FilterEngine.load(tmp_path / "e").blocks("https://count.example.net/x", PAGE, "Script")
