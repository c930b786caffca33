"""What a capture shows, and which pages are no pictures. Everything through the daemon, with the real browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype import imaging
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import InvalidRequest, NotAPage, SelectorNotFound, TargetDenied, TargetError, TargetUnreachable
from tintype.model import Capture
from tintype.options import Options, Shot

pytestmark = pytest.mark.browser

BLUE, RED, GREEN, WHITE, BLACK = (0, 102, 204), (204, 0, 0), (0, 153, 0), (255, 255, 255), (0, 0, 0)
SMALL = {"width": 640, "height": 480}


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=2, timeout=8.0, allow_addresses=(f"127.0.0.1:{site.port}",))


def shot(url: str, **options: Any) -> Shot:
    return Options(url=url, **options).capture_request().shot


def colour(capture: Capture, x: int, y: int) -> tuple[int, ...]:
    return pixel(capture.body, x, y)[:3]


class TestThePicture:
    def test_is_the_viewport(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/plain.html")))
        assert imaging.size(seen.body)[:2] == (seen.width, seen.height) == (1280, 720)
        assert colour(seen, 1270, 710) == BLUE

    def test_knows_where_it_came_from(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/redirect?to=/plain.html"), **SMALL))
        assert (seen.final_url, seen.status, seen.title) == (site.url("/plain.html"), 200, "Plain page")
        assert not seen.partial
        assert set(seen.timings) == {"queue", "context", "navigate", "stabilize", "screenshot"}

    def test_has_the_asked_size_and_scale(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/plain.html"), width=800, height=600, scale=1.5))
        assert (seen.width, seen.height) == (1200, 900)

    @pytest.mark.parametrize(("dark", "background"), [(False, WHITE), (True, BLACK)])
    def test_has_the_asked_colours(
        self, dark: bool, background: tuple[int, ...], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/dark.html"), dark_mode=dark, **SMALL))
        assert colour(seen, 300, 200) == background

    def test_is_taken_as_a_phone_sees_it(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/device.html"), device="iphone-15"))
        assert (seen.width, seen.height) == (1179, 2556)
        page = json.loads(seen.title)
        assert (page["width"], page["height"], page["scale"]) == (393, 852, 3)
        assert page["touch"] > 0
        assert "iPhone" in page["agent"]

    def test_is_taken_as_an_ordinary_visitor_sees_it(self, engine: ChromiumEngine, site: SiteServer) -> None:
        page = json.loads(engine.capture(shot(site.url("/device.html"))).title)
        assert "Headless" not in page["agent"]
        assert (page["width"], page["height"], page["scale"], page["touch"]) == (1280, 720, 1, 0)
        assert page["language"] == "en-US"

    def test_shows_the_whole_page_with_what_loads_late(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/tall.html"), full_page=True))
        assert (seen.width, seen.height, seen.truncated) == (1280, 3000, False)
        assert [colour(seen, 600, y) for y in (500, 1500, 2500)] == [BLUE, RED, GREEN]

    def test_of_a_whole_page_keeps_screen_high_parts_as_high_as_the_screen(
        self, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/tall-screen.html"), full_page=True))
        assert (seen.width, seen.height) == (1280, 2000)
        assert [colour(seen, 600, y) for y in (715, 725)] == [BLUE, RED]

    @pytest.mark.parametrize(("page", "title"), [("touchy", "Untouched"), ("scripted", "Scripts are on")])
    @pytest.mark.parametrize("part", [{"full_page": True}, {"selector": "div"}, {"clip": "0,0,400,900"}])
    def test_of_a_part_is_taken_without_the_page_noticing(
        self, part: dict[str, Any], page: str, title: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url(f"/{page}.html"), **SMALL, **part))
        assert {colour(seen, 10, y) for y in (10, 400, 890)} == {GREEN}
        assert (seen.title, seen.status) == (title, 200)

    @pytest.mark.parametrize("part", [{"selector": "header"}, {"clip": "0,0,400,150"}])
    def test_of_a_part_on_the_screen_leaves_the_window_as_it_is(
        self, part: dict[str, Any], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/header-by-width.html"), **SMALL, **part))
        assert {colour(seen, 10, y) for y in (0, 70, 140)} == {GREEN}

    def test_of_a_part_is_counted_from_the_top_of_a_scrolled_page(
        self, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/tall.html?scrolled"), clip="0,0,400,400", scroll_to="500", **SMALL))
        assert colour(seen, 10, 200) == BLUE

    def test_of_a_short_page_is_as_high_as_the_screen(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/plain.html"), full_page=True, **SMALL))
        assert (seen.width, seen.height) == (640, 480)
        assert colour(seen, 630, 470) == BLUE

    def test_of_a_page_made_for_desks_on_a_phone(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/desk.html"), full_page=True, device="iphone-se", scale=1))
        assert seen.width == 375
        assert colour(seen, 370, 600) == BLUE

    @pytest.mark.parametrize(("selector", "is_"), [(".box", RED), ("#far", GREEN)])
    def test_is_one_element(
        self, selector: str, is_: tuple[int, ...], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/elements.html"), selector=selector, scale=2))
        assert (seen.width, seen.height) == (600, 400)
        assert {colour(seen, x, y) for x in (1, 598) for y in (1, 398)} == {is_}

    def test_waits_for_an_element(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/late.html?after=300"), wait_for="#there", **SMALL))
        assert colour(seen, 300, 200) == GREEN

    def test_waits_for_the_element_to_photograph(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/late.html?after=200"), selector="#there"))
        assert colour(seen, 5, 5) == GREEN

    def test_waits_as_long_as_asked(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/late.html?after=400"), delay=1000, **SMALL))
        assert colour(seen, 300, 200) == GREEN

    @pytest.mark.parametrize("until", ["domcontentloaded", "load", "networkidle"])
    def test_waits_for_the_asked_event(self, until: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url(f"/plain.html?{until}"), wait_until=until, **SMALL))
        assert colour(seen, 600, 400) == BLUE
        assert not seen.partial

    def test_follows_a_page_that_sends_visitors_on(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/moved.html"), **SMALL))
        assert seen.final_url == site.url("/plain.html?moved")
        assert colour(seen, 600, 400) == BLUE

    def test_of_a_missing_page_says_so(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/no-such-page"), **SMALL))
        assert seen.status == 404
        assert colour(seen, 600, 400) == RED

    def test_of_a_text_is_drawn(self, engine: ChromiumEngine, site: SiteServer) -> None:
        assert engine.capture(shot(site.url("/text"), **SMALL)).status == 200


class TestNoPicture:
    @pytest.mark.parametrize("path", ["/download", "/pdf", "/video", "/nothing"])
    def test_of_what_is_not_a_page(self, path: str, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(NotAPage):
            engine.capture(shot(site.url(path)))

    def test_of_an_error_without_content(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetError):
            engine.capture(shot(site.url("/broken?status=502")))

    @pytest.mark.parametrize(
        "url", ["http://does-not-exist.tintype-tests.com/", "https://does-not-exist.tintype-tests.com/"]
    )
    def test_of_an_unknown_host(self, url: str, engine: ChromiumEngine) -> None:
        with pytest.raises(TargetUnreachable, match="host name does not resolve"):
            engine.capture(shot(url))

    def test_of_a_host_without_tls(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetUnreachable):
            engine.capture(shot(site.url("/plain.html").replace("http:", "https:")))

    def test_of_an_address_that_is_not_public(self, engine: ChromiumEngine) -> None:
        with pytest.raises(TargetDenied):
            engine.capture(shot("http://127.0.0.1:8099/"))

    def test_of_a_redirect_to_an_address_that_is_not_public(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetDenied) as refusal:
            engine.capture(shot(site.url("/redirect?to=http://169.254.169.254/latest/")))
        assert "169.254" not in refusal.value.detail

    def test_of_a_page_that_goes_to_an_address_that_is_not_public(
        self, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        with pytest.raises(TargetDenied):
            engine.capture(shot(site.url("/into-the-house.html")))

    @pytest.mark.parametrize("option", ["selector", "wait_for"])
    def test_of_an_element_that_is_not_there(self, option: str, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(SelectorNotFound, match=option):
            engine.capture(shot(site.url("/plain.html"), **{option: "#never"}))

    @pytest.mark.parametrize("option", ["selector", "wait_for"])
    def test_of_what_is_no_selector(self, option: str, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(InvalidRequest) as mistake:
            engine.capture(shot(site.url("/plain.html"), **{option: "p[["}))
        assert [m.parameter for m in mistake.value.invalid_parameters] == [option]


class TestABoundedPicture:
    def test_is_cut_at_the_height_limit(self, start_engine: StartEngine, site: SiteServer) -> None:
        low = start_engine(slots=1, max_page_height=2000, allow_addresses=(f"127.0.0.1:{site.port}",))
        seen = low.capture(shot(site.url("/tall.html"), full_page=True))
        assert (seen.width, seen.height, seen.truncated) == (1280, 2000, True)
        assert colour(seen, 600, 1990) == RED

    def test_is_cut_at_the_pixel_limit(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/tall.html"), full_page=True, scale=3, width=1280))
        assert seen.truncated
        assert 24_000_000 < seen.width * seen.height <= 25_000_000
        assert imaging.size(seen.body)[:2] == (seen.width, seen.height)
