"""Stable pages: one fixture page for each cause of a screenshot that is too early."""

from __future__ import annotations

from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype.engines.chromium import ChromiumEngine
from tintype.model import Capture
from tintype.options import Options

pytestmark = pytest.mark.browser

BLUE, GREEN = (0, 102, 204), (0, 153, 0)


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=2, timeout=12.0, allow_addresses=(f"127.0.0.1:{site.port}",))


def capture(engine: ChromiumEngine, url: str, **options: Any) -> Capture:
    return engine.capture(Options(url=url, width=640, height=480, **options).capture_request().shot)


def colours(capture: Capture) -> set[tuple[int, ...]]:
    return {pixel(capture.body, x, y)[:3] for x in (10, 300, 630) for y in (100, 400)}


class TestReadiness:
    @pytest.mark.parametrize(
        "page",
        [
            "fading.html",
            "delayed-fading.html",
            "after-another.html",
            "coming-into-view.html",
            "chart.html",
            "frames.html",
            "late.html?after=700",
            "late.html?after=2500",
            "fetching.html?after=400",
            "late-image.html",
            "late-background.html",
        ],
    )
    def test_shows_the_end_of_entry_effects(self, page: str, engine: ChromiumEngine, site: SiteServer) -> None:
        assert colours(capture(engine, site.url(f"/{page}"))) == {GREEN}

    def test_does_not_wait_for_an_endless_request(self, engine: ChromiumEngine, site: SiteServer) -> None:
        assert capture(engine, site.url("/fetching.html?after=60000")).partial

    def test_captures_a_page_that_is_never_stable(self, engine: ChromiumEngine, site: SiteServer) -> None:
        seen = capture(engine, site.url("/restless.html"))
        assert BLUE in colours(seen)
        assert not seen.partial
