"""The playground: captures, from the address field to the thumbnail with its facts."""

from __future__ import annotations

import json
from html import unescape
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage

pytestmark = pytest.mark.browser


SCHEMES = [
    ("example.com", "https://example.com"),
    ("shop.example.com:8443/x?y", "https://shop.example.com:8443/x?y"),
    ("127.0.0.1:8410", "http://127.0.0.1:8410"),
    ("localhost:3000/a", "http://localhost:3000/a"),
    ("[::1]:80", "http://[::1]:80"),
    ("1.2.3.4.example.com", "https://1.2.3.4.example.com"),
    ("http://example.com", "http://example.com"),
]


class TestAddress:
    def test_has_the_focus_on_load(self, open_page: OpenPage, node: Node) -> None:
        assert open_page(node).page.evaluate("document.activeElement.id") == "url"

    @pytest.mark.parametrize(("typed", "opened"), SCHEMES)
    def test_gets_a_scheme(self, open_page: OpenPage, node: Node, typed: str, opened: str) -> None:
        tab = open_page(node)
        tab.page.fill("#url", typed)
        assert opened in unquote(unescape(tab.text("img")))

    def test_offers_the_other_scheme(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.page.fill("#url", f"127.0.0.1:{site.port}/plain.html")
        assert tab.text("url-hint") == "Opens http:// Use https://"
        tab.page.click("#url-hint button")
        assert tab.find("url").input_value() == f"https://127.0.0.1:{site.port}/plain.html"
        assert tab.find("url-hint").is_hidden()

    def test_captures_an_address_without_a_scheme(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(f"127.0.0.1:{site.port}/plain.html?bare")
        assert tab.image_size == (1280, 720)
        assert tab.find("url").input_value() == site.url("/plain.html?bare")


class TestCapture:
    def test_shows_a_miss_and_then_a_hit(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?appears"))
        assert tab.image_size == (1280, 720)
        assert tab.text("cache") == "MISS"
        expect(tab.find("live-region")).to_contain_text("Thumbnail for 127.0.0.1")
        assert "navigate" in tab.text("legend")
        tab.capture()
        assert tab.text("cache") == "HIT"
        assert site.visits("/plain.html?appears") == 1

    def test_applies_the_chosen_options(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(thumb_width="320", format="webp", width="800", block_ads=False)
        tab.capture(site.url("/plain.html?chosen"))
        assert tab.image_size[0] == 320
        assert "webp" in tab.text("facts-list")
        options = dict(parse_qsl(urlsplit(tab.page.url).query))
        assert options.pop("url") == site.url("/plain.html?chosen")
        assert options == {"thumb_width": "320", "format": "webp", "width": "800", "block_ads": "false"}

    def test_query_string_fills_the_form_without_a_request(
        self, open_page: OpenPage, node: Node, site: SiteServer
    ) -> None:
        tab = open_page(node, f"/?url={site.url('/plain.html')}&dark_mode=true&fail_on=blank,login&width=640")
        assert tab.find("url").input_value() == site.url("/plain.html")
        assert tab.find("dark_mode").is_checked()
        assert tab.page.locator("[name=fail_on]:checked").count() == 2
        assert tab.find("width").input_value() == "640"
        assert tab.thumbnail_requests() == 0

    def test_captures_inline_html(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.set_options(html="<h1>Written here</h1>", width="640", height="480")
        tab.capture()
        assert tab.image_size == (640, 480)
        assert tab.page.locator(".card").count() == 0
        assert tab.text("img") == ""
        assert "json.dumps(options)" in tab.text("python")

    def test_shows_json_and_saves_pdf(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(format="json")
        tab.capture(site.url("/plain.html?document"))
        assert json.loads(tab.text("shown"))["title"] == "Plain page"
        tab.set_options(format="pdf")
        tab.capture()
        with tab.page.expect_download() as saved:
            tab.page.click("#download")
        assert saved.value.suggested_filename.endswith(".pdf")

    def test_replaces_its_placeholder(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(placeholder=True)
        tab.capture(site.url("/plain.html?placeholder"))
        assert tab.text("cache") in {"HIT", "DERIVED", "COALESCED"}

    def test_sends_one_request_for_a_double_click(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.page.fill("#url", site.url("/plain.html?twice"))
        tab.page.evaluate("(go => { go.click(); go.click(); })(document.querySelector('#go'))")
        tab.wait_idle()
        assert tab.image_size == (1280, 720)
        assert tab.thumbnail_requests() == 1

    def test_replaces_a_running_request(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.page.fill("#url", site.url("/never-loads.html?gives-way"))
        tab.page.click("#go")
        tab.capture(site.url("/plain.html?gives-way"))
        assert tab.image_size == (1280, 720)
        expect(tab.find("caption")).to_contain_text("/plain.html")


class TestTiming:
    def test_parts_add_up_to_the_total(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        parts_of = """async (steps) => {
            const here = document.querySelector('script[type=module]').src;
            return (await import(here.replace('playground.js', 'timing.js'))).splitTotal(steps);
        }"""
        steps = [["lookup", 20], ["capture", 500], ["queue", 100], ["navigate", 300], ["render", 40], ["total", 600]]
        result = tab.page.evaluate(parts_of, steps)
        names = ["lookup", "queue", "navigate", "render", "everything else"]
        assert [name for name, _ in result["parts"]] == names
        assert sum(ms for _, ms in result["parts"]) == result["total"] == 600


class TestWithoutJavaScript:
    def test_form_redirects_to_the_thumbnail(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node, java_script_enabled=False)
        tab.page.fill("#url", site.url("/plain.html?scriptless"))
        assert tab.find("result").is_hidden()
        tab.page.check("#full_page")
        with tab.page.expect_navigation() as there:
            tab.page.click("#go")
        assert there.value.headers["content-type"] == "image/png"
        assert dict(parse_qsl(urlsplit(tab.page.url).query)) == {
            "url": site.url("/plain.html?scriptless"),
            "full_page": "true",
        }
