"""The playground: the viewer with its badges, zoom and full pages, and what can be saved and copied from it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pyvips
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage
from tests.playground.page_driver import PageDriver
from tests.support.concurrency import eventually

pytestmark = pytest.mark.browser


def shown_size(tab: PageDriver) -> tuple[float, float]:
    """Displayed width and height of the thumbnail in CSS pixels."""
    box = tab.page.locator("#shown img").bounding_box()
    assert box
    return box["width"], box["height"]


class TestLayout:
    @pytest.mark.parametrize(("width", "height"), [(1440, 900), (768, 1024), (390, 844)])
    def test_thumbnail_comes_before_the_options_on_the_first_screen(
        self, open_page: OpenPage, node: Node, site: SiteServer, width: int, height: int
    ) -> None:
        tab = open_page(node, viewport={"width": width, "height": height})
        tab.capture(site.url("/plain.html?first-screen"))
        image, panel = tab.page.locator("#shown img").bounding_box(), tab.page.locator(".options").bounding_box()
        assert image
        assert panel
        assert image["y"] + image["height"] <= height
        assert image["x"] + image["width"] <= panel["x"] or image["y"] + image["height"] <= panel["y"]

    def test_thumbnail_is_the_largest_part_of_a_wide_page(
        self, open_page: OpenPage, node: Node, site: SiteServer
    ) -> None:
        tab = open_page(node, viewport={"width": 1440, "height": 900})
        tab.capture(site.url("/plain.html?large"))
        assert shown_size(tab)[0] >= 800


class TestVerdict:
    def test_marks_the_thumbnail_of_an_error_page(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/missing-page.html"))
        assert tab.text("badges") == "Error page, status 404"
        expect(tab.find("live-region")).to_contain_text("Error page, status 404")
        expect(tab.find("notes")).to_contain_text("The site returned an error instead of the page.")

    def test_leaves_the_page_itself_unmarked(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?ok"))
        assert tab.page.locator("#badges li").count() == 0
        assert tab.find("notes").is_hidden()

    def test_badge_of_a_cut_page(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(full_page=True)
        tab.capture(site.url("/long.html"))
        expect(tab.find("badges")).to_contain_text("Cut off")
        expect(tab.find("notes")).to_contain_text("A smaller pixel density shows more of it.")


class TestZoom:
    @pytest.fixture
    def tall(self, open_page: OpenPage, node: Node, site: SiteServer) -> PageDriver:
        """A full page of several screens."""
        tab = open_page(node)
        tab.set_options(full_page=True)
        tab.capture(site.url("/tall.html"))
        return tab

    def test_full_page_fits_the_width_and_scrolls(self, tall: PageDriver) -> None:
        width, height = shown_size(tall)
        frame = tall.find("shown").bounding_box()
        assert frame
        assert width >= 0.9 * frame["width"]
        assert height > frame["height"]
        tall.find("shown").focus()
        tall.page.keyboard.press("End")
        assert eventually(lambda: tall.page.evaluate("document.querySelector('#shown').scrollTop > 100"))

    def test_fits_all_of_it(self, tall: PageDriver) -> None:
        tall.page.click("#fit-all")
        frame = tall.find("shown").bounding_box()
        assert frame
        assert shown_size(tall)[1] <= frame["height"] + 1

    def test_zooms_by_buttons(self, tall: PageDriver) -> None:
        tall.page.click("#zoom-full")
        assert shown_size(tall)[0] == tall.image_size[0]
        expect(tall.find("zoom-value")).to_have_text("100 %")
        tall.page.click("#zoom-out")
        expect(tall.find("zoom-value")).to_have_text("67 %")
        tall.page.click("#zoom-in")
        tall.page.click("#zoom-in")
        expect(tall.find("zoom-value")).to_have_text("150 %")

    def test_zooms_by_keys(self, tall: PageDriver) -> None:
        tall.find("shown").focus()
        tall.page.keyboard.press("1")
        expect(tall.find("zoom-value")).to_have_text("100 %")
        tall.page.keyboard.press("+")
        expect(tall.find("zoom-value")).to_have_text("150 %")
        tall.page.keyboard.press("0")
        expect(tall.find("fit-all")).to_have_attribute("aria-pressed", "true")
        tall.page.keyboard.press("w")
        expect(tall.find("fit-width")).to_have_attribute("aria-pressed", "true")

    def test_opens_and_leaves_full_screen(self, tall: PageDriver) -> None:
        tall.page.click("#full-screen")
        assert eventually(lambda: tall.page.evaluate("document.fullscreenElement?.id === 'preview'"))
        expect(tall.find("full-screen")).to_have_text("Leave full screen")
        tall.page.click("#full-screen")
        assert eventually(lambda: tall.page.evaluate("document.fullscreenElement === null"))


class TestSharing:
    def test_saves_the_thumbnail(self, open_page: OpenPage, node: Node, site: SiteServer, tmp_path: Path) -> None:
        tab = open_page(node)
        tab.set_options(format="jpeg", thumb_width="200")
        tab.capture(site.url("/plain.html?saved"))
        with tab.page.expect_download() as saved:
            tab.page.click("#download")
        assert saved.value.suggested_filename == "127.0.0.1.jpg"
        saved.value.save_as(tmp_path / "saved.jpg")
        assert pyvips.Image.new_from_file(str(tmp_path / "saved.jpg")).width == 200

    @pytest.mark.parametrize(("format_name", "ending"), [("pdf", "pdf"), ("json", "json")])
    def test_saves_documents(
        self, open_page: OpenPage, node: Node, site: SiteServer, format_name: str, ending: str
    ) -> None:
        tab = open_page(node)
        tab.set_options(format=format_name)
        tab.capture(site.url("/plain.html?document"))
        with tab.page.expect_download() as saved:
            tab.page.click("#download")
        assert saved.value.suggested_filename == f"127.0.0.1.{ending}"

    def test_opens_the_thumbnail_in_a_new_tab(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?new-tab"))
        with tab.page.context.expect_page() as opened:
            tab.page.click("#open")
        opened.value.wait_for_load_state()
        assert opened.value.url.startswith(f"{tab.base}/thumb?url=")

    @pytest.mark.parametrize(("format_name", "mark"), [("png", "!"), ("pdf", "")])
    def test_copies_link_and_markdown(
        self, open_page: OpenPage, node: Node, site: SiteServer, format_name: str, mark: str
    ) -> None:
        tab = open_page(node, permissions=["clipboard-read", "clipboard-write"])
        tab.set_options(format=format_name, fresh=True)
        tab.capture(site.url("/plain.html?copied"))
        tab.page.click("#copy-link")
        expect(tab.find("copy-link")).to_have_text("Copied")
        link = tab.page.evaluate("navigator.clipboard.readText()")
        assert "fresh" not in dict(parse_qsl(urlsplit(link).query))
        assert httpx.get(link, trust_env=False, timeout=60).status_code == 200
        tab.page.click("#copy-markdown")
        expect(tab.find("copy-markdown")).to_have_text("Copied")
        assert tab.page.evaluate("navigator.clipboard.readText()") == f"{mark}[127.0.0.1]({link})"

    def test_has_no_link_for_a_post(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.set_options(html="<h1>Posted</h1>")
        tab.capture()
        assert tab.find("copy-link").is_disabled()
        assert tab.find("copy-markdown").is_disabled()
        with tab.page.expect_download() as saved:
            tab.page.click("#download")
        assert saved.value.suggested_filename == "page.png"
