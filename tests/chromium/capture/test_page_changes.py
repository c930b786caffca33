"""Page changes through the daemon, with the real browser: css, hide_selectors, js, click."""

from __future__ import annotations

from contextlib import suppress

import pytest

from harness.site_server import SiteServer
from tests.support.capture_page import (
    BLUE,
    BODY,
    GATE,
    GREEN,
    HEADER,
    RED,
    YELLOW,
    CapturePage,
    colours,
    invalid_parameter,
)
from tintype.errors import CaptureTimeout, InvalidRequest, SelectorNotFound

pytestmark = pytest.mark.browser


class TestStyles:
    def test_css_is_added(self, capture: CapturePage) -> None:
        seen = capture(css="body { background: rgb(255, 255, 0) }")
        assert colours(seen, HEADER, BODY) == [RED, YELLOW]

    def test_hide_selectors_hide_what_matches(self, capture: CapturePage) -> None:
        assert colours(capture(hide_selectors="header, #gate"), HEADER, GATE, BODY) == [BLUE, BLUE, BLUE]

    def test_css_stays_on_pages_that_replace_their_sheets(self, capture: CapturePage) -> None:
        seen = capture("/changeable.html?sheets", css="body { background: rgb(255, 255, 0) }", hide_selectors="header")
        assert colours(seen, HEADER, BODY) == [YELLOW, YELLOW]

    def test_invalid_css_does_not_affect_hide_selectors(self, capture: CapturePage) -> None:
        assert colours(capture(css="p { color: red", hide_selectors="header"), HEADER) == [BLUE]

    def test_css_can_import_a_sheet(self, capture: CapturePage, site: SiteServer) -> None:
        seen = capture(css=f"@import url({site.url('/yellow.css')});")
        assert colours(seen, BODY) == [YELLOW]

    @pytest.mark.parametrize("selectors", ["header{}", "##", "a, "])
    def test_rejects_invalid_hide_selectors(self, selectors: str, capture: CapturePage) -> None:
        assert invalid_parameter(capture, hide_selectors=selectors) == "hide_selectors"


class TestScript:
    def test_runs_in_the_page_and_is_awaited(self, capture: CapturePage) -> None:
        seen = capture(
            js="await new Promise((done) => setTimeout(done, 300)); document.querySelector('header').remove()"
        )
        assert colours(seen, HEADER) == [BLUE]

    def test_awaits_a_returned_promise(self, capture: CapturePage) -> None:
        script = "(async () => { await 1; setTimeout(() => { document.body.style.background = 'yellow' }, 200) })()"
        assert colours(capture(js=script), BODY) == [YELLOW]

    def test_sees_globals_of_the_page(self, capture: CapturePage) -> None:
        assert capture("/visitor.html", js="document.title = typeof report").title == "function"

    def test_can_navigate_the_page_away(self, capture: CapturePage) -> None:
        assert capture(js="location = '/plain.html'").title == "Plain page"

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("nothing.there()", "ReferenceError: nothing is not defined"),
            ("if (", "SyntaxError"),
            ("throw 'x'.repeat(9999)", "xxx"),
            ("Promise.reject(new Error('later'))", "Error: later"),
        ],
    )
    def test_reports_the_message_of_a_failing_script(self, script: str, words: str, capture: CapturePage) -> None:
        with pytest.raises(InvalidRequest) as caught:
            capture(js=script)
        (found,) = caught.value.invalid_parameters
        assert found.parameter == "js"
        assert words in found.message
        assert len(found.message) < 400

    @pytest.mark.parametrize("script", ["for (;;);", "new Promise(() => {})"])
    def test_ends_an_endless_script(self, script: str, capture: CapturePage) -> None:
        with suppress(CaptureTimeout):
            assert capture(js=script).partial
        assert colours(capture(), BODY) == [BLUE]


class TestClick:
    def test_waits_for_what_the_click_changes(self, capture: CapturePage) -> None:
        assert colours(capture(click="#gate"), BODY) == [GREEN]

    def test_clicks_after_the_script(self, capture: CapturePage) -> None:
        seen = capture(js="document.querySelector('#gate').id = 'door'", click="#door")
        assert colours(seen, BODY) == [GREEN]

    def test_follows_a_clicked_link(self, capture: CapturePage) -> None:
        script = "document.body.innerHTML = '<a href=/plain.html>on</a>'"
        assert capture(js=script, click="a").title == "Plain page"

    def test_reports_a_click_selector_without_match(self, capture: CapturePage) -> None:
        with pytest.raises(SelectorNotFound, match="click"):
            capture(click="#nothing")

    def test_rejects_an_invalid_click_selector(self, capture: CapturePage) -> None:
        assert invalid_parameter(capture, click="##") == "click"
