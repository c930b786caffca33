"""The playground: the steps of a capture while it runs, and its cancellation in the capture daemon."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage, Start
from tests.support.concurrency import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def single(start: Start) -> Node:
    """A service that captures one page at a time."""
    return start(TINTYPE_SLOTS="1")


def running(node: Node) -> int:
    """Captures in the capture daemon that run or wait; -1 if the service does not report them now."""
    response = node.get("/status.json")
    if response.status_code != HTTPStatus.OK:
        return -1
    queue = response.json()["queue"]
    return int(queue["busy"] + queue["waiting"]) if queue else 0


class TestSteps:
    def test_follow_the_capture(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        site.release_held.clear()
        try:
            tab.page.fill("#url", site.url("/plain.html?held=steps"))
            tab.page.press("#url", "Enter")
            expect(tab.page.locator("#stepper [aria-current=step]")).to_have_text("Opening the page")
            assert tab.text("working-page").endswith("/plain.html?held=steps")
            assert tab.page.locator("#stepper .done").all_inner_texts() == ["Waiting in the queue"]
        finally:
            site.release_held.set()
        tab.wait_idle()
        assert tab.image_size == (1280, 720)
        expect(tab.find("working")).to_be_hidden()

    def test_show_the_wait_for_a_stable_page(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.set_options(delay="8000")
        tab.page.fill("#url", site.url("/plain.html?stable"))
        tab.page.press("#url", "Enter")
        expect(tab.page.locator("[data-step=stabilize]")).to_have_attribute("aria-current", "step")
        expect(tab.page.locator("[data-step=stabilize]")).to_have_text("Waiting until the page is stable")
        tab.page.keyboard.press("Escape")
        tab.wait_idle()

    def test_count_the_captures_ahead(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        report = json.dumps({"step": "queue", "ahead": 2})
        tab.page.route("**/progress/*", lambda route: route.fulfill(content_type="application/json", body=report))
        site.release_held.clear()
        try:
            tab.page.fill("#url", site.url("/plain.html?held=queue"))
            tab.page.press("#url", "Enter")
            expect(tab.page.locator("[data-step=queue]")).to_have_text("Waiting in the queue, 2 before you")
        finally:
            site.release_held.set()
        tab.wait_idle()

    def test_replace_the_previous_thumbnail_with_its_facts(
        self, open_page: OpenPage, node: Node, site: SiteServer
    ) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?previous"))
        site.release_held.clear()
        try:
            tab.page.fill("#url", site.url("/plain.html?held=next"))
            tab.page.press("#url", "Enter")
            tab.find("working").wait_for()
            for name in ("shown", "facts", "tools", "caption"):
                expect(tab.find(name)).to_be_hidden()
        finally:
            site.release_held.set()
        tab.wait_idle()
        expect(tab.find("facts")).to_be_visible()


class TestCancellation:
    def test_ends_the_capture_in_the_daemon(self, open_page: OpenPage, single: Node, site: SiteServer) -> None:
        site.release_held.clear()
        try:
            tab = open_page(single)
            tab.page.fill("#url", site.url("/plain.html?held=cancelled"))
            tab.page.press("#url", "Enter")
            site.wait_for_visit("/plain.html?held=cancelled")
            assert eventually(lambda: running(single) == 1, within=30)
            tab.page.keyboard.press("Escape")
            assert eventually(lambda: running(single) == 0, within=30)
            expect(tab.page.get_by_role("alert")).to_contain_text("Cancelled")
        finally:
            site.release_held.set()

    def test_leaving_the_page_ends_the_capture(self, open_page: OpenPage, single: Node, site: SiteServer) -> None:
        site.release_held.clear()
        try:
            tab = open_page(single)
            tab.page.fill("#url", site.url("/plain.html?held=left"))
            tab.page.press("#url", "Enter")
            site.wait_for_visit("/plain.html?held=left")
            assert eventually(lambda: running(single) == 1, within=30)
            tab.page.goto(f"{tab.base}/docs")
            assert eventually(lambda: running(single) == 0, within=30)
        finally:
            site.release_held.set()

    def test_spares_the_same_capture_of_another_client(
        self, open_page: OpenPage, single: Node, site: SiteServer
    ) -> None:
        site.release_held.clear()
        with ThreadPoolExecutor() as threads:
            try:
                url = site.url("/plain.html?held=shared")
                tab = open_page(single)
                tab.page.fill("#url", url)
                tab.page.press("#url", "Enter")
                site.wait_for_visit("/plain.html?held=shared")
                other = threads.submit(single.thumb, url)
                tab.page.keyboard.press("Escape")
                expect(tab.page.get_by_role("alert")).to_contain_text("Cancelled")
            finally:
                site.release_held.set()
            assert other.result().status_code == 200
