"""The page at /docs in a browser: copy buttons, base URL below a path, contrast."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Route

from harness.node import Node
from tests.playground.conftest import OpenPage

pytestmark = pytest.mark.browser

AUDIT = (Path(__file__).parent / "audit.js").read_text()


def test_copies_every_example(open_page: OpenPage, node: Node) -> None:
    tab = open_page(node, "/docs", permissions=["clipboard-read", "clipboard-write"])
    for route, name in (("GET /thumb", "thumb"), ("POST /thumb", "thumbPosted"), ("POST /persist", "persist")):
        tab.page.get_by_role("button", name=f"Copy the example of {route}", exact=True).click()
        example = tab.find(f"{name}-curl").text_content()
        tab.page.wait_for_function("async (text) => (await navigator.clipboard.readText()) === text", arg=example)
        assert f"'{tab.base}/{route.partition('/')[2]}" in str(example)


def test_examples_have_the_base_url_of_the_browser(open_page: OpenPage, node: Node) -> None:
    tab = open_page(node)

    def strip_prefix(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace("/below/it", "")))

    tab.page.route("**/below/it/**", strip_prefix)
    tab.page.goto(f"{tab.base}/below/it/docs")
    example = tab.page.locator("#thumb-curl")
    example.get_by_text(f"'{tab.base}/below/it/thumb?").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrast_is_at_least_aa(open_page: OpenPage, node: Node, scheme: str) -> None:
    tab = open_page(node, "/docs", color_scheme=scheme)
    audit = tab.page.evaluate(AUDIT)
    assert len(audit["texts"]) > 100
    assert [text for text in audit["texts"] if text["contrast"] < text["needed"]] == []
