"""Captures and their failures through the daemon, with the real browser."""

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
from tintype.model import Capture, Truncation
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


class TestCapture:
    def test_shows_the_viewport(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/plain.html")))
        assert imaging.size(seen.body)[:2] == (seen.width, seen.height) == (1280, 720)
        assert colour(seen, 1270, 710) == BLUE

    def test_reports_final_url_status_title_and_timings(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/redirect?to=/plain.html"), **SMALL))
        assert (seen.final_url, seen.status, seen.title) == (site.url("/plain.html"), 200, "Plain page")
        assert not seen.partial
        assert set(seen.timings) == {"queue", "context", "navigate", "stabilize", "screenshot"}

    def test_has_the_requested_size_and_scale(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/plain.html"), width=800, height=600, scale=1.5))
        assert (seen.width, seen.height) == (1200, 900)

    @pytest.mark.parametrize(("dark", "background"), [(False, WHITE), (True, BLACK)])
    def test_has_the_requested_colour_scheme(
        self, dark: bool, background: tuple[int, ...], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/dark.html"), dark_mode=dark, **SMALL))
        assert colour(seen, 300, 200) == background

    def test_emulates_a_phone(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/device.html"), device="iphone-15"))
        assert (seen.width, seen.height) == (1179, 2556)
        page = json.loads(seen.title)
        assert (page["width"], page["height"], page["scale"]) == (393, 852, 3)
        assert page["touch"] > 0
        assert "iPhone" in page["agent"]

    def test_hides_that_the_browser_is_headless(self, engine: ChromiumEngine, site: SiteServer) -> None:
        page = json.loads(engine.capture(shot(site.url("/device.html"))).title)
        assert "Headless" not in page["agent"]
        assert (page["width"], page["height"], page["scale"], page["touch"]) == (1280, 720, 1, 0)
        assert page["language"] == "en-US"

    def test_full_page_shows_what_loads_late(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/tall.html"), full_page=True))
        assert (seen.width, seen.height, seen.truncated) == (1280, 3000, Truncation.NONE)
        assert [colour(seen, 600, y) for y in (500, 1500, 2500)] == [BLUE, RED, GREEN]

    def test_full_page_keeps_elements_of_viewport_height(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/tall-screen.html"), full_page=True))
        assert (seen.width, seen.height) == (1280, 2000)
        assert [colour(seen, 600, y) for y in (715, 725)] == [BLUE, RED]

    @pytest.mark.parametrize(("page", "title"), [("touchy", "Untouched"), ("scripted", "Scripts are on")])
    @pytest.mark.parametrize("part", [{"full_page": True}, {"selector": "div"}, {"clip": "0,0,400,900"}])
    def test_a_part_is_captured_without_resize_events(
        self, part: dict[str, Any], page: str, title: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url(f"/{page}.html"), **SMALL, **part))
        assert {colour(seen, 10, y) for y in (10, 400, 890)} == {GREEN}
        assert (seen.title, seen.status) == (title, 200)

    @pytest.mark.parametrize("part", [{"selector": "header"}, {"clip": "0,0,400,150"}])
    def test_a_part_in_the_viewport_keeps_the_window_size(
        self, part: dict[str, Any], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/header-by-width.html"), **SMALL, **part))
        assert {colour(seen, 10, y) for y in (0, 70, 140)} == {GREEN}

    def test_a_clip_is_counted_from_the_top_of_a_scrolled_page(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/tall.html?scrolled"), clip="0,0,400,400", scroll_to="500", **SMALL))
        assert colour(seen, 10, 200) == BLUE

    def test_full_page_is_at_least_as_high_as_the_viewport(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/plain.html"), full_page=True, **SMALL))
        assert (seen.width, seen.height) == (640, 480)
        assert colour(seen, 630, 470) == BLUE

    def test_full_page_keeps_a_phones_width(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/desk.html"), full_page=True, device="iphone-se", scale=1))
        assert seen.width == 375
        assert colour(seen, 370, 600) == BLUE

    @pytest.mark.parametrize(("selector", "is_"), [(".box", RED), ("#far", GREEN)])
    def test_selector_captures_one_element(
        self, selector: str, is_: tuple[int, ...], engine: ChromiumEngine, site: SiteServer
    ) -> None:
        seen = engine.capture(shot(site.url("/elements.html"), selector=selector, scale=2))
        assert (seen.width, seen.height) == (600, 400)
        assert {colour(seen, x, y) for x in (1, 598) for y in (1, 398)} == {is_}

    def test_wait_for_waits_for_an_element(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/late.html?after=300"), wait_for="#there", **SMALL))
        assert colour(seen, 300, 200) == GREEN

    def test_selector_waits_for_its_element(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/late.html?after=200"), selector="#there"))
        assert colour(seen, 5, 5) == GREEN

    def test_delay_waits_for_its_time(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/late.html?after=400"), delay=1000, **SMALL))
        assert colour(seen, 300, 200) == GREEN

    @pytest.mark.parametrize("until", ["domcontentloaded", "load", "networkidle"])
    def test_wait_until_waits_for_its_event(self, until: str, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url(f"/plain.html?{until}"), wait_until=until, **SMALL))
        assert colour(seen, 600, 400) == BLUE
        assert not seen.partial

    def test_follows_a_redirect_by_script(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/moved.html"), **SMALL))
        assert seen.final_url == site.url("/plain.html?moved")
        assert colour(seen, 600, 400) == BLUE

    def test_reports_the_status_of_a_missing_page(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/no-such-page"), **SMALL))
        assert seen.status == 404
        assert colour(seen, 600, 400) == RED

    def test_captures_plain_text(self, engine: ChromiumEngine, site: SiteServer) -> None:
        assert engine.capture(shot(site.url("/text"), **SMALL)).status == 200


class TestFailures:
    @pytest.mark.parametrize("path", ["/download", "/pdf", "/video", "/nothing"])
    def test_rejects_what_is_not_a_page(self, path: str, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(NotAPage):
            engine.capture(shot(site.url(path)))

    def test_rejects_an_http_error_without_content(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetError):
            engine.capture(shot(site.url("/broken?status=502")))

    @pytest.mark.parametrize(
        "url", ["http://does-not-exist.tintype-tests.com/", "https://does-not-exist.tintype-tests.com/"]
    )
    def test_reports_an_unknown_host(self, url: str, engine: ChromiumEngine) -> None:
        with pytest.raises(TargetUnreachable, match="host name does not resolve"):
            engine.capture(shot(url))

    def test_reports_a_host_without_tls(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetUnreachable):
            engine.capture(shot(site.url("/plain.html").replace("http:", "https:")))

    def test_denies_a_private_address(self, engine: ChromiumEngine) -> None:
        with pytest.raises(TargetDenied):
            engine.capture(shot("http://127.0.0.1:8099/"))

    def test_denies_a_redirect_to_a_private_address(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetDenied) as refusal:
            engine.capture(shot(site.url("/redirect?to=http://169.254.169.254/latest/")))
        assert "169.254" not in refusal.value.detail

    def test_denies_a_navigation_to_a_private_address(self, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(TargetDenied):
            engine.capture(shot(site.url("/into-the-house.html")))

    @pytest.mark.parametrize("option", ["selector", "wait_for"])
    def test_reports_a_selector_that_matches_nothing(
        self, option: str, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        with pytest.raises(SelectorNotFound, match=option):
            engine.capture(shot(site.url("/plain.html"), **{option: "#never"}))

    @pytest.mark.parametrize("option", ["selector", "wait_for"])
    def test_rejects_an_invalid_selector(self, option: str, engine: ChromiumEngine, site: SiteServer) -> None:
        with pytest.raises(InvalidRequest) as mistake:
            engine.capture(shot(site.url("/plain.html"), **{option: "p[["}))
        assert [m.parameter for m in mistake.value.invalid_parameters] == [option]


class TestLimits:
    def test_full_page_is_cut_at_the_height_limit(self, start_engine: StartEngine, site: SiteServer) -> None:
        low = start_engine(slots=1, max_page_height=2000, allow_addresses=(f"127.0.0.1:{site.port}",))
        seen = low.capture(shot(site.url("/tall.html"), full_page=True))
        assert (seen.width, seen.height, seen.truncated) == (1280, 2000, Truncation.HEIGHT)
        assert colour(seen, 600, 1990) == RED

    def test_full_page_is_cut_at_the_pixel_limit(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = engine.capture(shot(site.url("/tall.html"), full_page=True, scale=3, width=1280))
        assert seen.truncated == Truncation.PIXELS
        assert 24_000_000 < seen.width * seen.height <= 25_000_000
        assert imaging.size(seen.body)[:2] == (seen.width, seen.height)
