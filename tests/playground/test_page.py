"""The playground: captures, errors, snippets, gallery and status."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage
from tintype import cli

pytestmark = pytest.mark.browser


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
        assert "requests.post(" in tab.text("python")

    def test_shows_json_and_saves_pdf(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(format="json")
        tab.capture(site.url("/plain.html?document"))
        assert json.loads(tab.text("shown"))["title"] == "Plain page"
        tab.set_options(format="pdf")
        tab.capture()
        with tab.page.expect_download() as saved:
            tab.page.click("#shown a")
        assert saved.value.suggested_filename.endswith(".pdf")

    def test_replaces_its_placeholder(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(placeholder=True)
        tab.capture(site.url("/plain.html?placeholder"))
        assert tab.text("cache") in {"HIT", "DERIVED", "COALESCED"}

    def test_cancels_a_running_request(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.page.fill("#url", site.url("/never-loads.html"))
        tab.page.click("#go")
        expect(tab.find("go")).to_have_text("Cancel")
        expect(tab.find("elapsed")).to_have_text(re.compile(r"^[1-9]"))
        tab.page.click("#go")
        tab.wait_idle()
        expect(tab.find("live-region")).to_have_text("Cancelled.")
        assert tab.find("empty").is_visible()

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


class TestErrors:
    def test_appear_beside_their_fields(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node, viewport={"width": 390, "height": 844})
        tab.expand_all()
        tab.set_options(delay="99999", locale="nowhere!")
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
        tab.capture(site.url("/plain.html"))
        assert tab.text("delay-error").startswith("delay must be a whole number from 0 to 10000")
        assert tab.find("locale-error").is_visible()
        assert tab.find("locale").get_attribute("aria-invalid") == "true"
        expect(tab.page.get_by_role("alert")).to_contain_text("Invalid parameters")
        assert tab.page.evaluate("document.activeElement.name") in {"delay", "locale"}

    def test_disappear_after_a_valid_request(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(thumb_width="1")
        tab.capture(site.url("/plain.html?put-right"))
        assert "thumb_width" in tab.text("thumb_width-error")
        tab.set_options(thumb_width="100")
        tab.capture()
        assert tab.find("thumb_width-error").is_hidden()
        assert tab.text("alert") == ""
        assert tab.image_size[0] == 100

    @pytest.mark.parametrize("url", ["http://10.0.0.1/", "", "not an address"])
    def test_invalid_url_has_an_error_beside_the_url_field(self, open_page: OpenPage, node: Node, url: str) -> None:
        tab = open_page(node)
        tab.capture(url)
        assert tab.text("url-error").startswith("url ")


class TestSnippets:
    def test_copies_to_the_clipboard(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node, permissions=["clipboard-read", "clipboard-write"])
        tab.page.fill("#url", site.url("/plain.html"))
        for name in ("img", "curl", "python", "signed"):
            tab.page.click(f"[data-copies={name}]")
            expect(tab.page.locator(f"[data-copies={name}] span").first).to_have_text("Copied")
            assert tab.page.evaluate("navigator.clipboard.readText()") == tab.find(name).text_content()

    def test_curl_and_html_return_the_thumbnail(
        self, open_page: OpenPage, node: Node, site: SiteServer, tmp_path: Path
    ) -> None:
        tab = open_page(node)
        tab.set_options(thumb_width="200", css='body::before { content: "it\'s <&>" }')
        tab.page.fill("#url", site.url("/plain.html?a=1&b='2'"))
        tab.capture()
        subprocess.run(["sh", "-c", tab.text("curl")], cwd=tmp_path, check=True)
        (by_curl,) = tmp_path.iterdir()
        (address,) = re.findall(r'src="([^"]+)"', tab.text("img"))
        by_page = httpx.get(unescape(address), trust_env=False)
        assert (by_page.headers["X-Cache"], by_page.content) == ("HIT", by_curl.read_bytes())

    def test_html_is_unavailable_for_documents(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.set_options(format="pdf")
        assert (tab.text("img"), tab.text("img-note")) == ("", "An <img> cannot show pdf.")
        assert "example.com.pdf" in tab.text("curl")

    def test_python_compiles(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.fill("#url", 'https://example.com/ü?"quoted"')
        compile(tab.text("python"), "snippet", "exec")

    def test_signing_command_contains_the_options(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.set_options(thumb_width="200", dark_mode=True, block_ads=False)
        tab.page.fill("#url", "example.com")
        _, *arguments = shlex.split(tab.text("signed").replace("\\\n", " "))
        signed = CliRunner().invoke(cli.tintype, arguments, env={"TINTYPE_SIGNING_KEYS": "a key that signs addresses"})
        options = dict(parse_qsl(urlsplit(signed.output.strip()).query))
        assert {"thumb_width": "200", "dark_mode": "true", "block_ads": "false"}.items() <= options.items()


class TestGallery:
    def test_survives_a_reload_in_the_same_browser(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?first"))
        tab.set_options(dark_mode=True)
        tab.capture(site.url("/plain.html?second"))
        expect(tab.page.locator(".card")).to_have_count(2)
        assert open_page(node).page.locator(".card").count() == 0
        count = tab.thumbnail_requests()
        tab.page.goto(tab.base)
        expect(tab.page.locator(".card")).to_have_count(2)
        assert tab.page.locator(".card img").first.evaluate("each => each.decode().then(() => each.naturalWidth)") > 0
        assert tab.thumbnail_requests() == count

    def test_restores_the_options_of_an_entry(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(thumb_width="300")
        tab.capture(site.url("/plain.html?again"))
        tab.page.click("button[type=reset]")
        expect(tab.find("url")).to_have_value("")
        tab.page.click(".card")
        expect(tab.find("thumb_width")).to_have_value("300")
        tab.wait_idle()
        assert tab.text("cache") == "HIT"

    def test_clears_all_entries(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?forget"))
        tab.page.click("#clear-recent")
        expect(tab.page.locator(".card")).to_have_count(0)
        assert tab.page.evaluate("localStorage.length") == 0


class TestStatus:
    def test_has_a_text_alternative(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?figures"))
        expect(tab.find("ratio-value")).to_contain_text("%")
        expect(tab.find("queue-note")).to_contain_text("slots")
        expect(tab.find("rate-note")).to_contain_text("on average")
        expect(tab.find("ratio-description")).to_contain_text("in the last five minutes")
        expect(tab.page.locator("#ratio-chart polyline")).to_have_count(1)

    def test_polling_stops_without_input(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.clock.install()
        tab.page.reload()
        tab.find("rate-value").wait_for()
        tab.page.clock.fast_forward("30:00")
        count = len(tab.requested_urls)
        tab.page.clock.fast_forward("30:00")
        assert len(tab.requested_urls) == count
        with tab.page.expect_request("**/status.json"):
            tab.page.keyboard.press("Tab")


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
