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

LOOK = (Path(__file__).parent / "look.js").read_text()
LEAST = 44
"""CSS pixels of what is touched (WCAG 2.5.5)."""


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(request: pytest.FixtureRequest, browser: Browser, node: Node, site: SiteServer) -> dict[str, Any]:
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
    return dict(at.page.evaluate(LOOK))


class TestEverything:
    def test_can_be_read(self, seen: dict[str, Any]) -> None:
        assert len(seen["texts"]) > 100
        assert [text for text in seen["texts"] if text["contrast"] < text["needed"]] == []

    def test_can_be_told_from_what_is_around_it(self, seen: dict[str, Any]) -> None:
        assert [edge for edge in seen["edges"] if edge["contrast"] < 3] == []

    def test_has_a_name(self, seen: dict[str, Any]) -> None:
        assert [each for each in seen["controls"] if not each["name"].strip()] == []

    def test_can_be_touched(self, seen: dict[str, Any]) -> None:
        assert [each for each in seen["controls"] if each["height"] < LEAST and not each["inText"]] == []


class TestItsOrder:
    def test_is_that_of_headings_and_landmarks(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        levels = look(at)["headings"]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        for landmark in ("banner", "main", "navigation", "contentinfo"):
            assert at.page.get_by_role(landmark).count() == 1
        assert at.page.locator("html").get_attribute("lang") == "en"

    def test_is_heard_by_those_who_listen(self, visit: Visit, node: Node) -> None:
        at = visit(node)
        assert at.page.get_by_role("status").count() == 1
        assert at.page.get_by_role("textbox", name="URL of the page").count() == 1
        assert at.page.get_by_role("checkbox", name="Dark mode").count() == 1
        assert at.page.get_by_role("button", name="Copy Python").count() == 1


class TestTheKeyboard:
    def test_is_enough(self, visit: Visit, node: Node, site: SiteServer) -> None:
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

    def test_reaches_everything_and_shows_where_one_is(self, visit: Visit, node: Node) -> None:
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
def test_nothing_sticks_out(visit: Visit, node: Node, site: SiteServer, width: int) -> None:
    at = visit(node, viewport={"width": width, "height": 800})
    at.take(site.url("/plain.html?a-rather-long-address-that-has-no-place-to-be-broken-on-a-small-telephone"))
    at.unfold()
    assert at.page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_dark_where_that_is_wished(visit: Visit, node: Node) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = (visit(node, color_scheme=scheme).page.evaluate(colour) for scheme in ("light", "dark"))
    assert (light, dark) == ("rgb(246, 243, 236)", "rgb(18, 24, 26)")


def test_nothing_moves_where_that_is_wished(visit: Visit, node: Node) -> None:
    moving = "getComputedStyle(document.querySelector('.progress-bar'), '::before').animationName"
    assert visit(node, reduced_motion="reduce").page.evaluate(moving) == "none"
    assert visit(node, reduced_motion="no-preference").page.evaluate(moving) == "slide"
