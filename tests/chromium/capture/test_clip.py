"""Boxes of screenshots: rounding, limits, tiles."""

from __future__ import annotations

import pytest

from tintype.chromium.capture.clip import Clip, fit_clip, png_size
from tintype.model import Truncation

LIMIT = 16_000


def test_a_box_is_rounded_out_to_whole_pixels() -> None:
    assert fit_clip(Clip(10.4, 20.6, 100.2, 50.2), 1, LIMIT) == Clip(10, 20, 101, 51)


def test_a_box_that_starts_outside_the_page_is_cut_there() -> None:
    assert fit_clip(Clip(-10, -5, 100, 50), 1, LIMIT) == Clip(0, 0, 90, 45)


@pytest.mark.parametrize(
    ("width", "scale", "limit", "height", "truncated"),
    [
        (1280, 1, 16_000, 16_000, Truncation.HEIGHT),
        (1280, 1, 2_000, 2_000, Truncation.HEIGHT),
        (320, 3, 16_000, 8_680, Truncation.PIXELS),
        (1280, 2, 16_000, 4_882, Truncation.PIXELS),
        (3840, 3, 16_000, 723, Truncation.PIXELS),
    ],
)
def test_a_tall_page_is_cut_at_the_nearest_limit(
    width: int, scale: float, limit: int, height: int, truncated: Truncation
) -> None:
    seen = fit_clip(Clip(0, 0, width, 100_000), scale, limit)
    assert (seen.width, seen.height, seen.truncated) == (width, height, truncated)


def test_a_wide_element_is_cut_too() -> None:
    seen = fit_clip(Clip(0, 0, 100_000, 100), 1, LIMIT)
    assert (seen.width, seen.truncated) == (16_383, Truncation.WIDTH)


@pytest.mark.parametrize(("scale", "heights"), [(1, [16_300, 16_300, 7_400]), (1.25, [13_100, 13_100, 13_100, 700])])
def test_a_tall_clip_is_split_into_tiles(scale: float, heights: list[int]) -> None:
    tiles = list(Clip(10, 20, 300, 40_000).tiles(scale))
    assert [tile.height for tile in tiles] == heights
    assert [tile.y for tile in tiles] == [20 + sum(heights[:n]) for n in range(len(heights))]
    assert {(tile.x, tile.width) for tile in tiles} == {(10, 300)}


def test_a_box_within_the_limits_is_unchanged() -> None:
    assert fit_clip(Clip(0, 0, 1280, 4_000), 1, LIMIT) == Clip(0, 0, 1280, 4_000, truncated=Truncation.NONE)


def test_png_size_is_read_from_the_header() -> None:
    assert png_size(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x05\0\0\0\x02\xd0") == (1280, 720)
    with pytest.raises(ValueError, match="PNG"):
        png_size(b"")
