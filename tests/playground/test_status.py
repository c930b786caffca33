"""The playground: live figures with their axes, and what they cost the service."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage

pytestmark = pytest.mark.browser


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

    def test_charts_have_axes(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.capture(site.url("/plain.html?axes"))
        expect(tab.find("ratio-top")).to_have_text("100 %")
        expect(tab.find("ratio-from")).to_contain_text("seconds ago")
        expect(tab.page.locator("#ratio-chart polyline")).to_have_count(1)

    def test_requests_of_an_open_page_are_no_line_of_the_log(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.find("rate-value").wait_for()
        assert node.get("/health").status_code == 200
        assert "/status.json" not in node.output()
