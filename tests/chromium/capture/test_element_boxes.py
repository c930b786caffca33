"""The boxes and selectors of visible elements, for ``elements=true``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chromium.conftest import StartEngine
from tintype import imaging
from tintype.chromium.capture.element_boxes import MAX_BOXES, MAX_LENGTH
from tintype.engines.chromium import ChromiumEngine
from tintype.options import INLINE_HTML_URL, Options

pytestmark = pytest.mark.browser
STYLE = "body{margin:0;height:2000px} div,p,form{position:absolute;margin:0;width:100px;height:50px}"
PLACED = f"<!doctype html><style>{STYLE}</style>"


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine) -> ChromiumEngine:
    return start_engine(slots=1, timeout=30.0)


def elements(engine: ChromiumEngine, html: str, **options: Any) -> list[dict[str, Any]]:
    """The list for a page of this HTML."""
    request = Options(url=INLINE_HTML_URL, html=html, format="json", elements=True, **options).capture_request()
    document = json.loads(imaging.render(engine.capture(request.shot), request.rendition).body)
    found: list[dict[str, Any]] = document["elements"]
    return found


def boxes(engine: ChromiumEngine, html: str, **options: Any) -> dict[str, tuple[int, ...]]:
    return {each.pop("selector"): tuple(each.values()) for each in elements(engine, html, **options)}


class TestElementBoxes:
    def test_lists_boxes_from_the_largest_with_short_selectors(self, engine: ChromiumEngine) -> None:
        html = f"""{PLACED}<div id=main style="left:20px;top:30px;width:400px;height:300px">
            <p style="left:10px;top:20px"></p><p style="left:10px;top:90px;width:80.4px"></p></div>
            <div style="left:600px;top:9px"></div>"""
        found = boxes(engine, html)
        assert list(found.items()) == [
            ("body", (0, 0, 1280, 2000)),
            ("#main", (20, 30, 400, 300)),
            ("p:nth-of-type(1)", (30, 50, 100, 50)),
            ("div:nth-of-type(2)", (600, 9, 100, 50)),
            ("p:nth-of-type(2)", (30, 120, 80, 50)),
        ]

    def test_leaves_out_what_is_invisible_small_or_the_same_image(self, engine: ChromiumEngine) -> None:
        html = f"""{PLACED}<div style="visibility:hidden"></div><div style="opacity:0"></div>
            <div style="width:7px"></div>
            <div style="top:1500px"></div><div style="height:0;overflow:hidden"><p></p></div>
            <section style="height:70px"><section id=inner style="height:70px"></section></section>
            <svg width=60 height=60><rect width=60 height=60 /></svg>"""
        assert list(boxes(engine, html)) == ["body", "#inner", "svg"]

    def test_cuts_boxes_as_the_page_cuts_them(self, engine: ChromiumEngine) -> None:
        html = f"""{PLACED}<div id=frame style="overflow:hidden"><p id=wide style="width:900px"></p>
            <p id=outside style="left:300px"></p></div>
            <section style="overflow:hidden;height:20px"><p id=free style="left:9px;top:200px"></p></section>"""
        found = boxes(engine, html)
        assert "#outside" not in found
        assert found["#frame"] == (0, 0, 100, 50)
        assert found["#free"] == (9, 200, 100, 50)

    def test_escapes_hostile_ids(self, engine: ChromiumEngine) -> None:
        html = f"""{PLACED}<div id='a"]🎉,*{{}}'></div><p id='{"x" * 500}' style="top:99px"></p>
            <div id="twice" style="top:200px"></div><div id="twice" style="top:300px"></div>
            <form id=form style="top:400px"><input name=id><input name=parentElement><input name=getAttribute></form>"""
        found = boxes(engine, html)
        assert set(found) >= {r"#a\"\]🎉\,\*\{\}", "p", "div:nth-of-type(2)", "div:nth-of-type(3)", "#form"}

    def test_selector_captures_the_element(self, engine: ChromiumEngine) -> None:
        html = f"{PLACED}<div style='top:80px;left:9px;width:33px;height:44px'></div>"
        selector = elements(engine, html)[-1]["selector"]
        capture = engine.capture(Options(url=INLINE_HTML_URL, html=html, selector=selector).capture_request().shot)
        assert (capture.width, capture.height) == (33, 44)

    def test_full_page_counts_from_its_top(self, engine: ChromiumEngine) -> None:
        html = f"{PLACED}<div id=low style='top:1500px;left:40px'></div>"
        assert boxes(engine, html, full_page=True)["#low"] == (40, 1500, 100, 50)

    def test_scroll_position_moves_boxes(self, engine: ChromiumEngine) -> None:
        html = f"{PLACED}<div id=low style='top:1000px;left:40px'></div>"
        assert boxes(engine, html, scroll_to="900")["#low"] == (40, 100, 100, 50)

    def test_phone_shrinks_boxes_with_the_page(self, engine: ChromiumEngine) -> None:
        html = f"{PLACED}<meta name=viewport content='width=980'><div id=box style='left:490px'></div>"
        x, _, width, _ = boxes(engine, html, device="iphone-13")["#box"]
        assert (x, width) == (195, 40)

    @pytest.mark.parametrize("count", [3000, 30_000])
    def test_bounds_the_list(self, engine: ChromiumEngine, count: int) -> None:
        style = "<style>p{float:left;margin:0;width:10px;height:10px}</style>"  # thousands of them are visible
        found = elements(engine, f"{style}<main>{'<p>x' * count}</main>")
        assert 20 <= len(found) <= MAX_BOXES
        assert max(len(each["selector"]) for each in found) <= MAX_LENGTH

    def test_deep_page_has_selectors_of_five_steps(self, engine: ChromiumEngine) -> None:
        nested = "<div style='padding:1px'><i></i>" * 200
        selectors = [each["selector"] for each in elements(engine, nested)]
        assert max(each.count(" > ") for each in selectors) <= 4
        assert len(set(selectors)) == len(selectors)
