"""Accessibility of the playground: contrast, names, keyboard, narrow screens, colour schemes (WCAG 2.2, AA)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import OpenPage, open_pages
from tests.playground.page_driver import PageDriver

pytestmark = pytest.mark.browser

AUDIT = (Path(__file__).parent / "audit.js").read_text()
MIN_TARGET = 44
"""Minimum height of a control in CSS pixels (WCAG 2.5.5)."""


@pytest.fixture(scope="module", params=["light", "dark"])
def audit(request: pytest.FixtureRequest, browser: Browser, node: Node, site: SiteServer) -> dict[str, Any]:
    """Audit of the page with a thumbnail, errors, status, a gallery entry, and all groups expanded."""
    with open_pages(browser) as open_page:
        tab = open_page(node, color_scheme=request.param)
        tab.capture(site.url("/plain.html?full"))
        tab.set_options(delay="99999")
        tab.capture()
        tab.expand_all()
        tab.find("rate-value").wait_for()
        return audit_page(tab)


def audit_page(tab: PageDriver) -> dict[str, Any]:
    """Texts, borders, controls and headings of the page; see ``audit.js``."""
    return dict(tab.page.evaluate(AUDIT))


class TestContent:
    def test_text_contrast_is_at_least_aa(self, audit: dict[str, Any]) -> None:
        assert len(audit["texts"]) > 100
        assert [text for text in audit["texts"] if text["contrast"] < text["needed"]] == []

    def test_control_borders_have_contrast_3(self, audit: dict[str, Any]) -> None:
        assert [edge for edge in audit["edges"] if edge["contrast"] < 3] == []

    def test_every_control_has_a_name(self, audit: dict[str, Any]) -> None:
        assert [each for each in audit["controls"] if not each["name"].strip()] == []

    def test_every_control_is_44_pixels_high(self, audit: dict[str, Any]) -> None:
        assert [each for each in audit["controls"] if each["height"] < MIN_TARGET and not each["inText"]] == []


class TestStructure:
    def test_headings_and_landmarks_are_in_order(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        levels = audit_page(tab)["headings"]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        for landmark in ("banner", "main", "navigation", "contentinfo"):
            assert tab.page.get_by_role(landmark).count() == 1
        assert tab.page.locator("html").get_attribute("lang") == "en"

    def test_roles_and_names_are_exposed(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        assert tab.page.get_by_role("textbox", name="Address of the page").count() == 1
        assert tab.page.get_by_role("checkbox", name="Dark mode").count() == 1
        assert tab.page.get_by_role("searchbox", name="Find an option").count() == 1
        assert tab.page.get_by_role("tab", name="Python").count() == 1
        assert tab.page.get_by_role("button", name="Copy HTML").count() == 1


class TestKeyboard:
    def test_captures_without_a_mouse(self, open_page: OpenPage, node: Node, site: SiteServer) -> None:
        tab = open_page(node)
        tab.page.keyboard.type(site.url("/plain.html?keyboard"))
        for _ in range(5):  # the button, the example, Reset all, the search, the device
            tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.type("320")
        assert tab.find("thumb_width").input_value() == "320"
        tab.page.keyboard.press("Enter")
        tab.wait_idle()
        assert tab.image_size[0] == 320

    def test_skips_to_the_address(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node, "/#snippets")
        tab.find("url").evaluate("each => each.blur()")
        tab.page.locator(".skip").focus()
        assert tab.page.locator(".skip").bounding_box() is not None
        tab.page.keyboard.press("Enter")
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate("document.activeElement.id") in {"url", "go"}

    def test_focus_reaches_every_control_and_is_visible(self, open_page: OpenPage, node: Node) -> None:
        tab = open_page(node)
        tab.page.locator(".skip").focus()
        reached: list[str] = []
        while True:
            tab.page.keyboard.press("Tab")
            where = tab.page.evaluate(
                "(e => [e.tagName, e.id || e.name || e.textContent, getComputedStyle(e).outlineStyle,"
                " getComputedStyle(e.closest('.bar') ?? e).outlineStyle])(document.activeElement)"
            )
            if where[0] == "BODY" or where[1] in reached:
                break
            assert "none" not in where[2:] or where[2] != where[3], where
            reached.append(where[1])
        assert {"url", "go", "find-option", "device", "thumb_width", "format", "full_page", "example"} <= set(reached)
        assert any("Viewport and device" in name for name in reached)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_overflows_the_viewport(open_page: OpenPage, node: Node, site: SiteServer, width: int) -> None:
    tab = open_page(node, viewport={"width": width, "height": 800})
    tab.capture(site.url("/plain.html?a-rather-long-address-that-has-no-place-to-be-broken-on-a-small-telephone"))
    tab.expand_all()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


def test_follows_the_preferred_colour_scheme(open_page: OpenPage, node: Node) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = (open_page(node, color_scheme=scheme).page.evaluate(colour) for scheme in ("light", "dark"))
    assert (light, dark) == ("rgb(246, 243, 236)", "rgb(18, 24, 26)")


def test_follows_prefers_reduced_motion(open_page: OpenPage, node: Node, site: SiteServer) -> None:
    moving = "getComputedStyle(document.querySelector('#stepper .current'), '::before').animationName"
    for preference, animation in (("reduce", "none"), ("no-preference", "turn")):
        tab = open_page(node, reduced_motion=preference)
        tab.page.fill("#url", site.url(f"/never-loads.html?{preference}"))
        tab.page.click("#go")
        tab.find("working").wait_for()
        assert tab.page.evaluate(moving) == animation
        tab.page.keyboard.press("Escape")
        tab.wait_idle()
