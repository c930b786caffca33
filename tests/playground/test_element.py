"""The playground: an element, chosen on the thumbnail by mouse and by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage
from tests.playground.page_driver import PageDriver

pytestmark = pytest.mark.browser
PAGE = "/nested-boxes.html"
"""A page of 1280 × 720 pixels: #shop contains #red (160 × 90) and beside it #blue (200 × 90); #far is below."""


@pytest.fixture
def tab(open_page: OpenPage, node: Node, site: SiteServer) -> PageDriver:
    tab = open_page(node, viewport={"width": 1440, "height": 900})
    tab.capture(site.url(PAGE))
    return tab


def open_tool(tab: PageDriver) -> None:
    """Press the button and wait until the elements are read."""
    tab.find("element-tool").press("Enter")
    expect(tab.page.get_by_role("button", name="Capture this element")).to_be_enabled()


def place(tab: PageDriver, x: float, y: float) -> tuple[float, float]:
    """Where a point of the page is on the screen, for thumbnails of the viewport."""
    box = tab.page.locator("#shown img").bounding_box()
    assert box
    return box["x"] + x / 1280 * box["width"], box["y"] + y / 720 * box["height"]


def expect_chosen(tab: PageDriver, text: str) -> None:
    expect(tab.find("element-value")).to_have_text(text)


class TestMouse:
    def test_outlines_the_smallest_element_below_the_pointer(self, tab: PageDriver) -> None:
        open_tool(tab)
        tab.page.mouse.move(*place(tab, 150, 150))
        expect_chosen(tab, "#red 160 × 90 px")
        tab.page.mouse.move(*place(tab, 150, 350))
        expect_chosen(tab, "#shop 600 × 300 px")
        outline, corner = tab.page.locator(".clip-box").bounding_box(), place(tab, 100, 100)
        assert outline
        assert (outline["x"], outline["y"]) == pytest.approx(corner, abs=2)

    def test_click_captures_the_element(self, tab: PageDriver) -> None:
        open_tool(tab)
        tab.page.mouse.click(*place(tab, 150, 150))
        tab.wait_idle()
        assert tab.find("selector").input_value() == "#red"
        assert tab.image_size == (160, 90)
        expect(tab.find("element-bar")).to_have_count(0)
        assert tab.find("element-tool").is_disabled()


class TestKeyboard:
    def test_moves_between_elements_and_captures(self, tab: PageDriver) -> None:
        open_tool(tab)
        expect_chosen(tab, "body 1280 × 2000 px")
        for key, chosen in (
            ("ArrowDown", "#shop 600 × 300 px"),
            ("ArrowDown", "#red 160 × 90 px"),
            ("ArrowRight", "#blue 200 × 90 px"),
            ("ArrowLeft", "#red 160 × 90 px"),
            ("ArrowUp", "#shop 600 × 300 px"),
        ):
            tab.page.keyboard.press(key)
            expect_chosen(tab, chosen)
        tab.page.keyboard.press("Enter")
        tab.wait_idle()
        assert tab.find("selector").input_value() == "#shop"
        assert tab.image_size == (600, 300)

    def test_escape_cancels_the_selection_only(self, tab: PageDriver) -> None:
        open_tool(tab)
        tab.page.keyboard.press("Escape")
        expect(tab.find("element-bar")).to_have_count(0)
        assert tab.page.evaluate("document.activeElement.id") == "element-tool"
        assert tab.find("selector").input_value() == ""
        assert tab.image_size == (1280, 720)

    def test_replaces_the_selection_of_an_area(self, tab: PageDriver) -> None:
        tab.page.click("#clip-tool")
        open_tool(tab)
        expect(tab.find("clip-bar")).to_have_count(0)
        tab.page.click("#clip-tool")
        expect(tab.find("element-bar")).to_have_count(0)
        expect(tab.find("clip-bar")).to_have_count(1)


class TestSource:
    def test_full_page_is_searched_below_the_viewport(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(full_page=True, thumb_width="640", scale="2")
        tab.capture(site.url(PAGE))
        open_tool(tab)
        for key in ("ArrowDown", "ArrowRight"):
            tab.page.keyboard.press(key)
        expect_chosen(tab, "#far 300 × 100 px")
        tab.set_options(thumb_width="")
        tab.find("element-value").wait_for()
        tab.page.get_by_role("button", name="Capture this element").click()
        tab.wait_idle()
        assert tab.image_size == (600, 200)
        assert not tab.find("full_page").is_checked()

    def test_reports_a_failure_in_the_bar(self, tab: PageDriver) -> None:
        tab.page.route("**/thumb?*elements=true*", lambda route: route.fulfill(status=503, body="busy"))
        tab.page.click("#element-tool")
        expect(tab.find("element-value")).to_contain_text("could not be read")
        assert tab.page.get_by_role("button", name="Capture this element").is_disabled()

    @pytest.mark.parametrize(
        "options", [{"selector": "#red"}, {"clip": "0,0,300,200"}, {"thumb_width": "300", "thumb_height": "300"}]
    )
    def test_excludes_thumbnails_of_a_part(self, tab: PageDriver, options: dict[str, str | bool]) -> None:
        tab.set_options(**options)
        tab.capture()
        assert tab.find("element-tool").is_disabled()
