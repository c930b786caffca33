"""Fragments of the target URL: what the screenshot shows, and who receives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium.conftest import StartEngine
from tests.support.capture_page import BLUE, GREEN, RED, WHITE, CapturePage, colours
from tests.support.recording_server import RecordingServer
from tintype.options import Options

pytestmark = pytest.mark.browser

BAR, BELOW, END = (300, 20), (300, 100), (300, 460)


class TestAnchor:
    @pytest.mark.parametrize("does", ["", "smooth", "grow", "pane", "late", "late&smooth", "late&pane"])
    def test_anchor_is_at_the_top_of_the_viewport(self, does: str, capture: CapturePage) -> None:
        seen = capture(f"/anchors.html?{does}#prices")
        assert colours(seen, BAR, BELOW, END) == [RED, GREEN, GREEN]

    @pytest.mark.parametrize("fragment", ["größe", "gr%C3%B6%C3%9Fe", "old", "secret"])
    @pytest.mark.parametrize("does", ["", "late"])
    def test_anchor_is_found_by_name(self, fragment: str, does: str, capture: CapturePage) -> None:
        assert colours(capture(f"/anchors.html?{does}#{fragment}"), BAR, BELOW) == [RED, GREEN]

    @pytest.mark.parametrize("fragment", ["", "#", "#top", "#missing", "#%zz", "#/route", "#access_token=x&state=y"])
    def test_other_fragments_show_the_top(self, fragment: str, capture: CapturePage) -> None:
        assert colours(capture(f"/anchors.html{fragment}"), BAR, BELOW, END) == [RED, WHITE, WHITE]

    def test_text_fragment_shows_the_text(self, capture: CapturePage) -> None:
        at_text = capture("/anchors.html#:~:text=exceptional%20words")
        assert at_text.body != capture("/anchors.html").body
        assert colours(capture("/anchors.html?#prices:~:text=nowhere"), BELOW) == [GREEN]

    @pytest.mark.parametrize(("does", "colour"), [("scrolls", WHITE), ("late&scrolls", GREEN)])
    def test_page_that_scrolls_itself_decides(self, does: str, colour: tuple[int, ...], capture: CapturePage) -> None:
        assert colours(capture(f"/anchors.html?{does}#prices"), BELOW) == [colour]


class TestOtherRegions:
    def test_scroll_to_has_priority(self, capture: CapturePage) -> None:
        assert colours(capture("/anchors.html#prices", scroll_to="#size"), BELOW) == [BLUE]

    def test_full_page_begins_at_the_top(self, capture: CapturePage) -> None:
        whole, at_anchor = (capture(f"/anchors.html{fragment}", full_page=True) for fragment in ("", "#prices"))
        assert at_anchor.height == whole.height
        assert colours(at_anchor, BAR, BELOW, (300, 1000)) == [RED, WHITE, GREEN]

    def test_clip_counts_from_the_top(self, capture: CapturePage) -> None:
        assert colours(capture("/anchors.html#size", clip=(0, 0, 600, 300)), BAR, BELOW) == [RED, WHITE]

    def test_selector_captures_its_element(self, capture: CapturePage) -> None:
        seen = capture("/anchors.html#size", selector="#prices")
        assert (seen.height, colours(seen, BAR, END)) == (900, [GREEN, GREEN])


class TestSecrecy:
    @pytest.fixture
    def server(self) -> Iterator[RecordingServer]:
        with RecordingServer() as server:
            yield server

    def test_fragment_is_neither_sent_nor_logged(self, server: RecordingServer, start_engine: StartEngine) -> None:
        engine = start_engine(allow_addresses=(f"127.0.0.1:{server.port}",))
        shot = Options(url=f"{server.origin}/page#access_token=hidden").capture_request().shot
        engine.capture(shot)
        assert "/page" in {path for path, _ in server.requests}
        assert "hidden" not in repr(server.requests)
        log = Path(engine.address.removeprefix("unix://")).parent / "daemon.log"
        assert "hidden" not in log.read_text(encoding="utf-8")
