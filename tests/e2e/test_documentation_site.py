"""The documentation site in a browser: whole names, code that nothing hides, contrast, no sideways scrolling."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.documentation_site import build_site
from tests.support.paths import ROOT
from tintype.provision import find_browser

pytestmark = pytest.mark.browser

AUDIT = (ROOT / "tests" / "playground" / "audit.js").read_text()
GAPS = """Array.from(document.querySelectorAll("pre"), (block) => {
  const [button, code] = ["nav", "code"].map((name) => block.querySelector(name).getBoundingClientRect());
  return button.left - code.right;
})"""
"""Pixels between the code and the copy button of each block."""
PAGES = ("index", "quickstart", "configuration", "options", "migrating/recipe")
WIDE, PHONE = (1360, 900), (390, 800)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_browser.find_chromium(os.environ.get("TINTYPE_CHROMIUM", ""))
    with sync_playwright() as play, play.chromium.launch(executable_path=str(executable)) as launched:
        yield launched


def open_page(browser: Browser, path: Path, size: tuple[int, int], scheme: str = "light") -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page.set_default_timeout(60_000)
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_names_of_settings_stay_on_one_line(site: Path, browser: Browser, size: tuple[int, int]) -> None:
    page = open_page(browser, site / "configuration.html", size)
    lines = page.evaluate(
        "Array.from(document.querySelectorAll('td:first-child code'), e => [e.textContent, e.getClientRects().length])"
    )
    assert len(lines) > 50
    assert [name for name, count in lines if count != 1] == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_scrolls_down_only(site: Path, browser: Browser, name: str) -> None:
    page = open_page(browser, site / f"{name}.html", PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_copy_buttons_hide_no_code(site: Path, browser: Browser, size: tuple[int, int]) -> None:
    page = open_page(browser, site / "quickstart.html", size)
    page.locator(".md-code__nav").first.wait_for()
    gaps = page.evaluate(GAPS)
    assert len(gaps) > 5
    assert min(gaps) >= 0
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_text_contrast_is_at_least_aa(site: Path, browser: Browser, name: str, scheme: str) -> None:
    page = open_page(browser, site / f"{name}.html", WIDE, scheme)
    texts = page.evaluate(AUDIT)["texts"]
    assert len(texts) > 40
    assert [text for text in texts if text["contrast"] < text["needed"]] == []
    page.close()


def test_has_the_colours_of_the_product(site: Path, browser: Browser) -> None:
    own = "".join(path.read_text() for path in sorted((ROOT / "tintype" / "web" / "static").glob("*.css")))
    sheet = (ROOT / "docs" / "stylesheets" / "site.css").read_text()
    for name in ("paper", "sheet", "ink", "soft", "line", "accent", "tint", "focus"):
        shared = [line.strip() for line in own.splitlines() if line.strip().startswith(f"--{name}:")]
        assert len(shared) == 2, "one for light, one for dark"
        assert all(line in sheet for line in shared), name
    page = open_page(browser, site / "index.html", WIDE)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 243, 236)"
    assert "serif" in page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
    page.close()
