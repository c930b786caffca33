"""Every picture of the gallery is still right: compared with the golden one that a person has looked at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pyvips

from harness.site_server import FOLDERS
from tests.gallery import exhibition
from tests.gallery.cases import CASES, GOLDEN, Case
from tests.gallery.comparison import Comparison, Finding, compare
from tests.gallery.exhibition import Exhibit
from tests.gallery.report import write
from tintype.provision import fonts

LARGEST, LARGEST_TOGETHER = 45_000, 1_500_000


@pytest.fixture(scope="module")
def exhibits() -> dict[str, Exhibit]:
    lacking = fonts.advice(fonts.missing_scripts(), [])
    if lacking:
        pytest.skip(f"THERE ARE FONTS MISSING: {'; '.join(lacking)}")
    return {exhibit.case.name: exhibit for exhibit in exhibition.take(CASES)}


@pytest.mark.browser
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_picture_is_still_right(case: Case, exhibits: dict[str, Exhibit]) -> None:
    found = exhibits[case.name].judge()
    words = f"{found.finding}: {found.share:.3%} differs {found.remark}; look at it: make gallery"
    assert found.finding in {Finding.SAME, Finding.CLOSE}, words


def drawn(wrong: str = "", x: int = 100) -> bytes:
    svg = f"""<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200">
    <rect width="400" height="200" fill="white"/><path d="M20 20h60v3H20z"/>
    <rect x="{x}" y="60" width="120" height="80" fill="#457b9d"/>{wrong}</svg>"""
    return bytes(pyvips.Image.svgload_buffer(svg.encode()).pngsave_buffer())


class TestTheComparison:
    def test_of_equal_pictures(self) -> None:
        assert compare(drawn(), drawn()).finding is Finding.SAME

    @pytest.mark.parametrize("aside", [101, 102])
    def test_forgives_what_moved_a_step(self, aside: int) -> None:
        assert compare(drawn(), drawn(x=aside)).share == 0

    @pytest.mark.parametrize("aside", [95, 106])
    def test_sees_what_moved_more(self, aside: int) -> None:
        assert compare(drawn(), drawn(x=aside)).finding is Finding.DIFFERENT

    def test_sees_something_small_that_was_not_there(self) -> None:
        found = compare(drawn(), drawn('<rect x="300" y="150" width="14" height="14"/>'))
        assert found.finding is Finding.DIFFERENT
        assert found.share < 0.02
        assert found.difference().startswith(b"\x89PNG")

    def test_sees_what_is_transparent_now(self) -> None:
        image = pyvips.Image.new_from_buffer(drawn(), "")
        clear = image[:3].bandjoin((image[1] < 250).ifthenelse(255, 0))
        assert compare(drawn(), bytes(clear.pngsave_buffer())).finding is Finding.DIFFERENT

    def test_says_when_sizes_differ(self) -> None:
        image = pyvips.Image.new_from_buffer(drawn(), "")
        found = compare(drawn(), bytes(image.crop(0, 0, 390, 200).pngsave_buffer()))
        assert (found.finding, found.remark) == (Finding.DIFFERENT, "400 x 200 was, 390 x 200 is")

    def test_of_a_picture_without_a_golden_one(self) -> None:
        assert compare(None, drawn()).finding is Finding.NEW


class TestTheGoldenPictures:
    def test_are_those_of_the_cases(self) -> None:
        assert {path.stem for path in GOLDEN.glob("*.png")} == {case.name for case in CASES}

    def test_are_small(self) -> None:
        sizes = {path.name: path.stat().st_size for path in GOLDEN.glob("*.png")}
        assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
        assert sum(sizes.values()) < LARGEST_TOGETHER

    def test_are_of_pages_with_names_of_their_own(self) -> None:
        ours, others = ({path.name for path in folder.iterdir()} for folder in FOLDERS)
        assert ours & others == set()


def test_the_report_asks_nobody_and_shows_the_wrong_ones_first(tmp_path: Path) -> None:
    right, wrong = (Exhibit(case, drawn(), 200, "ok", 0.1) for case in CASES[:2])
    page = write(tmp_path, [(right, compare(drawn(), drawn())), (wrong, Comparison(Finding.DIFFERENT, "<b>"))])
    text = page.read_text()
    assert text.index('data-finding="different" id=') < text.index('data-finding="same" id=')
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert "&lt;b&gt;" in text
