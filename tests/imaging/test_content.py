"""Drawn pixels of images."""

from __future__ import annotations

from typing import Any

import pytest
import pyvips

from tests.support.fakes import png
from tintype import imaging

WIDTH, HEIGHT = 640, 400


def picture(image: Any, form: str = ".png") -> bytes:
    return bytes(image.cast("uchar").copy(interpretation="srgb").write_to_buffer(form))


def ground(*levels: int) -> Any:
    return pyvips.Image.black(WIDTH, HEIGHT, bands=len(levels)) + list(levels)


def written(text: str, paper: int, ink: int, size: int = 16) -> Any:
    mask = pyvips.Image.text(text, font=f"sans {size}px", dpi=72).embed(20, 20, WIDTH, HEIGHT)
    return mask.ifthenelse([ink] * 3, ground(paper, paper, paper), blend=True)


def noise(level: int, sigma: float) -> Any:
    return pyvips.Image.gaussnoise(WIDTH, HEIGHT, mean=level, sigma=sigma, seed=7).bandjoin([ground(level, level)])


def gradient(low: int, high: int) -> Any:
    one = pyvips.Image.xyz(WIDTH, HEIGHT)[1] * (high - low) / HEIGHT + low
    return one.bandjoin([one, one])


NOTHING = {
    "white": ground(255, 255, 255),
    "black": ground(0, 0, 0),
    "a colour": ground(13, 110, 253),
    "a faint gradient": gradient(246, 255),
    "faint noise": noise(240, 1.2),
    "grain": noise(240, 3),
    "nothing at all": ground(0, 0, 0, 0),
}
SOMETHING = {
    "a sentence": written("It works.", 255, 0),
    "a tiny word": written("ok", 255, 0, 7),
    "dark words on a dark page": written("Dark words on a dark page", 17, 58),
    "pale words on a white page": written("Pale words on a white page", 255, 225),
    "words on grain": noise(240, 3) - (255 - written("Words on grain", 255, 0)) * 0.9,
    "a gradient": gradient(40, 220),
    "white words without a ground": written("Words", 0, 255).bandjoin([written("Words", 0, 255)[0]]),
}


@pytest.mark.parametrize("image", NOTHING.values(), ids=NOTHING)
def test_finds_nothing_drawn(image: Any) -> None:
    assert imaging.measure_content(picture(image)).drawn_pixels < 9


@pytest.mark.parametrize("image", SOMETHING.values(), ids=SOMETHING)
def test_finds_something_drawn(image: Any) -> None:
    seen = imaging.measure_content(picture(image))
    assert seen.drawn_pixels >= 9
    assert 0 < seen.drawn_share <= 1
    assert not imaging.is_one_colour(picture(image))


@pytest.mark.parametrize("form", [".png", ".jpg", ".webp"])
def test_measures_every_format(form: str) -> None:
    assert imaging.is_one_colour(picture(ground(240, 244, 250), form))
    assert imaging.measure_content(picture(ground(240, 244, 250), form)).drawn_pixels == 0
    assert not imaging.is_one_colour(picture(SOMETHING["a sentence"], form))


def test_ignores_what_lies_far_below() -> None:
    tall = pyvips.Image.black(100, 2000, bands=3) + 255
    assert imaging.is_one_colour(picture(tall.insert(ground(0, 0, 0), 0, 1500)))
    assert not imaging.is_one_colour(picture(tall.insert(ground(0, 0, 0), 0, 150)))


def test_does_not_decode_a_dense_png() -> None:
    body = picture(noise(128, 60))
    assert not imaging.is_one_colour(body[: len(body) * 3 // 4])


def test_fake_png_shows_something_only_if_drawn() -> None:
    assert imaging.is_one_colour(png(64, 36))
    assert not imaging.is_one_colour(png(64, 36, drawn=True))
