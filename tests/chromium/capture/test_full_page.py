"""Full-page captures through the daemon, with the real browser: everything once and in its place."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture, Truncation
from tintype.options import Options

pytestmark = pytest.mark.browser

BLUE, RED, GREEN, WHITE = (0, 102, 204), (204, 0, 0), (0, 153, 0), (255, 255, 255)
GREY = (221, 221, 221)


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=2, timeout=20.0, max_page_height=40_000, allow_addresses=(f"127.0.0.1:{site.port}",))


def capture(engine: ChromiumEngine, url: str, **options: Any) -> Capture:
    return engine.capture(Options(url=url, full_page=True, **options).capture_request().shot)


def colours(capture: Capture, *heights: int, x: int = 300) -> list[tuple[int, ...]]:
    return [pixel(capture.body, x, y)[:3] for y in heights]


class TestFullPage:
    def test_loads_lazy_images_on_the_way_down(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/lazy.html"))
        assert seen.height == 4500
        assert colours(seen, 1350, 2850, 4350) == [GREEN, GREEN, GREEN]

    def test_captures_a_page_that_grows_for_ever(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/endless.html"), width=640, height=480)
        assert 3000 < seen.height < 10_000
        assert not seen.partial
        assert colours(seen, seen.height - 300) == [BLUE]

    def test_shows_fixed_and_sticky_elements_once(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/pins.html"))
        assert seen.height == 3090
        assert colours(seen, 25, 75, 695, 715) == [BLUE, WHITE, WHITE, WHITE]
        assert colours(seen, 995, 1025, 1055) == [WHITE, RED, WHITE]
        assert colours(seen, 2045, 2070, 2095) == [WHITE, RED, WHITE]
        assert colours(seen, 3055, 3075) == [WHITE, GREEN]

    def test_shows_the_header_as_before_scrolling(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/scrolled-header.html"))
        assert colours(seen, 25, 75, 125) == [BLUE, BLUE, WHITE]

    @pytest.mark.parametrize("kind", ["layer", "pseudo", "image", "nested", "body", "root", "sections", "parts"])
    def test_shows_fixed_backdrops_behind_every_screen(
        self, kind: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url(f"/backdrops.html?{kind}"))
        assert colours(seen, 300, 1100, 1900, 2990) == [GREEN] * 4
        assert (pixel(seen.body, 120, 120)[:3] == RED) is (kind == "nested")
        assert colours(seen, 840, 1560, x=120) == [GREEN, GREEN]

    def test_shows_a_fixed_veil_over_every_screen(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/backdrops.html?veil"))
        assert len(set(colours(seen, 300, 1500, 2900))) == 1
        assert colours(seen, 2900) != [WHITE]

    @pytest.mark.parametrize("kind", ["transform", "filter", "contain", "change"])
    def test_keeps_fixed_elements_of_a_box_in_place(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/contained.html?{kind}"))
        assert seen.height == 3000
        assert colours(seen, 440, 500, 560, 2780, x=350) == [GREY, RED, GREY, WHITE]

    def test_keeps_the_left_offset_of_sticky_columns(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/contained.html?transform"))
        assert [pixel(seen.body, x, 750)[:3] for x in (60, 130, 220, 240)] == [BLUE, RED, RED, WHITE]

    def test_moves_fixed_bars_of_shadow_trees_to_the_end(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/contained.html?transform"))
        assert colours(seen, 695, 2950, 2970, 2990, x=640) == [GREY, WHITE, GREEN, GREEN]
        assert [pixel(seen.body, x, 2980)[:3] for x in (530, 550, 730, 750)] == [WHITE, GREEN, GREEN, WHITE]

    def test_extends_a_fixed_side_bar_to_the_end(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/contained.html?transform"))
        assert colours(seen, 300, 1500, 2990, x=1230) == [BLUE, BLUE, BLUE]

    def test_draws_parts_that_are_skipped_outside_the_viewport(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/skipped.html"))
        assert seen.height == 3900
        assert colours(seen, 450, 1350, 2250, 3150, 3650, 3890) == [GREEN, GREEN, GREEN, GREEN, WHITE, BLUE]

    @pytest.mark.parametrize("kind", ["ltr", "rtl", "vertical"])
    def test_has_the_whole_width_of_the_page(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/wide.html?{kind}"), width=640, height=480)
        assert (seen.width, seen.truncated) == (2000, Truncation.NONE)
        assert [pixel(seen.body, x, 50)[:3] for x in (50, 1000, 1950)] == [BLUE, WHITE, GREEN]
        assert [pixel(seen.body, x, 450)[:3] for x in (50, 1000, 1950)] == [GREY, GREY, GREY]

    @pytest.mark.parametrize(("kind", "colour"), [("ltr", BLUE), ("rtl", GREEN)])
    def test_leaves_out_overflow_that_no_visitor_sees(
        self, kind: str, colour: tuple[int, ...], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url(f"/wide.html?{kind}%20cut"), width=640, height=480)
        assert seen.width == 640
        assert colours(seen, 50, x=50 if kind == "ltr" else 590) == [colour]

    def test_shows_a_wide_page_as_small_as_a_phone_does(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/wide.html?ltr%20tall"), device="iphone-14")
        assert seen.width == 2000 * 0.25 * 3  # phones do not show a page smaller than a quarter
        edges = [pixel(seen.body, x, 20)[:3] for x in (20, 750, 1480)]
        assert edges == [BLUE, WHITE, GREEN]

    def test_stitches_tiles_with_and_without_transparency(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/transparent-end.html"), width=320, height=480, omit_background=True)
        assert seen.height == 30_000
        assert [pixel(seen.body, 100, y) for y in (100, 20_000)] == [(*GREEN, 255), (*GREEN, 255)]
        assert pixel(seen.body, 100, 29_900)[3] == 0

    @pytest.mark.parametrize("kind", ["entry", "pass", "toggle", "moving", "inline"])
    def test_shows_what_is_visible_only_while_in_view(
        self, kind: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url(f"/while-in-view.html?{kind}"))
        assert seen.height == 2500
        assert colours(seen, 350, 950, 1310, 1550, 1790, 2150, 2390) == [GREEN] * 7
        assert colours(seen, 650, 1250, 1850) == [WHITE, WHITE, WHITE]

    def test_shows_what_begins_at_the_edge_of_the_first_screen(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/while-in-view.html?near"), height=780)
        assert colours(seen, 350, 760, 1000, 1600, 2300) == [GREEN] * 5

    def test_captures_a_page_without_a_root_element(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/plain.html"), js="document.documentElement.remove()")
        assert (seen.width, seen.height) == (1280, 720)

    def test_expands_an_inner_scroller(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/app-shell.html"))
        assert seen.height == 2060
        assert colours(seen, 30, 100, 1500, 1600, 2050) == [BLUE, WHITE, WHITE, GREEN, GREEN]
        assert colours(seen, 100, 2050, x=100) == [RED, RED]

    def test_expands_a_pane_that_covers_the_page(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/pane.html"))
        assert seen.height == 2200
        assert colours(seen, 1990, 2190) == [WHITE, GREEN]

    @pytest.mark.parametrize("page", ["tall-screen.html", "measured-screen.html"])
    def test_keeps_elements_of_viewport_height(self, page: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/{page}"))
        assert (seen.width, seen.height) == (1280, 2000)
        assert colours(seen, 715, 725, 1990) == [BLUE, RED, RED]

    @pytest.mark.parametrize("scale", [1, 1.5])
    def test_stitches_a_page_taller_than_chromium_draws(
        self, scale: float, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url("/long.html"), width=320, height=480, scale=scale)
        assert (seen.width, seen.height, seen.truncated) == (320 * scale, 30_000 * scale, Truncation.NONE)
        heights = [25, *(step + middle for step in (9900, 15_900, 16_200, 24_000) for middle in (75, 225)), 29_990]
        bands = [RED, WHITE] * 4
        assert colours(seen, *(round(height * scale) for height in heights)) == [BLUE, *bands, GREEN]
        assert colours(seen, round(455 * scale), round(16_383 * scale)) == [WHITE, WHITE]


class TestSideBars:
    """Columns as tall as the viewport, which a visitor sees beside every screen."""

    @pytest.mark.parametrize("kind", ["fixed", "grid", "flex", "inner", "absolute", "app", "shell", "fixedapp"])
    def test_reach_to_the_end_of_their_column(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/side-bars.html?{kind}"))
        assert seen.height == (2560 if kind in {"grid", "shell"} else 2500)
        heights = range(10, seen.height, 40)
        assert colours(seen, *heights, x=100) == [BLUE] * len(heights)
        assert colours(seen, seen.height - 50) == [GREEN]

    def test_reach_from_the_header_to_the_end(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/side-bars.html?below"))
        assert colours(seen, 30, 70, 700, 800, 2550, x=100) == [GREY, BLUE, BLUE, BLUE, BLUE]

    def test_keep_transparency_borders_shadows_and_gradients(self, engine: ChromiumEngine, site: SiteServer) -> None:
        veil, lined, gradient, shadowed = (
            capture(engine, site.url(f"/side-bars.html?{kind}")) for kind in ("veil", "lined", "gradient", "fixed")
        )
        assert len(set(colours(shadowed, 300, 2000, x=255))) == 1
        assert WHITE not in colours(shadowed, 300, 719, 720, 721, 2000, x=255)
        assert len(set(colours(veil, 100, 715, 725, 2490, x=100))) == 1
        assert colours(lined, 100, 715, 725, 2490, x=245) == [RED] * 4
        blue = [pixel(gradient.body, 100, y)[2] for y in (10, 715, 725, 1250, 2490)]
        assert blue == sorted(blue)
        assert blue[2] - blue[1] < 5

    def test_leaves_sections_of_viewport_height_as_they_are(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/side-bars.html?hero"))
        assert seen.height == 5 * 720 + 4 * 700
        starts = [number * 1420 for number in range(5)]
        assert colours(seen, *(start + y for start in starts for y in (5, 715))) == [RED] * 10
        assert colours(seen, *(start + y for start in starts[:4] for y in (725, 1415))) == [WHITE] * 8

    def test_finds_bars_in_closed_shadow_trees(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/closed-bars.html"))
        assert seen.height == 3600
        assert colours(seen, 25, 75, 695, 1210, 1790, 3550, 3570, 3590) == [
            BLUE,
            *[WHITE] * 2,
            *[GREEN] * 2,
            WHITE,
            *[RED] * 2,
        ]
        assert colours(seen, 100, 1500, 3590, x=1230) == [GREY] * 3
