"""Full pages of framesets and of pages that consist of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture, Truncation
from tintype.options import Options

pytestmark = pytest.mark.browser

BLUE, RED, GREEN, WHITE, GREY = (0, 102, 204), (204, 0, 0), (0, 153, 0), (255, 255, 255), (221, 221, 221)
CONTENT = 3420
"""Height of frame-content.html in a frame of 720 pixels: as much for its first section."""


@pytest.fixture(scope="module")
def other_site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer, other_site: SiteServer) -> ChromiumEngine:
    allowed = tuple(f"127.0.0.1:{server.port}" for server in (site, other_site))
    return start_engine(slots=2, timeout=60.0, allow_addresses=allowed)


def capture(engine: ChromiumEngine, url: str, **options: Any) -> Capture:
    return engine.capture(Options(url=url, full_page=True, **options).capture_request().shot)


def colours(capture: Capture, *heights: int, x: int = 760) -> list[tuple[int, ...]]:
    return [pixel(capture.body, x, y)[:3] for y in heights]


def shows_content(capture: Capture, top: int = 0, left: int = 0, screen: int = 720) -> bool:
    """Whether the image shows frame-content.html at this place: first section, lazy image, footer, fixed bar."""
    heights = (5, screen - 5, screen + 5, screen + 1095, screen + 1105, screen + 2595, screen + 2605, screen + 2695)
    seen = colours(capture, *(top + height for height in heights), x=left + 760)
    bar = colours(capture, top + screen + 2655, top + screen + 2665, top + screen + 2695, x=left + 50)
    return seen == [RED, RED, WHITE, WHITE, GREEN, WHITE, GREEN, GREEN] and bar == [GREEN, BLUE, BLUE]


class TestIframes:
    @pytest.mark.parametrize("kind", ["plain", "fixed", "hidden", "nested"])
    def test_show_their_whole_content(self, kind: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url(f"/framed.html?{kind}"))
        assert (seen.width, seen.height) == (1280, CONTENT)
        assert shows_content(seen)

    @pytest.mark.parametrize("kind", ["plain", "nested"])
    def test_show_their_whole_content_of_another_origin(
        self, kind: str, engine: ChromiumEngine, site: SiteServer, other_site: SiteServer
    ) -> None:
        seen = capture(engine, site.url(f"/framed.html?{kind}&{other_site.url('')}"))
        assert seen.height == CONTENT
        assert shows_content(seen)

    def test_stand_below_a_header(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/framed.html?headed"))
        assert seen.height == CONTENT
        assert colours(seen, 30) == [BLUE]
        assert shows_content(seen, top=60, screen=660)

    def test_stand_between_margins(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/framed.html?margins"))
        assert seen.height == CONTENT + 16
        assert shows_content(seen, top=8, left=8)

    def test_expand_a_scroller_inside(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/framed.html?shell"))
        assert seen.height == 2060
        assert colours(seen, 30, 100, 1550, 1600, 2050) == [BLUE, WHITE, WHITE, GREEN, GREEN]
        assert colours(seen, 100, 2050, x=100) == [RED, RED]

    @pytest.mark.parametrize(("kind", "height"), [("still", 724), ("small", 720)])
    def test_keep_their_height_if_they_do_not_scroll_the_page(
        self, kind: str, height: int, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        assert capture(engine, site.url(f"/framed.html?{kind}")).height == height

    def test_stop_at_the_height_limit(self, start_engine: StartEngine, site: SiteServer) -> None:
        low = start_engine(timeout=60.0, max_page_height=2000, allow_addresses=(f"127.0.0.1:{site.port}",))
        for page in ("framed.html?plain", "frameset.html"):
            seen = capture(low, site.url(f"/{page}"))
            assert (seen.height, seen.truncated) == (2000, Truncation.HEIGHT)
            assert colours(seen, 700, 1000, 1990) == [RED, WHITE, GREEN]


class TestFramesets:
    def test_show_the_whole_content_beside_a_menu_of_the_same_height(
        self, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = capture(engine, site.url("/frameset.html"))
        assert seen.height == CONTENT
        assert shows_content(seen, left=200)
        assert colours(seen, 30, 100, CONTENT - 10, x=100) == [BLUE, GREY, GREY]

    def test_share_the_height_by_the_parts_of_their_rows(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/frameset-rows.html"))
        assert colours(seen, 30, 70) == [BLUE, GREY]
        assert shows_content(seen, top=80, left=200, screen=496)
        assert seen.height == pytest.approx((CONTENT - 720 + 496 + 80) / 0.8, abs=2)
        assert colours(seen, seen.height - 10, x=760) == [GREY]

    def test_show_the_viewport_without_full_page(self, engine: ChromiumEngine, site: SiteServer) -> None:
        shot = Options(url=site.url("/frameset.html")).capture_request().shot
        assert engine.capture(shot).height == 720
