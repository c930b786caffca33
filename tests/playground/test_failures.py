"""The playground: what replaces the thumbnail when a capture fails, is cancelled or is rejected."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Route, expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage
from tests.playground.page_driver import PageDriver

pytestmark = pytest.mark.browser


def fulfil(tab: PageDriver, **problem: object) -> None:
    """Answer requests for thumbnails with a problem."""
    document = {"title": "Title", "status": 503, "detail": "the detail", **problem}

    def respond(route: Route) -> None:
        route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(document))

    tab.page.route("**/thumb?**", respond)


class TestThumbnail:
    @pytest.fixture
    def tab(self, open_page: OpenPage, node: Node, site: SiteServer) -> PageDriver:
        """A page with a thumbnail."""
        tab = open_page(node)
        tab.capture(site.url("/plain.html?before-a-failure"))
        assert tab.image_size == (1280, 720)
        return tab

    def assert_nothing_of_it_is_left(self, tab: PageDriver) -> None:
        assert tab.page.locator("#shown img").count() == 0
        for name in ("caption", "facts", "tools"):
            assert tab.find(name).is_hidden()

    def test_gives_way_to_a_failure(self, tab: PageDriver, site: SiteServer) -> None:
        tab.capture(site.url("/download"))
        self.assert_nothing_of_it_is_left(tab)
        expect(tab.page.get_by_role("alert")).to_contain_text("not a web page")
        assert tab.text("url-error") == "The URL leads to a download."

    def test_gives_way_to_invalid_options(self, tab: PageDriver) -> None:
        tab.set_options(thumb_width="1")
        tab.capture()
        self.assert_nothing_of_it_is_left(tab)

    def test_disappears_without_an_address(self, tab: PageDriver) -> None:
        count = tab.thumbnail_requests()
        tab.page.fill("#url", "")
        tab.capture()
        self.assert_nothing_of_it_is_left(tab)
        assert tab.text("url-error") == "Enter the address of a page, such as https://example.com."
        assert tab.thumbnail_requests() == count

    @pytest.mark.parametrize("way", ["button", "stage button", "Escape"])
    def test_gives_way_to_a_cancelled_capture(self, tab: PageDriver, site: SiteServer, way: str) -> None:
        tab.page.fill("#url", site.url(f"/never-loads.html?{way.split(maxsplit=1)[0]}"))
        tab.page.click("#go")
        expect(tab.find("go")).to_have_text("Cancel")
        expect(tab.find("elapsed")).to_have_text(re.compile(r"^[1-9]"))  # sooner, a second click is a double click
        if way == "Escape":
            tab.page.keyboard.press("Escape")
        else:
            tab.page.click("#go" if way == "button" else "#cancel")
        tab.wait_idle()
        self.assert_nothing_of_it_is_left(tab)
        expect(tab.page.get_by_role("alert")).to_contain_text("Cancelled")

    def test_returns_after_a_success(self, tab: PageDriver, site: SiteServer) -> None:
        tab.capture(site.url("/download"))
        tab.capture(site.url("/plain.html?before-a-failure"))
        assert tab.image_size == (1280, 720)
        assert tab.text("alert") == ""


class TestRemedy:
    def test_offers_http_if_tls_fails(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(f"https://127.0.0.1:{site.port}/plain.html?by-tls")
        assert tab.text("url-error") == "HTTPS failed. If the site has no HTTPS, try http://."
        tab.page.get_by_role("button", name="Try http://").click()
        tab.wait_idle()
        expect(tab.page.locator("#shown img")).to_have_count(1)
        assert tab.find("url").input_value() == site.url("/plain.html?by-tls")

    @pytest.mark.parametrize(
        ("url", "rule"), [("http://10.0.0.1/", "10.0.0.1:80"), ("192.168.7.9:8443/x", "192.168.7.9:8443")]
    )
    def test_names_the_setting_for_an_address_that_is_denied(
        self, open_page: OpenPage, node: Node, url: str, rule: str
    ) -> None:
        tab = open_page(node)
        tab.capture(url)
        assert tab.text("url-error").endswith(f"The operator can permit others: TINTYPE_ALLOW_ADDRESSES={rule}")
        assert tab.page.evaluate("document.activeElement.id") == "url"

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("not an address", "This is not the address of a page"),
            ("ftp://example.com/", "Only addresses that start with http"),
            ("http://name.invalid/", "This service captures only pages on public addresses. The operator can permit"),
        ],
    )
    def test_explains_an_address_that_cannot_be_captured(
        self, open_page: OpenPage, node: Node, url: str, words: str
    ) -> None:
        tab = open_page(node)
        tab.capture(url)
        assert tab.text("url-error").startswith(words)

    @pytest.mark.parametrize(
        ("detail", "words"),
        [
            ("the host name does not resolve", "This host name does not exist. Check its spelling."),
            ("the host does not accept the connection", "The host does not accept the connection. If the site has no"),
            ("the host's certificate has expired or is not valid yet", "The host's certificate has expired"),
        ],
    )
    def test_explains_a_host_that_cannot_be_reached(
        self, open_page: OpenPage, node: Node, detail: str, words: str
    ) -> None:
        tab = open_page(node)
        fulfil(tab, error="target-unreachable", title="The target is unreachable", detail=detail, retry_after=60)
        tab.capture("https://example.com")
        assert tab.text("url-error").startswith(words)

    def test_counts_down_to_the_next_attempt(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.clock.install()
        fulfil(tab, error="overloaded", title="The service is overloaded", retry_after=8)
        tab.page.fill("#url", "https://example.com")
        tab.page.press("#url", "Enter")
        button = tab.page.locator("#alert button")
        expect(button).to_have_text("Try again in 8 s")
        expect(button).to_be_disabled()
        tab.page.clock.run_for(3000)
        expect(button).to_have_text("Try again in 5 s")
        tab.page.clock.run_for(6000)
        expect(button).to_have_text("Try again")
        expect(button).to_be_enabled()

    def test_repeats_no_sentence(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        fulfil(tab, error="engine-error", title="The engine failed", detail="The engine failed")
        tab.capture("https://example.com")
        assert tab.text("alert").count("The engine failed") == 1

    def test_reports_a_service_that_does_not_respond(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.route("**/thumb?**", lambda route: route.abort())
        tab.capture("https://example.com")
        expect(tab.page.get_by_role("alert")).to_contain_text("The service does not respond")
        tab.errors.clear()

    def test_names_the_field_of_a_selector_that_matches_nothing(
        self, open_page: OpenPage, node: Node, site: SiteServer
    ) -> None:
        tab = open_page(node)
        tab.set_options(selector="#absent")
        tab.capture(site.url("/plain.html?absent"))
        assert tab.find("selector").get_attribute("aria-invalid") == "true"
        assert "element" in tab.text("selector-error")


class TestFieldErrors:
    def test_appear_beside_their_fields(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node, viewport={"width": 390, "height": 844})
        tab.set_options(delay="99999", locale="nowhere!")
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
        tab.capture(site.url("/plain.html"))
        assert tab.text("delay-error").startswith("Extra delay must be a whole number from 0 to 10000")
        assert tab.text("locale-error").startswith("Language must be")
        assert tab.find("locale").get_attribute("aria-invalid") == "true"
        expect(tab.page.get_by_role("alert")).to_contain_text("2 options are not valid")
        assert tab.page.evaluate("document.activeElement.name") in {"delay", "locale"}
        tab.page.locator("#alert").get_by_role("button", name="Extra delay").click()
        assert tab.page.evaluate("document.activeElement.name") == "delay"

    def test_appear_in_spite_of_a_search(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(delay="99999")
        tab.page.fill("#find-option", "dark")
        tab.capture(site.url("/plain.html"))
        assert tab.find("delay-error").is_visible()

    def test_disappear_after_a_valid_request(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(thumb_width="1")
        tab.capture(site.url("/plain.html?put-right"))
        assert "Thumbnail width" in tab.text("thumb_width-error")
        tab.set_options(thumb_width="100")
        tab.capture()
        assert tab.find("thumb_width-error").is_hidden()
        assert tab.text("alert") == ""
        assert tab.image_size[0] == 100


class TestErrorImage:
    def test_has_a_badge(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(on_error="image")
        tab.capture(site.url("/download"))
        assert tab.text("badges") == "Error image, status 415"
        assert tab.page.locator(".card").count() == 0
