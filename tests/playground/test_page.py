"""The page at ``/``: from an address to a picture, by hand and by keyboard."""

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
from tests.playground.conftest import Visit
from tintype import cli

pytestmark = pytest.mark.browser


class TestCapture:
    def test_shows_a_miss_and_then_a_hit(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.take(site.url("/plain.html?appears"))
        assert at.picture == (1280, 720)
        assert at.text("cache") == "MISS"
        expect(at.find("live-region")).to_contain_text("Thumbnail for 127.0.0.1")
        assert "navigate" in at.text("legend")
        at.take()
        assert at.text("cache") == "HIT"
        assert site.visits("/plain.html?appears") == 1

    def test_applies_the_chosen_options(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.choose(thumb_width="320", format="webp", width="800", block_ads=False)
        at.take(site.url("/plain.html?chosen"))
        assert at.picture[0] == 320
        assert "webp" in at.text("facts-list")
        said = dict(parse_qsl(urlsplit(at.page.url).query))
        assert said.pop("url") == site.url("/plain.html?chosen")
        assert said == {"thumb_width": "320", "format": "webp", "width": "800", "block_ads": "false"}

    def test_url_of_the_page_fills_the_form_without_a_request(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node, f"/?url={site.url('/plain.html')}&dark_mode=true&fail_on=blank,login&width=640")
        assert at.find("url").input_value() == site.url("/plain.html")
        assert at.find("dark_mode").is_checked()
        assert at.page.locator("[name=fail_on]:checked").count() == 2
        assert at.find("width").input_value() == "640"
        assert at.pictures_asked() == 0

    def test_captures_inline_html(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        at.choose(html="<h1>Written here</h1>", width="640", height="480")
        at.take()
        assert at.picture == (640, 480)
        assert at.page.locator(".card").count() == 0
        assert at.text("img") == ""
        assert "requests.post(" in at.text("python")

    def test_shows_json_and_saves_pdf(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.choose(format="json")
        at.take(site.url("/plain.html?document"))
        assert json.loads(at.text("shown"))["title"] == "Plain page"
        at.choose(format="pdf")
        at.take()
        with at.page.expect_download() as saved:
            at.page.click("#shown a")
        assert saved.value.suggested_filename.endswith(".pdf")

    def test_replaces_its_placeholder(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.choose(placeholder=True)
        at.take(site.url("/plain.html?placeholder"))
        assert at.text("cache") in {"HIT", "DERIVED", "COALESCED"}

    def test_cancels_a_running_request(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.page.fill("#url", site.url("/never-loads.html"))
        at.page.click("#go")
        expect(at.find("go")).to_have_text("Cancel")
        expect(at.find("elapsed")).to_have_text(re.compile(r"^[1-9]"))
        at.page.click("#go")
        at.settle()
        expect(at.find("said")).to_have_text("Cancelled.")
        assert at.find("empty").is_visible()

    def test_sends_one_request_for_a_double_click(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.page.fill("#url", site.url("/plain.html?twice"))
        at.page.evaluate("(go => { go.click(); go.click(); })(document.querySelector('#go'))")
        at.settle()
        assert at.picture == (1280, 720)
        assert at.pictures_asked() == 1

    def test_replaces_a_running_request(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.page.fill("#url", site.url("/never-loads.html?gives-way"))
        at.page.click("#go")
        at.take(site.url("/plain.html?gives-way"))
        assert at.picture == (1280, 720)
        expect(at.find("caption")).to_contain_text("/plain.html")


class TestTiming:
    def test_parts_add_up_to_the_total(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        parts_of = """async (steps) => {
            const here = document.querySelector('script[type=module]').src;
            return (await import(here.replace('playground.js', 'timing.js'))).splitTotal(steps);
        }"""
        steps = [["lookup", 20], ["capture", 500], ["queue", 100], ["navigate", 300], ["render", 40], ["total", 600]]
        told = at.page.evaluate(parts_of, steps)
        names = ["lookup", "queue", "navigate", "render", "everything else"]
        assert [name for name, _ in told["parts"]] == names
        assert sum(ms for _, ms in told["parts"]) == told["total"] == 600


class TestErrors:
    def test_appear_beside_their_fields(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node, viewport={"width": 390, "height": 844})
        at.unfold()
        at.choose(delay="99999", locale="nowhere!")
        at.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
        at.take(site.url("/plain.html"))
        assert at.text("delay-error").startswith("delay must be a whole number from 0 to 10000")
        assert at.find("locale-error").is_visible()
        assert at.find("locale").get_attribute("aria-invalid") == "true"
        expect(at.page.get_by_role("alert")).to_contain_text("Invalid parameters")
        assert at.page.evaluate("document.activeElement.name") in {"delay", "locale"}

    def test_disappear_after_a_valid_request(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.choose(thumb_width="1")
        at.take(site.url("/plain.html?put-right"))
        assert "thumb_width" in at.text("thumb_width-error")
        at.choose(thumb_width="100")
        at.take()
        assert at.find("thumb_width-error").is_hidden()
        assert at.text("alert") == ""
        assert at.picture[0] == 100

    @pytest.mark.parametrize("url", ["http://10.0.0.1/", "", "not an address"])
    def test_invalid_url_has_an_error_beside_the_url_field(self, visit: Visit, node: Node, url: str) -> None:
        at = visit(node)
        at.take(url)
        assert at.text("url-error").startswith("url ")


class TestSnippets:
    def test_copies_to_the_clipboard(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node, permissions=["clipboard-read", "clipboard-write"])
        at.page.fill("#url", site.url("/plain.html"))
        for name in ("img", "curl", "python", "signed"):
            at.page.click(f"[data-copies={name}]")
            expect(at.page.locator(f"[data-copies={name}] span").first).to_have_text("Copied")
            assert at.page.evaluate("navigator.clipboard.readText()") == at.find(name).text_content()

    def test_curl_and_html_return_the_thumbnail(
        self, visit: Visit, node: Node, site: SiteServer, tmp_path: Path
    ) -> None:
        at = visit(node)
        at.choose(thumb_width="200", css='body::before { content: "it\'s <&>" }')
        at.page.fill("#url", site.url("/plain.html?a=1&b='2'"))
        at.take()
        subprocess.run(["sh", "-c", at.text("curl")], cwd=tmp_path, check=True)
        (by_curl,) = tmp_path.iterdir()
        (address,) = re.findall(r'src="([^"]+)"', at.text("img"))
        by_page = httpx.get(unescape(address), trust_env=False)
        assert (by_page.headers["X-Cache"], by_page.content) == ("HIT", by_curl.read_bytes())

    def test_html_is_unavailable_for_documents(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        at.choose(format="pdf")
        assert (at.text("img"), at.text("img-note")) == ("", "An <img> cannot show pdf.")
        assert "example.com.pdf" in at.text("curl")

    def test_python_compiles(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        at.page.fill("#url", 'https://example.com/ü?"quoted"')
        compile(at.text("python"), "snippet", "exec")

    def test_signing_command_contains_the_options(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        at.choose(thumb_width="200", dark_mode=True, block_ads=False)
        at.page.fill("#url", "example.com")
        _, *arguments = shlex.split(at.text("signed").replace("\\\n", " "))
        signed = CliRunner().invoke(cli.tintype, arguments, env={"TINTYPE_SIGNING_KEYS": "a key that signs addresses"})
        said = dict(parse_qsl(urlsplit(signed.output.strip()).query))
        assert {"thumb_width": "200", "dark_mode": "true", "block_ads": "false"}.items() <= said.items()


class TestGallery:
    def test_survives_a_reload_in_the_same_browser_only(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.take(site.url("/plain.html?first"))
        at.choose(dark_mode=True)
        at.take(site.url("/plain.html?second"))
        expect(at.page.locator(".card")).to_have_count(2)
        assert visit(node).page.locator(".card").count() == 0
        asked = at.pictures_asked()
        at.page.goto(at.base)
        expect(at.page.locator(".card")).to_have_count(2)
        assert at.page.locator(".card img").first.evaluate("each => each.decode().then(() => each.naturalWidth)") > 0
        assert at.pictures_asked() == asked

    def test_restores_the_options_of_an_entry(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.choose(thumb_width="300")
        at.take(site.url("/plain.html?again"))
        at.page.click("button[type=reset]")
        expect(at.find("url")).to_have_value("")
        at.page.click(".card")
        expect(at.find("thumb_width")).to_have_value("300")
        at.settle()
        assert at.text("cache") == "HIT"

    def test_clears_all_entries(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.take(site.url("/plain.html?forget"))
        at.page.click("#clear-recent")
        expect(at.page.locator(".card")).to_have_count(0)
        assert at.page.evaluate("localStorage.length") == 0


class TestStatus:
    def test_has_a_text_alternative(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.take(site.url("/plain.html?figures"))
        expect(at.find("ratio-value")).to_contain_text("%")
        expect(at.find("queue-note")).to_contain_text("slots")
        expect(at.find("rate-note")).to_contain_text("on average")
        expect(at.find("ratio-description")).to_contain_text("in the last five minutes")
        expect(at.page.locator("#ratio-chart polyline")).to_have_count(1)

    def test_polling_stops_without_input(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        at.page.clock.install()
        at.page.reload()
        at.find("rate-value").wait_for()
        at.page.clock.fast_forward("30:00")
        asked = len(at.asked)
        at.page.clock.fast_forward("30:00")
        assert len(at.asked) == asked
        with at.page.expect_request("**/status.json"):
            at.page.keyboard.press("Tab")


class TestWithoutJavaScript:
    def test_form_redirects_to_the_thumbnail(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node, java_script_enabled=False)
        at.page.fill("#url", site.url("/plain.html?scriptless"))
        assert at.find("result").is_hidden()
        at.page.check("#full_page")
        with at.page.expect_navigation() as there:
            at.page.click("#go")
        assert there.value.headers["content-type"] == "image/png"
        assert dict(parse_qsl(urlsplit(at.page.url).query)) == {
            "url": site.url("/plain.html?scriptless"),
            "full_page": "true",
        }
