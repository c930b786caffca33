"""The page at ``/`` for everybody: by keyboard, by ear, on a phone, in light and dark (WCAG 2.2, AA)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from harness.node import Node
from harness.site_server import SiteServer
from tests.playground.conftest import Visit, visiting
from tests.playground.visitor import Visitor

pytestmark = pytest.mark.browser

AUDIT = (Path(__file__).parent / "look.js").read_text()
MIN_TARGET = 44
"""CSS pixels of what is touched (WCAG 2.5.5)."""


@pytest.fixture(scope="module", params=["light", "dark"])
def audit(request: pytest.FixtureRequest, browser: Browser, node: Node, site: SiteServer) -> dict[str, Any]:
    """The page with everything on it: a picture, a mistake, figures, a gallery, all options."""
    with visiting(browser) as visit:
        at = visit(node, color_scheme=request.param)
        at.take(site.url("/plain.html?full"))
        at.choose(delay="99999")
        at.take()
        at.unfold()
        at.find("rate-value").wait_for()
        return look(at)


def look(at: Visitor) -> dict[str, Any]:
    """What there is to see: see ``look.js``."""
    return dict(at.page.evaluate(AUDIT))


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
    def test_headings_and_landmarks_are_in_order(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        levels = look(at)["headings"]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        for landmark in ("banner", "main", "navigation", "contentinfo"):
            assert at.page.get_by_role(landmark).count() == 1
        assert at.page.locator("html").get_attribute("lang") == "en"

    def test_roles_and_names_are_exposed(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        assert at.page.get_by_role("status").count() == 1
        assert at.page.get_by_role("textbox", name="URL of the page").count() == 1
        assert at.page.get_by_role("checkbox", name="Dark mode").count() == 1
        assert at.page.get_by_role("button", name="Copy Python").count() == 1


class TestKeyboard:
    def test_captures_without_a_mouse(self, visit: Visit, node: Node, site: SiteServer) -> None:
        at = visit(node)
        at.page.keyboard.press("Tab")
        assert at.page.evaluate("document.activeElement.textContent") == "Skip to the URL field"
        at.page.keyboard.press("Enter")
        at.page.keyboard.press("Tab")
        assert at.page.evaluate("document.activeElement.id") in {"url", "go"}
        at.find("url").focus()
        at.page.keyboard.type(site.url("/plain.html?keyboard"))
        at.page.keyboard.press("Tab")
        at.page.keyboard.press("Tab")
        at.page.keyboard.press("Tab")
        at.page.keyboard.type("320")
        assert at.find("thumb_width").input_value() == "320"
        at.page.keyboard.press("Enter")
        at.settle()
        assert at.picture[0] == 320

    def test_focus_reaches_every_control_and_is_visible(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        reached: list[str] = []
        while True:
            at.page.keyboard.press("Tab")
            where = at.page.evaluate(
                "(e => [e.tagName, e.id || e.name || e.textContent, getComputedStyle(e).outlineStyle,"
                " getComputedStyle(e.closest('.bar') ?? e).outlineStyle])(document.activeElement)"
            )
            if where[0] == "BODY" or where[1] in reached:
                break
            assert "none" not in where[2:] or where[2] != where[3], where
            reached.append(where[1])
        assert {"url", "go", "device", "thumb_width", "format", "full_page", "example"} <= set(reached)
        assert any("Viewport and device" in name for name in reached)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_overflows_the_viewport(visit: Visit, node: Node, site: SiteServer, width: int) -> None:
    at = visit(node, viewport={"width": width, "height": 800})
    at.take(site.url("/plain.html?a-rather-long-address-that-has-no-place-to-be-broken-on-a-small-telephone"))
    at.unfold()
    assert at.page.evaluate("document.documentElement.scrollWidth") <= width


def test_follows_the_preferred_colour_scheme(visit: Visit, node: Node) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = (visit(node, color_scheme=scheme).page.evaluate(colour) for scheme in ("light", "dark"))
    assert (light, dark) == ("rgb(246, 243, 236)", "rgb(18, 24, 26)")


def test_follows_prefers_reduced_motion(visit: Visit, node: Node) -> None:
    moving = "getComputedStyle(document.querySelector('.progress-bar'), '::before').animationName"
    assert visit(node, reduced_motion="reduce").page.evaluate(moving) == "none"
    assert visit(node, reduced_motion="no-preference").page.evaluate(moving) == "slide"
