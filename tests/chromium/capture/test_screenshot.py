"""Regions of a page through the daemon, with the real browser: clip, scroll_to, omit_background."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.capture_page import BLUE, GREEN, CapturePage, colours, invalid_parameter
from tests.support.images import pixel
from tintype import imaging
from tintype.errors import SelectorNotFound
from tintype.model import Truncation, Verdict
from tintype.options import Options
from tintype.service.renderer import with_verdict

pytestmark = pytest.mark.browser


class TestRegion:
    def test_clip_is_cut_out_of_the_page(self, capture: CapturePage) -> None:
        seen = capture(clip="0,1900,300,200", scale=2)
        assert (seen.width, seen.height) == (600, 400)
        assert colours(seen, (5, 190), (5, 210)) == [BLUE, GREEN]

    @pytest.mark.parametrize("part", [{"clip": "300,300,50,50"}, {"selector": "body"}])
    def test_a_part_of_one_colour_is_not_blank(self, part: dict[str, Any], capture: CapturePage) -> None:
        shot = Options(url="https://site.org/", **part).capture_request().shot
        script = "document.body.style.color = 'rgb(0, 102, 204)'"
        assert with_verdict(capture("/plain.html", js=script, **part), shot).verdict is Verdict.OK

    def test_rejects_a_clip_outside_of_the_page(self, capture: CapturePage) -> None:
        assert invalid_parameter(capture, clip="0,5000,100,100") == "clip"

    @pytest.mark.parametrize(
        ("kind", "x", "colour"), [("ltr", 1900, GREEN), ("rtl", 0, BLUE), ("rtl%20cut", 540, GREEN)]
    )
    def test_clip_counts_from_the_left_edge_of_the_page(
        self, kind: str, x: int, colour: tuple[int, ...], capture: CapturePage
    ) -> None:
        assert colours(capture(f"/wide.html?{kind}", clip=f"{x},0,100,100"), (50, 50)) == [colour]

    @pytest.mark.parametrize("kind", ["ltr", "rtl", "vertical"])
    @pytest.mark.parametrize(("selector", "colour"), [(".first", BLUE), (".last", GREEN)])
    def test_finds_elements_beside_the_viewport(
        self, kind: str, selector: str, colour: tuple[int, ...], capture: CapturePage
    ) -> None:
        seen = capture(f"/wide.html?{kind}", selector=selector)
        assert (seen.width, colours(seen, (5, 50), (95, 50))) == (100, [colour, colour])

    @pytest.mark.parametrize("kind", ["", "scaled", "nested", "positioned"])
    def test_scrolls_the_boxes_around_an_element(self, kind: str, capture: CapturePage) -> None:
        seen = capture(f"/scrollers.html?{kind}", selector="#wanted")
        assert (seen.width, seen.height, seen.truncated) == (
            (200, 50, Truncation.NONE) if kind == "scaled" else (400, 100, Truncation.NONE)
        )
        assert colours(seen, (5, 3), (190, 46), (5, 46)) == [GREEN] * 3

    def test_cuts_an_element_that_its_scroller_cannot_show(self, capture: CapturePage) -> None:
        seen = capture("/scrollers.html", selector="#tall")
        assert (seen.height, seen.truncated) == (200, Truncation.SCROLLER)
        assert colours(seen, (5, 5), (5, 195)) == [BLUE, BLUE]

    @pytest.mark.parametrize("selector", ["#closed", "#outside"])
    def test_reports_an_element_that_cannot_be_seen(self, selector: str, capture: CapturePage) -> None:
        with pytest.raises(SelectorNotFound, match="selector"):
            capture("/scrollers.html", selector=selector)

    @pytest.mark.parametrize(
        "part", [{"selector": "main p"}, {"clip": "200,1560,1080,500"}, {"selector": "main p", "height": 300}]
    )
    def test_expands_the_scroller_of_an_application(self, part: dict[str, Any], capture: CapturePage) -> None:
        seen = capture("/app-shell.html", **{"width": 1280, "height": 720, **part})
        assert (seen.width, seen.height) == (1080, 500)
        assert colours(seen, (5, 5), (5, 495)) == [GREEN, GREEN]

    @pytest.mark.parametrize("where", ["1500", "main p"])
    def test_scroll_to_moves_the_scroller_of_an_application(self, where: str, capture: CapturePage) -> None:
        seen = capture("/app-shell.html", scroll_to=where)
        assert colours(seen, (300, 30), (300, 100), (300, 470)) == [BLUE, GREEN, GREEN]

    @pytest.mark.parametrize("kind", ["entry", "pass", "toggle", "inline"])
    def test_shows_an_element_that_is_visible_only_while_in_view(self, kind: str, capture: CapturePage) -> None:
        seen = capture(f"/while-in-view.html?{kind}", selector="section:nth-of-type(3)")
        assert colours(seen, (100, 10), (100, 490)) == [GREEN, GREEN]

    @pytest.mark.parametrize("part", [{"selector": "body"}, {"clip": "0,0,1280,4500"}])
    def test_loads_what_is_lazy_in_a_tall_part(self, part: dict[str, Any], capture: CapturePage) -> None:
        seen = capture("/lazy.html", **{"width": 1280, "height": 720, **part})
        assert colours(seen, *((300, y) for y in (1350, 2850, 4350))) == [GREEN] * 3

    @pytest.mark.parametrize("where", ["1950", "#far"])
    def test_scroll_to_moves_the_viewport(self, where: str, capture: CapturePage) -> None:
        seen = capture(scroll_to=where, hide_selectors="header")
        assert (seen.width, seen.height) == (640, 480)
        assert colours(seen, (5, 60), (5, 440)) == [GREEN, GREEN]

    def test_reports_a_scroll_target_without_match(self, capture: CapturePage) -> None:
        with pytest.raises(SelectorNotFound, match="scroll_to"):
            capture(scroll_to="#nothing")

    def test_omit_background_leaves_transparency(self, capture: CapturePage) -> None:
        seen = capture("/see-through.html", omit_background=True)
        assert pixel(seen.body, 50, 50) == (*GREEN, 255)
        assert pixel(seen.body, 300, 300)[3] == 0

    @pytest.mark.parametrize("format_", ["png", "webp", "avif"])
    def test_thumbnails_keep_transparency(self, format_: Any, capture: CapturePage) -> None:
        request = Options(url="https://site.org/", format=format_, thumb_width=320).capture_request()
        thumbnail = imaging.render(capture("/see-through.html", omit_background=True), request.rendition)
        assert pixel(thumbnail.body, 250, 200)[3] == 0
        assert pixel(thumbnail.body, 20, 20)[3] == 255
