"""The playground: options are found by typing, named for people, and follow the device."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from harness.node import Node
from tests.playground.conftest import OpenPage
from tests.playground.page_driver import PageDriver

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(open_page: OpenPage, node: Node) -> PageDriver:
    return open_page(node)


def visible_options(tab: PageDriver) -> set[str]:
    """Names of the options whose fields are visible."""
    fields = tab.page.locator("[data-fields] > .field:visible .raw")
    return set(fields.all_inner_texts())


class TestSearch:
    @pytest.mark.parametrize(
        ("typed", "name"),
        [("cookie", "block_cookie_banners"), ("crop", "clip"), ("thumb_height", "thumb_height"), ("retina", "scale"),
         ("time zone", "timezone"), ("GDPR", "block_cookie_banners"), ("milliseconds", "delay"), ("pdf", "paper")],
    )  # fmt: skip
    def test_finds_an_option_by_words(self, tab: PageDriver, typed: str, name: str) -> None:
        tab.page.fill("#find-option", typed)
        assert name in visible_options(tab)
        assert "device" not in visible_options(tab)

    def test_announces_the_number_of_options(self, tab: PageDriver) -> None:
        tab.page.fill("#find-option", "landscape")
        expect(tab.find("find-none")).to_have_text("1 option")
        tab.page.fill("#find-option", "xyzzy")
        expect(tab.find("find-none")).to_have_text("No option matches “xyzzy”.")
        assert visible_options(tab) == set()

    def test_escape_restores_the_panel(self, tab: PageDriver) -> None:
        tab.page.fill("#find-option", "landscape")
        tab.page.press("#find-option", "Escape")
        assert tab.find("find-option").input_value() == ""
        assert {"device", "thumb_width", "format"} <= visible_options(tab)
        assert "landscape" not in visible_options(tab)

    def test_enter_in_it_requests_nothing(self, tab: PageDriver) -> None:
        tab.page.fill("#find-option", "delay")
        tab.page.press("#find-option", "Enter")
        assert tab.thumbnail_requests() == 0


class TestNames:
    def test_have_the_parameter_beside_them(self, tab: PageDriver) -> None:
        fresh = tab.page.get_by_role("checkbox", name="Take a new picture")
        assert fresh.get_attribute("id") == "fresh"
        assert tab.page.locator(".field:has(#fresh) .raw").inner_text() == "fresh"
        assert tab.find("device").evaluate("each => each.selectedOptions[0].text") == "Desktop, 1280 × 720"

    def test_numbers_have_units(self, tab: PageDriver) -> None:
        tab.expand_all()
        units = {
            name: tab.page.locator(f".field:has(#{name}) .unit").inner_text() for name in ("delay", "margin", "ttl")
        }
        assert units == {"delay": "ms", "margin": "mm", "ttl": "s"}

    def test_password_is_masked(self, tab: PageDriver) -> None:
        assert tab.find("basic_auth").get_attribute("type") == "password"


class TestDependentValues:
    def test_placeholders_follow_the_device(self, tab: PageDriver) -> None:
        tab.expand_all()
        tab.set_options(device="iphone-15")
        values = [tab.find(name).get_attribute("placeholder") for name in ("width", "height", "scale")]
        assert values == ["393", "852", "3"]
        tab.set_options(device="")
        assert tab.find("width").get_attribute("placeholder") == "1280"

    @pytest.mark.parametrize(
        ("options", "size"),
        [
            ({"thumb_width": "320"}, "320 × 180 px"),
            ({}, "Empty: full size, 1280 × 720 px"),
            ({"device": "iphone-15", "thumb_width": "393"}, "393 × 852 px"),
            ({"thumb_width": "320", "full_page": True}, "320 px wide; the height follows the page"),
        ],
    )
    def test_shows_the_size_of_the_thumbnail(self, tab: PageDriver, options: dict[str, str | bool], size: str) -> None:
        tab.set_options(**options)
        assert tab.text("thumb-size") == size

    def test_device_that_is_the_default_is_selected(self, open_page: OpenPage, node: Node) -> None:
        assert open_page(node, "/?device=desktop").find("device").input_value() == ""
