"""Which letters come out as boxes, as the browser draws them and as fontconfig foretells it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.site_server import FOLDERS, SiteServer
from tests.chromium.conftest import StartEngine
from tintype.engines.chromium import ChromiumEngine
from tintype.options import Options
from tintype.provision import fonts

pytestmark = pytest.mark.browser

PROBE = (Path(__file__).parent / "letters.js").read_text()
PAGE = (FOLDERS[1] / "scripts.html").read_text()
LANGUAGES = dict(re.findall(r'<h2>(.+?)</h2><p lang="([^"]+)"', PAGE))
"""Script to the language its line on the page is in."""
NOTO = "/usr/share/fonts/truetype/noto"


def letters(engine: ChromiumEngine, site: SiteServer) -> dict[str, list[str]]:
    """What the probe found on the page with all scripts."""
    shot = Options(url=site.url("/scripts.html"), js=PROBE).capture_request().shot
    found = json.loads(engine.capture(shot).title)
    assert found.pop("control"), "the probe takes unassigned letters for real ones"
    return {name: said.split() for name, said in found.items()}


@pytest.fixture(scope="module")
def found(start_engine: StartEngine, site: SiteServer) -> dict[str, list[str]]:
    return letters(start_engine(slots=1, allow_addresses=(f"127.0.0.1:{site.port}",)), site)


@pytest.fixture
def _all_fonts() -> None:
    lacking = fonts.advice(fonts.missing_scripts(), fonts.missing_substitutes())
    if lacking:
        pytest.skip(f"THERE ARE FONTS MISSING: {'; '.join(lacking)}")


def test_every_script_is_on_the_page() -> None:
    assert {script.name for script in fonts.SCRIPTS} <= set(LANGUAGES)


def test_no_letter_is_a_box_but_those_foretold(found: dict[str, list[str]]) -> None:
    foretold = {LANGUAGES[script.name] for script in fonts.missing_scripts()}
    assert set(found["boxes"]) - {LANGUAGES["Symbols"]} <= foretold
    assert found["blank"] == []


@pytest.mark.usefixtures("_all_fonts")
class TestWithAllFonts:
    def test_no_letter_and_no_symbol_is_a_box(self, found: dict[str, list[str]]) -> None:
        assert found["boxes"] == []

    def test_writing_is_joined(self, found: dict[str, list[str]]) -> None:
        assert found["joined"] == ["true", "true"]  # Arabic, Devanagari

    def test_emoji_of_several_parts_are_one_picture_and_in_colour(self, found: dict[str, list[str]]) -> None:
        assert (found["broken"], found["colourless"]) == ([], [])

    def test_chinese_and_japanese_have_letters_of_their_own(self, found: dict[str, list[str]]) -> None:
        assert found["regional"] == ["true"]

    def test_usual_fonts_are_as_wide_as_they_should_be(self, found: dict[str, list[str]]) -> None:
        # Adobe's metrics of Helvetica, Times, Courier for the same line at 100 px: 1006, 925, 1200
        widths = [int(width) for width in found["widths"]]
        assert widths == [pytest.approx(wide, rel=0.003) for wide in (1006, 1006, 925, 1200, 922, 914)]


@pytest.mark.skipif(not Path(NOTO).is_dir(), reason="needs fonts-noto-core, to be without it")
@pytest.mark.usefixtures("_all_fonts")
def test_without_their_fonts_letters_are_boxes_and_emoji_grey(start_engine: StartEngine, site: SiteServer) -> None:
    engine = start_engine(slots=1, allow_addresses=(f"127.0.0.1:{site.port}",), hidden=(NOTO,))
    without = letters(engine, site)
    if not engine.status()["enclosed"]:
        pytest.skip("the kernel lets nothing be hidden here")
    assert {LANGUAGES["Thai"], LANGUAGES["Devanagari"], LANGUAGES["Ethiopic"]} < set(without["boxes"])
    assert LANGUAGES["Latin"] not in without["boxes"]
    assert "🇺🇳" in without["broken"]
    assert "❤️" in without["colourless"]
