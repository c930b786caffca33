"""Emulation through the daemon, with the real browser: locale, time zone, geolocation, device, media."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.capture_page import BLACK, BODY, WHITE, CapturePage, colours, reported
from tintype.chromium.cdp import frames

pytestmark = pytest.mark.browser


class TestEmulation:
    def test_sets_language_time_zone_and_position(self, capture: CapturePage) -> None:
        seen = reported(capture("/visitor.html", locale="de-AT", timezone="Asia/Tokyo", geolocation="48.2,16.37,25"))
        assert (seen["language"], seen["languages"], seen["locale"]) == ("de-AT", ["de-AT", "de"], "de-AT")
        assert seen["number"].endswith("234,5")
        assert (seen["zone"], seen["hour"]) == ("Asia/Tokyo", 9)
        assert seen["place"] == [48.2, 16.37, 25]

    def test_sends_accept_language(self, capture: CapturePage, site: SiteServer) -> None:
        assert capture("/echo?name=Accept-Language", locale="de-AT").title == "de-AT,de;q=0.9"

    def test_sends_accept_language_without_a_locale(self, capture: CapturePage) -> None:
        assert capture("/echo?name=Accept-Language").title == "en-US"

    def test_page_sees_the_languages_that_are_sent(self, capture: CapturePage) -> None:
        assert reported(capture("/visitor.html"))["languages"] == ["en-US"]

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, ("en-US", "", "en-US")),
            ({"locale": "de-DE", "timezone": "Asia/Tokyo"}, ("de-DE,de", "Asia/Tokyo", "de-DE")),
            ({"locale": "fr", "device": "pixel-8"}, ("fr", "", "fr")),
            ({"timezone": "Asia/Tokyo"}, ("en-US", "Asia/Tokyo", "en-US")),
        ],
    )
    def test_frames_and_workers_see_the_same_visitor(
        self, options: dict[str, Any], expected: tuple[str, str, str], capture: CapturePage
    ) -> None:
        seen = {
            place: text.split("|") for place, text in reported(capture("/visitor-in-workers.html", **options)).items()
        }
        assert set(seen) == {"page", "frame", "worker", "nested", "shared"}
        if "device" in options:
            seen["shared"][3:] = seen["page"][3:]  # Chromium keeps its own user agent there
        assert {place: value for place, value in seen.items() if value != seen["page"]} == {}
        languages, zone, locale, _ = seen["page"]
        assert (languages, zone if expected[1] else "", locale) == expected

    def test_service_workers_see_the_same_visitor(self, capture: CapturePage) -> None:
        seen = reported(capture("/visitor-in-service-worker.html", locale="de-DE", timezone="Asia/Tokyo"))
        assert seen == {"languages": "de-DE,de", "zone": "Asia/Tokyo", "locale": "de-DE"}

    def test_workers_of_the_next_page_see_its_own_visitor(self, capture: CapturePage) -> None:
        capture("/visitor-in-service-worker.html", locale="de-DE")
        assert reported(capture("/visitor-in-service-worker.html?2"))["languages"] == "en-US"

    def test_desktop_has_a_mouse_and_no_touch_screen(self, capture: CapturePage) -> None:
        fine = ["hover: hover", "any-hover: hover", "pointer: fine", "any-pointer: fine"]
        assert reported(capture("/input-devices.html")) == {"matching": fine, "points": 0, "touch": False}

    @pytest.mark.parametrize("device", ["iphone-14", "pixel-8"])
    def test_phone_has_a_touch_screen_and_no_mouse(self, device: str, capture: CapturePage) -> None:
        coarse = ["hover: none", "any-hover: none", "pointer: coarse", "any-pointer: coarse"]
        assert reported(capture("/input-devices.html", device=device)) == {
            "matching": coarse,
            "points": 5,
            "touch": True,
        }

    def test_denies_geolocation_by_default(self, capture: CapturePage) -> None:
        assert reported(capture("/visitor.html"))["place"] == 1  # PERMISSION_DENIED

    def test_user_agent_wins_over_the_device(self, capture: CapturePage) -> None:
        seen = reported(capture("/visitor.html", user_agent="Mozilla/5.0 (Macintosh) Teapot/1", device="iphone-14"))
        assert (seen["agent"], seen["platform"]) == ("Mozilla/5.0 (Macintosh) Teapot/1", "MacIntel")

    def test_a_device_can_have_language_and_position(self, capture: CapturePage) -> None:
        seen = reported(capture("/visitor.html", device="pixel-8", locale="fr", geolocation="1,2"))
        assert "Pixel 8" in seen["agent"]
        assert (seen["language"], seen["place"], seen["mobile"]) == ("fr", [1, 2, 10], True)

    @pytest.mark.parametrize(("options", "expected"), [({"media": "print"}, WHITE), ({"reduced_motion": True}, BLACK)])
    def test_sets_media_and_reduced_motion(
        self, options: dict[str, Any], expected: tuple[int, ...], capture: CapturePage
    ) -> None:
        assert colours(capture(**options), BODY) == [expected]


def test_sets_the_language_of_a_bounded_number_of_workers(start_engine: StartEngine, site: SiteServer) -> None:
    patient = CapturePage(start_engine(timeout=60.0, allow_addresses=(f"127.0.0.1:{site.port}",)), site)
    languages = json.loads(patient("/many-workers.html", locale="de-AT", wait_for="#all").title)
    assert languages == {"de-AT": frames.MAX_WORKERS, "en-US": 55 - frames.MAX_WORKERS}
