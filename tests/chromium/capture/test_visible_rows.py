"""Full pages of lists that keep only their visible rows: every row once, in its place, to the pixel."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
import pyvips

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype.chromium.capture import visible_rows
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture, Truncation
from tintype.options import Options

pytestmark = pytest.mark.browser

BLUE, RED, GREEN, WHITE, GREY = (0, 102, 204), (204, 0, 0), (0, 153, 0), (255, 255, 255), (221, 221, 221)
ROWS, ROW_HEIGHT = 120, 37
IN_THE_WINDOW = ["window", "unnamed", "late", "fetched", "padded", "skeletons"]
"""The document scrolls: between a header of 150 pixels and a footer of 90 pixels."""
IN_AN_ELEMENT = ["inner", "body", "frame", "spacers", "pool", "editor"]
"""An element as tall as the viewport scrolls."""
COMPLETE_WHEN_TALL = ["fills", "appends"]
"""All rows are in the document when the element is as tall as its content."""


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=2, timeout=60.0, max_page_height=40_000, allow_addresses=(f"127.0.0.1:{site.port}",))


def capture(engine: ChromiumEngine, url: str, **options: Any) -> Capture:
    return engine.capture(Options(url=url, full_page=True, **options).capture_request().shot)


def row_colour(number: int) -> tuple[int, ...]:
    """The colour of a row of visible-rows.html."""
    return (number * 37) % 251, (number * 91) % 241, 255 - number % 256


def column(capture: Capture, x: int = 600) -> list[tuple[tuple[int, ...], int]]:
    """Colours of a column of pixels from the top, each with its number of pixels."""
    image = pyvips.Image.new_from_buffer(capture.body, "")
    values = image.crop(x, 0, 1, image.height).extract_band(0, n=3).write_to_memory()
    colours = [tuple(values[at : at + 3]) for at in range(0, len(values), 3)]
    return [(colour, len(list(equal))) for colour, equal in groupby(colours)]


def all_rows(height: int = ROW_HEIGHT) -> list[tuple[tuple[int, ...], int]]:
    return [(row_colour(number), height) for number in range(ROWS)]


class TestLists:
    @pytest.mark.parametrize("kind", IN_THE_WINDOW)
    def test_shows_every_row_of_a_list_in_the_window(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/visible-rows.html?{kind}"))
        assert column(seen) == [(BLUE, 50), (GREY, 100), *all_rows(), (GREEN, 90)]
        assert [pixel(seen.body, 1250, y)[:3] for y in (700, seen.height - 45, seen.height - 20)] == [
            row_colour(14),
            GREEN,
            RED,
        ]
        assert not seen.truncated

    @pytest.mark.parametrize("kind", [*IN_AN_ELEMENT, *COMPLETE_WHEN_TALL, "shadow"])
    def test_shows_every_row_of_a_list_in_an_element(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/visible-rows.html?{kind}"))
        assert column(seen) == all_rows()
        assert not seen.truncated

    @pytest.mark.parametrize("kind", ["window", "inner"])
    @pytest.mark.parametrize("scale", [1.5, 1.25])
    def test_joins_screens_at_whole_pixels(
        self, kind: str, scale: float, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url(f"/visible-rows.html?{kind}"), width=640, height=479, scale=scale)
        rows = [(colour, height) for colour, height in column(seen) if height > 1]  # a row may end inside a pixel
        assert [colour for colour, _ in rows if colour not in {BLUE, GREY, GREEN}] == [
            row_colour(number) for number in range(ROWS)
        ]
        assert all(abs(height - ROW_HEIGHT * scale) < 2 for colour, height in rows if colour not in {BLUE, GREY, GREEN})

    def test_shows_every_row_of_a_zoomed_list(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/visible-rows.html?zoomed"))
        assert [colour for colour, height in column(seen) if height > 1] == [row_colour(n) for n in range(ROWS)]
        assert all(height <= ROW_HEIGHT * 1.25 + 1 for _, height in column(seen))

    def test_shows_rows_whose_height_is_measured_when_they_appear(
        self, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url("/visible-rows.html?uneven"))
        rows = [(row_colour(number), 25 + number % 5 * 9) for number in range(ROWS)]
        assert column(seen) == [(BLUE, 50), (GREY, 100), *rows, (GREEN, 90)]

    @pytest.mark.parametrize(
        ("kind", "before"), [("groups", [(BLUE, 50), (GREY, 100), (WHITE, 20)]), ("table", [(BLUE, 50)])]
    )
    def test_shows_sticky_headings_once(
        self, kind: str, before: list[tuple[tuple[int, ...], int]], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = column(capture(engine, site.url(f"/visible-rows.html?{kind}")), x=900)
        assert seen[: len(before) + ROWS] == [*before, *all_rows()]

    @pytest.mark.parametrize(("kind", "first"), [("beside", 50), ("app", 60)])
    def test_extends_a_side_bar_beside_the_list(
        self, kind: str, first: int, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url(f"/visible-rows.html?{kind}"))
        assert column(seen, x=100) in ([(BLUE, seen.height)], [(BLUE, seen.height)])
        rows = column(seen)
        assert rows[0][1] == first
        assert [row for row in rows if row in all_rows()] == all_rows()
        assert pixel(seen.body, 1250, seen.height - 20)[:3] == RED

    @pytest.mark.parametrize("kind", COMPLETE_WHEN_TALL)
    def test_captures_no_screens_of_a_list_that_is_complete(
        self, kind: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        assert "rows" not in capture(engine, site.url(f"/visible-rows.html?{kind}")).timings
        assert "rows" in capture(engine, site.url("/visible-rows.html?inner")).timings

    def test_texts_that_change_are_no_rows(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/changing-texts.html"))
        assert "rows" not in seen.timings
        assert [pixel(seen.body, 900, y)[:3] for y in (25, 800, 1700, 2600, 3500)] == [BLUE, WHITE, RED, WHITE, RED]


class TestRegions:
    @pytest.mark.parametrize(("kind", "top"), [("window", 150), ("late", 150), ("inner", 0), ("pool", 0)])
    def test_clip_shows_the_rows_there(self, kind: str, top: int, engine: ChromiumEngine, site: SiteServer) -> None:
        y = top + 60 * ROW_HEIGHT
        options = Options(url=site.url(f"/visible-rows.html?{kind}"), clip=(0, y, 800, 30 * ROW_HEIGHT))
        assert column(engine.capture(options.capture_request().shot)) == all_rows()[60:90]

    def test_selector_shows_all_rows_of_a_list(self, engine: ChromiumEngine, site: SiteServer) -> None:
        options = Options(url=site.url("/visible-rows.html?window"), selector="body > div:nth-of-type(3)")
        assert column(engine.capture(options.capture_request().shot)) == all_rows()


class TestBounds:
    @pytest.mark.parametrize("kind", ["window", "inner"])
    def test_cuts_the_image_where_the_screens_end(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/visible-rows.html?{kind}&count=600"), width=320, height=240)
        assert seen.truncated == Truncation.SCREENS
        assert seen.height <= visible_rows.MAX_SCREENS * 240
        rows = [colour for colour, _ in column(seen, x=250) if colour not in {BLUE, GREY}]
        assert rows == [row_colour(number) for number in range(len(rows))]

    @pytest.mark.parametrize("kind", ["window", "inner", "fills"])
    def test_cuts_a_long_list_at_the_height_limit(self, kind: str, start_engine: StartEngine, site: SiteServer) -> None:
        low = start_engine(timeout=60.0, max_page_height=2000, allow_addresses=(f"127.0.0.1:{site.port}",))
        seen = capture(low, site.url(f"/visible-rows.html?{kind}&count=20000"))
        assert (seen.height, seen.truncated) == (2000, Truncation.HEIGHT)
        rows = [colour for colour, _ in column(seen) if colour not in {BLUE, GREY}]
        assert rows == [row_colour(number) for number in range(len(rows))]
