"""The playground: recent captures in this browser, and their comparison."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage
from tests.playground.page_driver import PageDriver
from tests.support.concurrency import eventually

pytestmark = pytest.mark.browser

KEPT_IMAGES = """() => new Promise((resolve) => {
    const opened = indexedDB.open('tintype', 1);
    opened.onupgradeneeded = () => opened.result.createObjectStore('images');
    opened.onsuccess = () => {
        const counted = opened.result.transaction('images').objectStore('images').count();
        counted.onsuccess = () => { opened.result.close(); resolve(counted.result); };
    };
})"""


@pytest.fixture
def two(open_page: OpenPage, node: Node, site: SiteServer) -> PageDriver:
    """A page with two recent captures."""
    tab = open_page(node)
    tab.capture(site.url("/plain.html?first"))
    tab.set_options(dark_mode=True)
    tab.capture(site.url("/plain.html?second"))
    expect(tab.page.locator(".card")).to_have_count(2)
    return tab


class TestList:
    def test_survives_a_reload_in_the_same_browser(self, two: PageDriver, open_page: OpenPage, node: Node) -> None:
        assert open_page(node).page.locator(".card").count() == 0
        count = two.thumbnail_requests()
        two.page.goto(two.base)
        expect(two.page.locator(".card")).to_have_count(2)
        assert two.page.locator(".card img").first.evaluate("each => each.decode().then(() => each.naturalWidth)") > 0
        assert two.thumbnail_requests() == count

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

    def test_again_makes_a_new_capture(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?once-more"))
        tab.page.get_by_role("button", name=re.compile("^Again")).click()
        tab.wait_idle()
        expect(tab.find("cache")).to_have_text("MISS")
        assert site.visits("/plain.html?once-more") == 2
        assert not tab.find("fresh").is_checked()

    def test_deletes_one_entry(self, two: PageDriver) -> None:
        two.page.get_by_role("button", name=re.compile("^Delete .*second")).click()
        expect(two.page.locator(".card")).to_have_count(1)
        expect(two.page.locator(".card-page")).to_contain_text("first")
        assert eventually(lambda: two.page.evaluate(KEPT_IMAGES) == 1)

    def test_deletes_all_entries(self, two: PageDriver) -> None:
        two.page.click("#clear-recent")
        expect(two.page.locator(".card")).to_have_count(0)
        assert two.page.evaluate("localStorage.length") == 0
        assert eventually(lambda: two.page.evaluate(KEPT_IMAGES) == 0)

    def test_shows_the_age_of_the_capture(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        first, second = open_page(node), open_page(node)
        first.capture(site.url("/plain.html?aged"))
        second.page.route(
            "**/thumb?**", lambda route: _with_headers(route, age="180") if "aged" in route.request.url else None
        )
        second.capture(site.url("/plain.html?aged"))
        assert second.text("captured") == "3 minutes ago"
        expect(second.page.locator(".card-age")).to_have_text("3 minutes ago")

    def test_small_copy_shows_both_sides(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(width="2000", height="400")
        tab.capture(site.url("/plain.html?broad"))
        size = tab.page.locator(".card img").evaluate(
            "each => each.decode().then(() => [each.naturalWidth, each.naturalHeight])"
        )
        assert size == [360, 72]
        assert tab.page.locator(".card img").evaluate("each => getComputedStyle(each).objectFit") == "contain"


class TestComparison:
    def test_shows_two_captures_with_a_divider(self, two: PageDriver) -> None:
        for name in ("first", "second"):
            two.page.get_by_role("button", name=re.compile(f"^Compare .*{name}")).click()
        dialog = two.page.get_by_role("dialog", name="Compare")
        expect(dialog).to_be_visible()
        expect(two.find("compare-before")).to_have_attribute("alt", re.compile("first"))
        expect(two.find("compare-after")).to_have_attribute("alt", re.compile("second"))
        assert two.find("compare-after").evaluate("each => each.naturalWidth") == 1280
        two.find("compare-position").fill("20")
        assert two.find("compare-after").evaluate("each => each.style.clipPath") == "inset(0px 0px 0px 20%)"

    def test_shows_them_side_by_side(self, two: PageDriver) -> None:
        for name in ("first", "second"):
            two.page.get_by_role("button", name=re.compile(f"^Compare .*{name}")).click()
        two.page.click("#compare-mode")
        before, after = (two.find(f"compare-{name}").bounding_box() for name in ("before", "after"))
        assert before
        assert after
        assert before["x"] + before["width"] <= after["x"]

    def test_escape_closes_it(self, two: PageDriver) -> None:
        for name in ("first", "second"):
            two.page.get_by_role("button", name=re.compile(f"^Compare .*{name}")).click()
        expect(two.find("compare")).to_be_visible()
        two.page.keyboard.press("Escape")
        expect(two.find("compare")).to_be_hidden()
        expect(two.page.locator("[aria-pressed=true]:text-is('Compare')")).to_have_count(0)
        assert two.image_size == (1280, 720)


def _with_headers(route: object, **headers: str) -> None:
    response = route.fetch()  # type: ignore[attr-defined]
    route.fulfill(response=response, headers={**response.headers, **headers})  # type: ignore[attr-defined]
