"""Page changes, regions and emulation through the daemon, with the real browser."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tests.support.images import pixel
from tintype import imaging
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import CaptureTimeout, InvalidRequest, SelectorNotFound, TintypeError
from tintype.model import Capture, Verdict
from tintype.options import Options
from tintype.service.pipeline import with_verdict

pytestmark = pytest.mark.browser

BLUE, RED, GREEN, WHITE, BLACK = (0, 102, 204), (204, 0, 0), (0, 153, 0), (255, 255, 255), (0, 0, 0)
YELLOW = (255, 255, 0)
HEADER, GATE, BODY = (300, 50), (100, 250), (500, 400)
"""Where these are in the viewport of changeable.html."""


class Visit:
    """Captures of one page at 640 × 480."""

    def __init__(self, engine: ChromiumEngine, site: SiteServer) -> None:
        self._engine = engine
        self._site = site

    def __call__(self, path: str = "/changeable.html", **options: Any) -> Capture:
        asked = Options(url=self._site.url(path), **{"width": 640, "height": 480, **options})
        return self._engine.capture(asked.capture_request().shot)


@pytest.fixture(scope="module")
def visit(start_engine: StartEngine, site: SiteServer) -> Visit:
    return Visit(start_engine(slots=2, timeout=8.0, allow_addresses=(f"127.0.0.1:{site.port}",)), site)


def colours(capture: Capture, *places: tuple[int, int]) -> list[tuple[int, ...]]:
    return [pixel(capture.body, *place)[:3] for place in places]


def seen_by(capture: Capture) -> dict[str, Any]:
    return dict(json.loads(capture.title))


class TestStyles:
    def test_css_is_added(self, visit: Visit) -> None:
        seen = visit(css="body { background: rgb(255, 255, 0) }")
        assert colours(seen, HEADER, BODY) == [RED, YELLOW]

    def test_hide_selectors_hide_what_matches(self, visit: Visit) -> None:
        assert colours(visit(hide_selectors="header, #gate"), HEADER, GATE, BODY) == [BLUE, BLUE, BLUE]

    def test_css_stays_on_pages_that_replace_their_sheets(self, visit: Visit) -> None:
        seen = visit("/changeable.html?sheets", css="body { background: rgb(255, 255, 0) }", hide_selectors="header")
        assert colours(seen, HEADER, BODY) == [YELLOW, YELLOW]

    def test_invalid_css_does_not_affect_hide_selectors(self, visit: Visit) -> None:
        assert colours(visit(css="p { color: red", hide_selectors="header"), HEADER) == [BLUE]

    def test_css_can_import_a_sheet(self, visit: Visit, site: SiteServer) -> None:
        seen = visit(css=f"@import url({site.url('/yellow.css')});")
        assert colours(seen, BODY) == [YELLOW]

    @pytest.mark.parametrize("selectors", ["header{}", "##", "a, "])
    def test_rejects_invalid_hide_selectors(self, selectors: str, visit: Visit) -> None:
        assert mistake(visit, hide_selectors=selectors) == "hide_selectors"


class TestScript:
    def test_runs_in_the_page_and_is_awaited(self, visit: Visit) -> None:
        seen = visit(js="await new Promise((done) => setTimeout(done, 300)); document.querySelector('header').remove()")
        assert colours(seen, HEADER) == [BLUE]

    def test_awaits_a_returned_promise(self, visit: Visit) -> None:
        script = "(async () => { await 1; setTimeout(() => { document.body.style.background = 'yellow' }, 200) })()"
        assert colours(visit(js=script), BODY) == [YELLOW]

    def test_sees_globals_of_the_page(self, visit: Visit) -> None:
        assert visit("/visitor.html", js="document.title = typeof tell").title == "function"

    def test_can_navigate_the_page_away(self, visit: Visit) -> None:
        assert visit(js="location = '/plain.html'").title == "Plain page"

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("nothing.there()", "ReferenceError: nothing is not defined"),
            ("if (", "SyntaxError"),
            ("throw 'x'.repeat(9999)", "xxx"),
            ("Promise.reject(new Error('later'))", "Error: later"),
        ],
    )
    def test_reports_the_message_of_a_failing_script(self, script: str, words: str, visit: Visit) -> None:
        with pytest.raises(InvalidRequest) as caught:
            visit(js=script)
        (found,) = caught.value.invalid_parameters
        assert found.parameter == "js"
        assert words in found.message
        assert len(found.message) < 400

    @pytest.mark.parametrize("script", ["for (;;);", "new Promise(() => {})"])
    def test_ends_an_endless_script(self, script: str, visit: Visit) -> None:
        with suppress(CaptureTimeout):
            assert visit(js=script).partial
        assert colours(visit(), BODY) == [BLUE]


class TestClick:
    def test_waits_for_what_the_click_changes(self, visit: Visit) -> None:
        assert colours(visit(click="#gate"), BODY) == [GREEN]

    def test_clicks_after_the_script(self, visit: Visit) -> None:
        seen = visit(js="document.querySelector('#gate').id = 'door'", click="#door")
        assert colours(seen, BODY) == [GREEN]

    def test_follows_a_clicked_link(self, visit: Visit) -> None:
        script = "document.body.innerHTML = '<a href=/plain.html>on</a>'"
        assert visit(js=script, click="a").title == "Plain page"

    def test_reports_a_click_selector_without_match(self, visit: Visit) -> None:
        with pytest.raises(SelectorNotFound, match="click"):
            visit(click="#nothing")

    def test_rejects_an_invalid_click_selector(self, visit: Visit) -> None:
        assert mistake(visit, click="##") == "click"


class TestRegion:
    def test_clip_is_cut_out_of_the_page(self, visit: Visit) -> None:
        seen = visit(clip="0,1900,300,200", scale=2)
        assert (seen.width, seen.height) == (600, 400)
        assert colours(seen, (5, 190), (5, 210)) == [BLUE, GREEN]

    @pytest.mark.parametrize("part", [{"clip": "300,300,50,50"}, {"selector": "body"}])
    def test_a_part_of_one_colour_is_not_blank(self, part: dict[str, Any], visit: Visit) -> None:
        shot = Options(url="https://site.org/", **part).capture_request().shot
        script = "document.body.style.color = 'rgb(0, 102, 204)'"
        assert with_verdict(visit("/plain.html", js=script, **part), shot).verdict is Verdict.OK

    def test_rejects_a_clip_outside_of_the_page(self, visit: Visit) -> None:
        assert mistake(visit, clip="0,5000,100,100") == "clip"

    @pytest.mark.parametrize("where", ["1950", "#far"])
    def test_scroll_to_moves_the_viewport(self, where: str, visit: Visit) -> None:
        seen = visit(scroll_to=where, hide_selectors="header")
        assert (seen.width, seen.height) == (640, 480)
        assert colours(seen, (5, 60), (5, 440)) == [GREEN, GREEN]

    def test_reports_a_scroll_target_without_match(self, visit: Visit) -> None:
        with pytest.raises(SelectorNotFound, match="scroll_to"):
            visit(scroll_to="#nothing")

    def test_omit_background_leaves_transparency(self, visit: Visit) -> None:
        seen = visit("/see-through.html", omit_background=True)
        assert pixel(seen.body, 50, 50) == (*GREEN, 255)
        assert pixel(seen.body, 300, 300)[3] == 0

    @pytest.mark.parametrize("format_", ["png", "webp", "avif"])
    def test_thumbnails_keep_transparency(self, format_: Any, visit: Visit) -> None:
        request = Options(url="https://site.org/", format=format_, thumb_width=320).capture_request()
        thumbnail = imaging.render(visit("/see-through.html", omit_background=True), request.rendition)
        assert pixel(thumbnail.body, 250, 200)[3] == 0
        assert pixel(thumbnail.body, 20, 20)[3] == 255


class TestEmulation:
    def test_sets_language_time_zone_and_position(self, visit: Visit) -> None:
        seen = seen_by(visit("/visitor.html", locale="de-AT", timezone="Asia/Tokyo", geolocation="48.2,16.37,25"))
        assert (seen["language"], seen["languages"], seen["locale"]) == ("de-AT", ["de-AT", "de"], "de-AT")
        assert seen["number"].endswith("234,5")
        assert (seen["zone"], seen["hour"]) == ("Asia/Tokyo", 9)
        assert seen["place"] == [48.2, 16.37, 25]

    def test_sends_accept_language(self, visit: Visit, site: SiteServer) -> None:
        assert visit("/echo?name=Accept-Language", locale="de-AT").title == "de-AT,de;q=0.9"

    def test_denies_geolocation_by_default(self, visit: Visit) -> None:
        assert seen_by(visit("/visitor.html"))["place"] == 1  # PERMISSION_DENIED

    def test_user_agent_wins_over_the_device(self, visit: Visit) -> None:
        seen = seen_by(visit("/visitor.html", user_agent="Mozilla/5.0 (Macintosh) Teapot/1", device="iphone-14"))
        assert (seen["agent"], seen["platform"]) == ("Mozilla/5.0 (Macintosh) Teapot/1", "MacIntel")

    def test_a_device_can_have_language_and_position(self, visit: Visit) -> None:
        seen = seen_by(visit("/visitor.html", device="pixel-8", locale="fr", geolocation="1,2"))
        assert "Pixel 8" in seen["agent"]
        assert (seen["language"], seen["place"], seen["mobile"]) == ("fr", [1, 2, 10], True)

    @pytest.mark.parametrize(("options", "is_"), [({"media": "print"}, WHITE), ({"reduced_motion": True}, BLACK)])
    def test_sets_media_and_reduced_motion(self, options: dict[str, Any], is_: tuple[int, ...], visit: Visit) -> None:
        assert colours(visit(**options), BODY) == [is_]


def mistake(visit: Visit, **options: Any) -> str:
    """The parameter that is told to be wrong."""
    with pytest.raises(TintypeError) as caught:
        visit(**options)
    assert isinstance(caught.value, InvalidRequest)
    return caught.value.invalid_parameters[0].parameter
