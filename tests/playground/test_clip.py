"""The playground: the clip rectangle, drawn on the thumbnail by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage
from tests.playground.page_driver import PageDriver

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(open_page: OpenPage, node: Node, site: SiteServer) -> PageDriver:
    """A page with a thumbnail of one viewport, 1280 × 720."""
    tab = open_page(node, viewport={"width": 1440, "height": 900})
    tab.capture(site.url("/plain.html?clip"))
    return tab


def drag(tab: PageDriver, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse between two points of the thumbnail, given as shares of its size."""
    box = tab.page.locator("#shown img").bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    tab.page.mouse.move(*points[0])
    tab.page.mouse.down()
    tab.page.mouse.move(*points[1], steps=4)
    tab.page.mouse.up()


def clip(tab: PageDriver) -> list[int]:
    return [int(part) for part in tab.find("clip").input_value().split(",")]


class TestMouse:
    def test_draws_a_rectangle_in_pixels_of_the_page(self, tab: PageDriver) -> None:
        tab.page.click("#clip-tool")
        drag(tab, (0.6, 0.9), (0.99, 0.7))
        tab.page.get_by_role("button", name="Capture this area").click()
        tab.wait_idle()
        expected = [0.6 * 1280, 0.7 * 720, 0.39 * 1280, 0.2 * 720]
        assert clip(tab) == pytest.approx(expected, abs=4)
        assert tab.image_size == tuple(clip(tab)[2:])
        expect(tab.find("clip-bar")).to_have_count(0)

    def test_moves_and_resizes_the_rectangle(self, tab: PageDriver) -> None:
        tab.page.click("#clip-tool")
        expect(tab.find("clip-value")).to_have_text("640 × 360 px at 320, 180")
        drag(tab, (0.5, 0.5), (0.25, 0.25))
        expect(tab.find("clip-value")).to_have_text("640 × 360 px at 0, 0")
        drag(tab, (0.5, 0.5), (0.75, 0.75))
        expect(tab.find("clip-value")).to_have_text("960 × 540 px at 0, 0")

    def test_stays_inside_of_the_thumbnail(self, tab: PageDriver) -> None:
        tab.page.click("#clip-tool")
        drag(tab, (0.9, 0.9), (1.5, 1.5))
        width, height, x, y = (int(each) for each in re.findall(r"\d+", tab.text("clip-value")))
        assert (x + width, y + height) == (1280, 720)


class TestKeyboard:
    def test_moves_resizes_and_captures(self, tab: PageDriver) -> None:
        tab.find("clip-tool").focus()
        tab.page.keyboard.press("Enter")
        for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowUp", "Control+ArrowLeft"):
            tab.page.keyboard.press(key)
        expect(tab.find("clip-value")).to_have_text("630 × 350 px at 329, 190")
        tab.page.keyboard.press("Enter")
        tab.wait_idle()
        assert clip(tab) == [329, 190, 630, 350]
        assert tab.image_size == (630, 350)

    def test_escape_cancels_the_selection_only(self, tab: PageDriver) -> None:
        tab.page.click("#clip-tool")
        tab.page.keyboard.press("Escape")
        expect(tab.find("clip-bar")).to_have_count(0)
        assert tab.page.evaluate("document.activeElement.id") == "clip-tool"
        assert tab.find("clip").input_value() == ""
        assert tab.image_size == (1280, 720)


class TestSource:
    def test_full_page_is_clipped_below_the_viewport(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(full_page=True, thumb_width="640")
        tab.capture(site.url("/tall.html"))
        tab.page.click("#fit-all")
        tab.page.click("#clip-tool")
        drag(tab, (0.1, 0.8), (0.6, 0.95))
        tab.page.get_by_role("button", name="Capture this area").click()
        tab.wait_idle()
        assert clip(tab)[1] > 720
        assert abs(clip(tab)[2] - 640) <= 20
        assert not tab.find("full_page").is_checked()

    def test_clip_of_a_clip_has_the_origin_of_the_page(self, tab: PageDriver) -> None:
        tab.set_options(clip="100,50,800,400")
        tab.capture()
        tab.page.click("#clip-tool")
        expect(tab.find("clip-value")).to_have_text("400 × 200 px at 300, 150")

    def test_high_density_is_in_pixels_of_the_page(self, tab: PageDriver) -> None:
        tab.set_options(scale="2")
        tab.capture()
        assert tab.image_size == (2560, 1440)
        tab.page.click("#clip-tool")
        expect(tab.find("clip-value")).to_have_text("640 × 360 px at 320, 180")

    @pytest.mark.parametrize(
        "options", [{"selector": "h1"}, {"thumb_width": "300", "thumb_height": "300"}, {"format": "json"}]
    )
    def test_excludes_thumbnails_with_an_unknown_origin(self, tab: PageDriver, options: dict[str, str | bool]) -> None:
        tab.set_options(**options)
        tab.capture()
        assert tab.find("clip-tool").is_disabled()
