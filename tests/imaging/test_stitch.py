"""Tiles below each other, and patches over an image."""

from __future__ import annotations

import pytest
import pyvips

from tests.support.images import pixel
from tintype import imaging
from tintype.errors import EngineError

WHITE, RED = (255, 255, 255), (204, 0, 0)


def plain(width: int, height: int, colour: tuple[int, ...]) -> bytes:
    image = pyvips.Image.black(width, height, bands=len(colour)).linear(1, colour).cast("uchar")
    return bytes(image.copy(interpretation="srgb").pngsave_buffer())


def tile(height: int, *colour: int) -> bytes:
    return plain(20, height, colour)


def test_tiles_are_stacked() -> None:
    joined = imaging.stitch_vertically([tile(30, 255, 0, 0), tile(30, 0, 255, 0), tile(7, 0, 0, 255)])
    assert imaging.size(joined) == (20, 67, "image/png")
    heights = (0, 29, 30, 59, 60, 66)
    assert [pixel(joined, 10, y).index(255) for y in heights] == [0, 0, 1, 1, 2, 2]


def test_tiles_keep_transparency() -> None:
    joined = imaging.stitch_vertically([tile(5, 255, 0, 0, 0), tile(5, 0, 0, 255, 255)])
    assert [pixel(joined, 3, y)[3] for y in (2, 7)] == [0, 255]


def test_rejects_a_truncated_tile() -> None:
    with pytest.raises(EngineError):
        imaging.stitch_vertically([tile(300, 255, 0, 0), tile(300, 0, 255, 0)[:-40]])


class TestPatches:
    def test_replace_a_part_of_the_image(self) -> None:
        page, screen = plain(100, 300, WHITE), plain(100, 60, RED)
        patch = imaging.Patch(screen, left=10, top=5, width=40, height=20, x=30, y=205)
        seen = imaging.apply_patches(page, [patch], (0, 5), 1)
        assert [pixel(seen, x, y) for x, y in ((29, 200), (30, 200), (69, 219), (70, 219), (30, 220))] == [
            WHITE,
            RED,
            RED,
            WHITE,
            WHITE,
        ]

    def test_have_the_scale_of_the_image(self) -> None:
        seen = imaging.apply_patches(
            plain(200, 200, WHITE), [imaging.Patch(plain(200, 100, RED), 0, 0, 100, 25, 0, 50)], (0, 0), 2
        )
        assert [pixel(seen, 0, y) for y in (99, 100, 149, 150)] == [WHITE, RED, RED, WHITE]

    @pytest.mark.parametrize("part", [(0, 0, 10, 10, 0, 400), (50, 0, 10, 10, 0, 0), (0, 30, 10, 10, 0, 0)])
    def test_outside_of_the_image_or_the_screenshot_change_nothing(self, part: tuple[float, ...]) -> None:
        seen = imaging.apply_patches(plain(30, 50, WHITE), [imaging.Patch(plain(40, 20, RED), *part)], (0, 0), 1)
        assert {pixel(seen, 0, 0), pixel(seen, 0, 49)} == {WHITE}

    def test_keep_transparency(self) -> None:
        seen = imaging.apply_patches(
            plain(10, 10, (*WHITE, 255)), [imaging.Patch(plain(10, 10, RED), 0, 0, 10, 5, 0, 0)], (0, 0), 1
        )
        assert [pixel(seen, 0, y) for y in (4, 5)] == [(*RED, 255), (*WHITE, 255)]
