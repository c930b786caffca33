"""Regions in zoomed and transformed containers, with the real browser: the part that was requested, to the pixel."""

from __future__ import annotations

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.capture_page import GREEN, RED, WHITE, CapturePage, colours

pytestmark = pytest.mark.browser

BOXES = {
    "root": (150, 1800, 150, 90),
    "body": (80, 960, 80, 48),
    "box": (200, 2400, 200, 120),
    "twice": (75, 900, 75, 45),
    "scaled": (50, 600, 50, 30),
    "moved": (80, 660, 50, 30),
    "both": (100, 1200, 100, 60),
    "scroller": (150, 1800, 150, 90),
    "turned": (440, 740, 100, 60),
    "app": (125, 1500, 125, 75),
}
"""By kind of zoomed.html: where #wanted is on the full page, and its size."""


@pytest.fixture(scope="module")
def capture(start_engine: StartEngine, site: SiteServer) -> CapturePage:
    return CapturePage(start_engine(slots=2, timeout=60.0, allow_addresses=(f"127.0.0.1:{site.port}",)), site)


KINDS = pytest.mark.parametrize("kind", BOXES)


@KINDS
class TestZoomedElements:
    def test_selector_captures_the_element(self, kind: str, capture: CapturePage) -> None:
        _, _, width, height = BOXES[kind]
        seen = capture(f"/zoomed.html?{kind}", selector="#wanted")
        assert (seen.width, seen.height) == (width, height)
        assert colours(seen, (1, 1), (width - 2, 1), (1, height - 2), (width - 2, height - 2)) == [GREEN] * 4

    def test_clip_counts_in_pixels_of_the_page(self, kind: str, capture: CapturePage) -> None:
        x, y, width, height = BOXES[kind]
        seen = capture(f"/zoomed.html?{kind}", clip=f"{x},{y},{width},{height}", scale=2)
        assert colours(seen, (1, 1), (2 * width - 2, 2 * height - 2)) == [GREEN] * 2

    def test_full_page_shows_the_element_there(self, kind: str, capture: CapturePage) -> None:
        x, y, width, height = BOXES[kind]
        seen = capture(f"/zoomed.html?{kind}", full_page=True)
        assert colours(seen, (x + 1, y + 1), (x + width - 2, y + height - 2)) == [GREEN] * 2
        if kind != "twice":  # there the element has another zoom than the one before it
            before = y + height + 1 if kind == "turned" else y - 1
            assert colours(seen, (x + 1, before)) == [RED]

    def test_scroll_to_shows_the_element_at_the_top(self, kind: str, capture: CapturePage) -> None:
        x, _, width, height = BOXES[kind]
        seen = capture(f"/zoomed.html?{kind}", scroll_to="#wanted")
        assert colours(seen, (x + 1, 1), (x + width - 2, height - 2)) == [GREEN] * 2

    def test_scroll_to_counts_in_pixels_of_the_page(self, kind: str, capture: CapturePage) -> None:
        x, y, _, _ = BOXES[kind]
        if kind != "scroller":  # part of the page: the document scrolls
            seen = capture(f"/zoomed.html?{kind}", scroll_to=str(y - 100))
            assert colours(seen, (x + 1, 99), (x + 1, 101)) == [WHITE if kind in {"turned", "twice"} else RED, GREEN]
