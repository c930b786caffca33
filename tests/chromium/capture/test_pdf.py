"""Pages as PDF."""

from __future__ import annotations

import re
import zlib
from typing import Any

import pytest

from harness.site_server import SiteServer
from tests.chromium.conftest import StartEngine
from tintype import imaging
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import EngineError
from tintype.model import Thumbnail
from tintype.options import INLINE_HTML_URL, OptionLimits, Options
from tintype.options.paper import PAPER_SIZES, largest_margin

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def engine(start_engine: StartEngine, site: SiteServer) -> ChromiumEngine:
    return start_engine(slots=1, timeout=8.0, allow_addresses=(f"127.0.0.1:{site.port}",))


def take(engine: ChromiumEngine, url: str, **options: Any) -> Thumbnail:
    request = Options(url=url, **options).capture_request()
    return imaging.render(engine.capture(request.shot), request.rendition)


def boxes(pdf: bytes) -> set[tuple[int, int]]:
    """Width and height of the sheets, in points."""
    found = re.findall(rb"/MediaBox ?\[ ?0 0 ([0-9.]+) ([0-9.]+) ?\]", pdf)
    return {(round(float(width)), round(float(height))) for width, height in found}


def drawing(pdf: bytes) -> bytes:
    """The content streams of the PDF, decompressed."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"".join(zlib.decompressobj().decompress(stream) for stream in streams if stream.startswith(b"x"))


class TestPdf:
    @pytest.mark.parametrize(
        ("options", "size"),
        [
            ({}, (595, 842)),
            ({"paper": "letter"}, (612, 792)),
            ({"paper": "letter", "landscape": True}, (792, 612)),
            ({"paper": "a3", "margin": 0}, (842, 1191)),
        ],
    )
    def test_has_the_requested_paper_size(
        self, engine: ChromiumEngine, site: SiteServer, options: dict[str, Any], size: tuple[int, int]
    ) -> None:
        printed = take(engine, site.url("/plain.html"), format="pdf", **options)
        assert (printed.mime, printed.body[:5]) == ("application/pdf", b"%PDF-")
        ((width, height),) = boxes(printed.body)
        assert (width, height) == pytest.approx(size, abs=2)
        assert (printed.width, printed.height) == pytest.approx((width * 4 / 3, height * 4 / 3), abs=3)

    def test_has_as_many_sheets_as_the_page_is_long(self, engine: ChromiumEngine, site: SiteServer) -> None:
        printed = take(engine, site.url("/tall.html"), format="pdf", landscape=True)
        assert len(re.findall(rb"/Type ?/Page\b", printed.body)) >= 4

    def test_shows_what_loads_late(self, engine: ChromiumEngine, site: SiteServer) -> None:
        green = b"0 .6 0 rg"
        assert green in drawing(take(engine, site.url("/tall.html"), format="pdf").body)

    @pytest.mark.parametrize(
        ("options", "is_blue"), [({"media": "screen"}, True), ({"media": "print"}, False), ({}, False)]
    )
    def test_uses_the_styles_of_the_medium(
        self, engine: ChromiumEngine, site: SiteServer, options: dict[str, Any], is_blue: bool
    ) -> None:
        printed = take(engine, site.url("/changeable.html"), format="pdf", **options)
        assert (b"0 .4 .8 rg" in drawing(printed.body)) is is_blue

    def test_can_omit_backgrounds(self, engine: ChromiumEngine, site: SiteServer) -> None:
        printed = take(engine, site.url("/plain.html"), format="pdf", print_background=False)
        assert b"0 .4 .8 rg" not in drawing(printed.body)

    def test_prints_inline_html(self, engine: ChromiumEngine) -> None:
        assert take(engine, INLINE_HTML_URL, html="<h1>Invoice</h1>", format="pdf").body.startswith(b"%PDF-")

    def test_prints_a_page_that_is_never_stable(self, engine: ChromiumEngine, site: SiteServer) -> None:
        assert take(engine, site.url("/loop-later.html"), format="pdf").partial

    @pytest.mark.parametrize("paper", PAPER_SIZES)
    def test_prints_with_the_largest_margin(self, engine: ChromiumEngine, site: SiteServer, paper: str) -> None:
        margin = min(100, largest_margin(paper))
        printed = take(engine, site.url("/plain.html"), format="pdf", paper=paper, margin=margin)
        assert printed.body[:5] == b"%PDF-"

    def test_reports_a_permanent_refusal_without_another_attempt(
        self, engine: ChromiumEngine, site: SiteServer
    ) -> None:
        unchecked = OptionLimits(check_combinations=False)
        options = {"url": site.url("/plain.html"), "format": "pdf", "paper": "a5", "margin": 100}
        shot = Options.model_validate(options, context=unchecked).capture_request().shot
        with pytest.raises(EngineError, match="refuses to print"):
            engine.capture(shot)
