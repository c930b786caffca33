"""Tiles stitched into one image."""

from __future__ import annotations

import pytest
import pyvips

from tests.support.images import pixel
from tintype import imaging
from tintype.errors import EngineError


def tile(height: int, *colour: int) -> bytes:
    plain = pyvips.Image.black(20, height, bands=len(colour)).linear(1, colour).cast("uchar")
    return bytes(plain.copy(interpretation="srgb").pngsave_buffer())


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
