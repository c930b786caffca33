"""Similarity of images in benchmarks."""

from __future__ import annotations

from typing import Any

import pytest
import pyvips

from bench import similarity


def clouds(seed: int = 1, width: int = 200, height: int = 100) -> Any:
    image = pyvips.Image.perlin(width, height, cell_size=20, seed=seed) * 120 + 128
    return image.bandjoin([image, image]).cast("uchar").copy(interpretation="srgb")


def png(image: Any) -> bytes:
    return bytes(image.pngsave_buffer())


def test_an_image_equals_itself_in_any_lossless_format() -> None:
    one, other = png(clouds()), clouds().webpsave_buffer(lossless=True)
    assert similarity.psnr(one, other) == similarity.SAME
    assert similarity.ssim(one, other) == pytest.approx(1)


def test_psnr_matches_the_formula() -> None:
    grey = pyvips.Image.black(64, 64, bands=3).linear(1, 100).cast("uchar").copy(interpretation="srgb")
    assert similarity.psnr(png(grey), png(grey.linear(1, 10).cast("uchar"))) == pytest.approx(28.13, abs=0.01)


def test_ssim_separates_a_blurred_image_from_a_different_one() -> None:
    blurred, other = png(clouds().gaussblur(1)), png(clouds(seed=2))
    assert similarity.ssim(png(clouds()), blurred) > 0.9
    assert similarity.ssim(png(clouds()), other) < 0.5


def test_transparency_counts_as_white() -> None:
    white = pyvips.Image.black(32, 32, bands=3).linear(1, 255).cast("uchar").copy(interpretation="srgb")
    clear = white.linear(0, 0).cast("uchar").bandjoin(0).copy(interpretation="srgb")
    assert similarity.psnr(png(white), png(clear)) == similarity.SAME


def test_rejects_different_sizes_and_invalid_images() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        similarity.psnr(png(clouds()), png(clouds(width=201)))
    with pytest.raises(ValueError, match="not an image"):
        similarity.ssim(png(clouds()), b"words")
