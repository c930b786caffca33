"""Tests of the fonts: letters drawn as boxes in the browser, against the prediction by fontconfig."""

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
"""The language of each writing system's line on the page."""
NOTO = "/usr/share/fonts/truetype/noto"


def letters(engine: ChromiumEngine, site: SiteServer) -> dict[str, list[str]]:
    """Results of the probe on the page with all writing systems."""
    shot = Options(url=site.url("/scripts.html"), js=PROBE).capture_request().shot
    found = json.loads(engine.capture(shot).title)
    assert found.pop("control"), "the probe takes unassigned letters for real ones"
    return {name: text.split() for name, text in found.items()}


@pytest.fixture(scope="module")
def found(start_engine: StartEngine, site: SiteServer) -> dict[str, list[str]]:
    return letters(start_engine(slots=1, allow_addresses=(f"127.0.0.1:{site.port}",)), site)


@pytest.fixture
def _all_fonts() -> None:
    missing = fonts.advice(fonts.missing_scripts(), fonts.missing_substitutes())
    if missing:
        pytest.skip(f"FONTS ARE MISSING: {'; '.join(missing)}")


def test_page_contains_every_writing_system() -> None:
    assert {script.name for script in fonts.SCRIPTS} <= set(LANGUAGES)


def test_draws_boxes_only_for_predicted_writing_systems(found: dict[str, list[str]]) -> None:
    predicted = {LANGUAGES[script.name] for script in fonts.missing_scripts()}
    assert set(found["boxes"]) - {LANGUAGES["Symbols"]} <= predicted
    assert found["blank"] == []


@pytest.mark.usefixtures("_all_fonts")
class TestWithAllFonts:
    def test_draws_every_letter_and_symbol(self, found: dict[str, list[str]]) -> None:
        assert found["boxes"] == []

    def test_joins_letters(self, found: dict[str, list[str]]) -> None:
        assert found["joined"] == ["true", "true"]  # Arabic, Devanagari

    def test_draws_emoji_sequences_as_one_colour_glyph(self, found: dict[str, list[str]]) -> None:
        assert (found["broken"], found["colourless"]) == ([], [])

    def test_draws_regional_forms_of_chinese_and_japanese(self, found: dict[str, list[str]]) -> None:
        assert found["regional"] == ["true"]

    def test_keeps_the_metrics_of_web_fonts(self, found: dict[str, list[str]]) -> None:
        # Adobe's metrics of Helvetica, Times, Courier for the same line at 100 px: 1006, 925, 1200
        widths = [int(width) for width in found["widths"]]
        assert widths == [pytest.approx(wide, rel=0.003) for wide in (1006, 1006, 925, 1200, 922, 914)]


@pytest.mark.skipif(not Path(NOTO).is_dir(), reason="needs fonts-noto-core, which the test hides")
@pytest.mark.usefixtures("_all_fonts")
def test_draws_boxes_and_grey_emoji_when_fonts_are_hidden(start_engine: StartEngine, site: SiteServer) -> None:
    engine = start_engine(slots=1, allow_addresses=(f"127.0.0.1:{site.port}",), hidden=(NOTO,))
    without = letters(engine, site)
    if not engine.status().namespaces:
        pytest.skip("namespaces are not available: no folder can be hidden")
    assert {LANGUAGES["Thai"], LANGUAGES["Devanagari"], LANGUAGES["Ethiopic"]} < set(without["boxes"])
    assert LANGUAGES["Latin"] not in without["boxes"]
    assert "🇺🇳" in without["broken"]
    assert "❤️" in without["colourless"]
