"""Accessibility of the playground in every state by axe-core: no violation of WCAG 2.2 AA or of its best practices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import Look, OpenPage, Start, open_pages
from tests.playground.page_driver import PageDriver, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def filled(browser: Browser, node: Node, site: SiteServer, look: Look) -> Iterator[PageDriver]:
    """A page with a thumbnail that has a badge, two entries, figures, and all groups of options open."""
    with open_pages(browser) as open_page:
        tab = open_page(node, **look)
        tab.capture(site.url("/plain.html?axe"))
        tab.capture(site.url("/missing-page.html"))
        tab.expand_all()
        tab.find("rate-value").wait_for()
        yield tab


def test_empty_page(open_page: OpenPage, node: Node, look: Look) -> None:
    tab = open_page(node, **look)
    tab.find("rate-value").wait_for()
    assert violations(tab) == []


def test_thumbnail_with_all_options(filled: PageDriver) -> None:
    expect(filled.find("badges")).to_contain_text("Error page")
    assert violations(filled) == []


def test_every_snippet(filled: PageDriver) -> None:
    for name in ("curl", "python", "javascript", "markdown"):
        filled.page.click(f"#{name}-tab")
        assert violations(filled) == []


def test_comparison(filled: PageDriver) -> None:
    for button in filled.page.locator(".entry-actions button[aria-pressed]").all():
        button.click()
    expect(filled.find("compare")).to_be_visible()
    assert violations(filled) == []
    filled.page.click("#compare-mode")
    assert violations(filled) == []
    filled.page.click("#compare-close")


def test_selection_of_an_area(open_page: OpenPage, node: Node, site: SiteServer, look: Look) -> None:
    tab = open_page(node, **look)
    tab.capture(site.url("/plain.html?axe"))
    tab.page.click("#clip-tool")
    assert violations(tab) == []


def test_selection_of_an_element(open_page: OpenPage, node: Node, site: SiteServer, look: Look) -> None:
    tab = open_page(node, **look)
    tab.capture(site.url("/nested-boxes.html"))
    tab.page.click("#element-tool")
    expect(tab.page.get_by_role("button", name="Capture this element")).to_be_enabled()
    assert violations(tab) == []


def test_running_capture(open_page: OpenPage, node: Node, site: SiteServer, look: Look) -> None:
    tab = open_page(node, **look)
    site.release_held.clear()
    try:
        tab.page.fill("#url", site.url(f"/plain.html?held={look['color_scheme']}-{look['viewport']['width']}"))
        tab.page.press("#url", "Enter")
        tab.page.locator("[data-step=navigate][aria-current]").wait_for()
        assert violations(tab) == []
    finally:
        site.release_held.set()
    tab.wait_idle()


def test_failures(open_page: OpenPage, node: Node, site: SiteServer, look: Look) -> None:
    tab = open_page(node, **look)
    tab.capture(f"https://127.0.0.1:{site.port}/plain.html")
    assert violations(tab) == []
    tab.set_options(delay="99999", locale="nowhere!")
    tab.capture(site.url("/plain.html"))
    assert violations(tab) == []
    tab.page.fill("#find-option", "no such option")
    assert violations(tab) == []


def test_documents(open_page: OpenPage, node: Node, site: SiteServer, look: Look) -> None:
    tab = open_page(node, **look)
    for format_name in ("pdf", "json"):
        tab.set_options(format=format_name)
        tab.capture(site.url("/plain.html?axe"))
        assert violations(tab) == []


@pytest.mark.parametrize("path", ["/nothing/here", "/thumb?url=https://example.com/&width=1", "/docs"])
def test_other_pages(open_page: OpenPage, node: Node, look: Look, path: str) -> None:
    assert violations(open_page(node, path, **look)) == []


@pytest.mark.parametrize(
    "settings",
    [{"TINTYPE_API_KEYS": "shop:a-key-of-the-shop-1"}, {"TINTYPE_SIGNING_KEYS": "a key that signs addresses"}],
)
def test_closed_services(open_page: OpenPage, share: Start, site: SiteServer, settings: dict[str, str]) -> None:
    tab = open_page(share(**settings))
    assert violations(tab) == []
    tab.capture(site.url("/plain.html"))
    assert violations(tab) == []
