"""Options that name elements in shadow trees, open and closed, with the real browser."""

from __future__ import annotations

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.capture_page import BODY, GREEN, HEADER, RED, WHITE, YELLOW, CapturePage, colours
from tests.support.images import count_pixels
from tintype.chromium.capture import elements
from tintype.errors import SelectorNotFound

pytestmark = pytest.mark.browser

MODES = pytest.mark.parametrize("mode", ["open", "closed"])


class TestShadowTrees:
    @MODES
    def test_selector_captures_an_element(self, mode: str, capture: CapturePage) -> None:
        seen = capture(f"/shadow-trees.html?{mode}", selector=".far")
        assert (seen.width, seen.height, colours(seen, (300, 50))) == (600, 100, [GREEN])

    @MODES
    def test_wait_for_finds_a_late_element(self, mode: str, capture: CapturePage) -> None:
        assert not capture(f"/shadow-trees.html?{mode}", wait_for=".late").partial

    @MODES
    def test_click_reaches_an_element(self, mode: str, capture: CapturePage) -> None:
        assert colours(capture(f"/shadow-trees.html?{mode}", click=".part"), BODY) == [YELLOW]

    @MODES
    def test_hide_selectors_hide_an_element(self, mode: str, capture: CapturePage) -> None:
        assert colours(capture(f"/shadow-trees.html?{mode}", hide_selectors=".part"), HEADER) == [WHITE]

    @MODES
    def test_scroll_to_shows_an_element(self, mode: str, capture: CapturePage) -> None:
        assert colours(capture(f"/shadow-trees.html?{mode}", scroll_to=".far"), HEADER) == [GREEN]

    def test_other_elements_stay(self, capture: CapturePage) -> None:
        assert colours(capture("/shadow-trees.html?closed", hide_selectors=".far"), HEADER) == [RED]

    def test_missing_element_is_an_error(self, capture: CapturePage) -> None:
        with pytest.raises(SelectorNotFound):
            capture("/shadow-trees.html?closed", selector=".nowhere")

    def test_searches_a_bounded_number_of_closed_trees(self, start_engine: StartEngine, site: SiteServer) -> None:
        patient = CapturePage(start_engine(timeout=60.0, allow_addresses=(f"127.0.0.1:{site.port}",)), site)
        seen = patient("/many-closed-trees.html", hide_selectors=".part")
        hidden = 1000 - count_pixels(seen, RED) // 100
        # Those that scripts attached first, and those that a search finds: each has this bound.
        assert elements.MAX_CLOSED_ROOTS <= hidden <= 3 * elements.MAX_CLOSED_ROOTS
