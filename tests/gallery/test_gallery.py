"""Compares every case of the gallery with its golden image, which a person has checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pyvips

from harness.site_server import FOLDERS
from tests.gallery import screenshots
from tests.gallery.cases import CASES, GOLDEN, Case
from tests.gallery.comparison import Comparison, Finding, compare
from tests.gallery.report import write
from tests.gallery.screenshots import Screenshot
from tintype.provision import fonts

LARGEST, LARGEST_TOGETHER = 45_000, 1_500_000


@pytest.fixture(scope="module")
def taken() -> dict[str, Screenshot]:
    lacking = fonts.advice(fonts.missing_scripts(), [])
    if lacking:
        pytest.skip(f"THERE ARE FONTS MISSING: {'; '.join(lacking)}")
    return {screenshot.case.name: screenshot for screenshot in screenshots.capture_all(CASES)}


@pytest.mark.browser
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_capture_equals_its_golden_image(case: Case, taken: dict[str, Screenshot]) -> None:
    found = taken[case.name].compare()
    words = f"{found.finding}: {found.share:.3%} differs {found.remark}; see it: make gallery"
    assert found.finding in {Finding.SAME, Finding.CLOSE}, words


def drawn(wrong: str = "", x: int = 100) -> bytes:
    svg = f"""<svg xmlns="http://www.w3.org/2000/svg" width="400" height="200">
    <rect width="400" height="200" fill="white"/><path d="M20 20h60v3H20z"/>
    <rect x="{x}" y="60" width="120" height="80" fill="#457b9d"/>{wrong}</svg>"""
    return bytes(pyvips.Image.svgload_buffer(svg.encode()).pngsave_buffer())


class TestComparison:
    def test_equal_images_are_the_same(self) -> None:
        assert compare(drawn(), drawn()).finding is Finding.SAME

    @pytest.mark.parametrize("aside", [101, 102])
    def test_accepts_a_shift_of_two_pixels(self, aside: int) -> None:
        assert compare(drawn(), drawn(x=aside)).share == 0

    @pytest.mark.parametrize("aside", [95, 106])
    def test_detects_a_larger_shift(self, aside: int) -> None:
        assert compare(drawn(), drawn(x=aside)).finding is Finding.DIFFERENT

    def test_detects_a_small_new_element(self) -> None:
        found = compare(drawn(), drawn('<rect x="300" y="150" width="14" height="14"/>'))
        assert found.finding is Finding.DIFFERENT
        assert found.share < 0.02
        assert found.difference().startswith(b"\x89PNG")

    def test_detects_new_transparency(self) -> None:
        image = pyvips.Image.new_from_buffer(drawn(), "")
        clear = image[:3].bandjoin((image[1] < 250).ifthenelse(255, 0))
        assert compare(drawn(), bytes(clear.pngsave_buffer())).finding is Finding.DIFFERENT

    def test_reports_different_sizes(self) -> None:
        image = pyvips.Image.new_from_buffer(drawn(), "")
        found = compare(drawn(), bytes(image.crop(0, 0, 390, 200).pngsave_buffer()))
        assert (found.finding, found.remark) == (Finding.DIFFERENT, "400 x 200 before, 390 x 200 after")

    def test_an_image_without_golden_image_is_new(self) -> None:
        assert compare(None, drawn()).finding is Finding.NEW


class TestGoldenImages:
    def test_each_case_has_a_golden_image(self) -> None:
        assert {path.stem for path in GOLDEN.glob("*.png")} == {case.name for case in CASES}

    def test_golden_images_are_small(self) -> None:
        sizes = {path.name: path.stat().st_size for path in GOLDEN.glob("*.png")}
        assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
        assert sum(sizes.values()) < LARGEST_TOGETHER

    def test_page_names_are_unique_across_folders(self) -> None:
        ours, others = ({path.name for path in folder.iterdir()} for folder in FOLDERS)
        assert ours & others == set()


def test_report_is_self_contained_and_sorted_by_finding(tmp_path: Path) -> None:
    right, wrong = (Screenshot(case, drawn(), 200, "ok", 0.1) for case in CASES[:2])
    page = write(tmp_path, [(right, compare(drawn(), drawn())), (wrong, Comparison(Finding.DIFFERENT, "<b>"))])
    text = page.read_text()
    assert text.index('data-finding="different" id=') < text.index('data-finding="same" id=')
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    assert "&lt;b&gt;" in text
