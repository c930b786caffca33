"""Edges outside of boxes, pale images and rings."""

from __future__ import annotations

from typing import Any

import pytest
import pyvips

from tintype import imaging

WIDTH, HEIGHT = 320, 200


def ground(level: int = 255) -> Any:
    return (pyvips.Image.black(WIDTH, HEIGHT, bands=3) + level).cast("uchar").copy(interpretation="srgb")


def png(image: Any) -> bytes:
    return bytes(image.write_to_buffer(".png"))


def box(colour: list[int], *place: int) -> Any:
    return ground().draw_rect(colour, *place, fill=True)


def circle(fill: bool, radius: int = 40) -> Any:
    image = ground().draw_circle([0, 0, 200], 160, 100, radius, fill=fill)
    return (
        image
        if fill
        else image.draw_circle([0, 0, 200], 160, 100, radius - 1).draw_circle([0, 0, 200], 160, 100, radius - 2)
    )


class TestLeftover:
    def test_finds_no_edges_on_a_flat_ground(self) -> None:
        assert imaging.measure_leftover(png(ground()), [], 8) == imaging.Leftover(0, 0, 0)

    def test_finds_no_edges_in_a_gradient(self) -> None:
        level = pyvips.Image.xyz(WIDTH, HEIGHT)[1] * 0.8
        body = png(level.bandjoin([level, level]).cast("uchar").copy(interpretation="srgb"))
        assert imaging.measure_leftover(body, [], 8).edge_pixels == 0

    def test_measures_what_is_drawn(self) -> None:
        found = imaging.measure_leftover(png(box([0, 0, 0], 100, 50, 60, 30)), [], 8)
        assert found.edge_pixels > 300
        assert 58 <= found.width <= 66
        assert 28 <= found.height <= 36

    def test_ignores_what_lies_in_boxes(self) -> None:
        body = png(box([0, 0, 0], 100, 50, 60, 30))
        assert imaging.measure_leftover(body, [(90, 40, 80, 50)], 8).edge_pixels == 0
        assert imaging.measure_leftover(body, [(90, 40, 40, 50)], 8).edge_pixels > 0

    def test_ignores_edges_of_less_contrast(self) -> None:
        body = png(box([230, 230, 230], 100, 50, 60, 30))
        assert imaging.measure_leftover(body, [], 8).edge_pixels > 0
        assert imaging.measure_leftover(body, [], 44).edge_pixels == 0

    @pytest.mark.parametrize(
        "place", [(-500, -500, 10, 10), (10_000, 10_000, 50, 50), (0, 0, 0, 0), (-50, -50, 9000, 9000)]
    )
    def test_accepts_boxes_anywhere(self, place: imaging.Box) -> None:
        imaging.measure_leftover(png(ground()), [place], 8)


@pytest.mark.parametrize(
    ("image", "pale"),
    [
        (ground(), False),
        (box([232, 232, 232], 40, 40, 200, 20), True),
        (box([255, 200, 200], 40, 40, 200, 20), False),
        (box([0, 0, 0], 40, 40, 200, 20), False),
    ],
    ids=["nothing", "grey", "colour", "black"],
)
def test_recognizes_pale_images(image: Any, pale: bool) -> None:
    assert imaging.is_pale(png(image)) is pale


@pytest.mark.parametrize(
    ("image", "ring"),
    [
        (ground(), False),
        (circle(fill=False), True),
        (circle(fill=True), False),
        (box([0, 0, 0], 100, 90, 120, 20), False),
    ],
    ids=["nothing", "ring", "disc", "bar"],
)
def test_recognizes_rings(image: Any, ring: bool) -> None:
    assert imaging.is_ring(png(image), (60, 0, 200, 200)) is ring
    assert not imaging.is_ring(png(image), (5000, 5000, 20, 20))
