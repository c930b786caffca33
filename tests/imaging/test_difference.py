"""Differences between two images: right values, noise that does not count, sizes that differ, the drawing."""

from __future__ import annotations

from typing import Any

import pytest

from tintype.errors import EngineError
from tintype.imaging import draw_difference, find_difference
from tintype.imaging.difference import SURROUNDING
from tintype.imaging.vips import load, pyvips_module

WIDTH, HEIGHT = 640, 400


def canvas(width: int = WIDTH, height: int = HEIGHT, colour: tuple[int, ...] = (255, 255, 255)) -> Any:
    image = pyvips_module().Image.black(width, height) + list(colour)
    return image.cast("uchar").copy(interpretation="srgb").copy_memory()


def box(image: Any, left: int, top: int, width: int, height: int, colour: tuple[int, ...] = (200, 0, 0)) -> Any:
    return image.draw_rect(list(colour), left, top, width, height, fill=True)


def text(image: Any, words: str, left: int = 300, top: int = 100, size: int = 16) -> Any:
    glyphs = 255 - pyvips_module().Image.text(words, font=f"sans {size}")
    return image.draw_image(glyphs.bandjoin([glyphs, glyphs]).copy(interpretation="srgb"), left, top)


def encoded(image: Any) -> bytes:
    return bytes(image.pngsave_buffer(compression=1))


def pixels(before: Any, after: Any, *ignored: tuple[int, int, int, int]) -> float:
    """Differing pixels of two images of the same size."""
    share = find_difference(encoded(before), encoded(after), ignored).share
    counted = before.width * before.height - sum(width * height for _, _, width, height in ignored)
    return round(share * counted, 3)


class TestDifference:
    def test_equal_images_do_not_differ(self) -> None:
        assert find_difference(encoded(canvas()), encoded(canvas())).share == 0

    def test_changed_box_counts_with_its_surrounding(self) -> None:
        assert pixels(canvas(), box(canvas(), 100, 100, 20, 10)) == (20 + 2 * SURROUNDING) * (10 + 2 * SURROUNDING)

    def test_changed_box_in_a_corner_counts_up_to_the_border(self) -> None:
        assert pixels(canvas(), box(canvas(), 0, 0, 20, 10)) == (20 + SURROUNDING) * (10 + SURROUNDING)

    def test_order_does_not_matter(self) -> None:
        one, other = box(canvas(), 100, 100, 20, 10), text(canvas(), "price")
        assert pixels(one, other) == pixels(other, one) > 0

    @pytest.mark.parametrize("words", ["$18.99", "$19,99.", "$29.99", "$19"])
    def test_changed_price_differs(self, words: str) -> None:
        """The threshold of 0.1 % is that of a viewport of 1280x720."""
        assert pixels(text(canvas(), "$19.99"), text(canvas(), words)) > 1280 * 720 / 1000

    def test_slightly_changed_colour_differs(self) -> None:
        before, after = (box(canvas(), 50, 50, 60, 20, colour) for colour in ((200, 0, 0), (186, 0, 0)))
        assert pixels(before, after) > 60 * 20

    def test_moved_box_differs_at_its_edges(self) -> None:
        before, after = (box(canvas(), left, 50, 100, 30) for left in (50, 60))
        assert 0 < pixels(before, after) <= 2 * (10 + 2 * SURROUNDING) * (30 + 2 * SURROUNDING)


class TestNoise:
    def test_edges_that_moved_by_a_pixel_do_not_differ(self) -> None:
        before, after = (text(box(canvas(), left, 50, 100, 30), "Words of a page", left) for left in (50, 51))
        assert pixels(before, after) == 0

    @pytest.mark.parametrize("size", [9, 12, 20])
    @pytest.mark.parametrize("shift", [(0.5, 0), (0, 0.5), (0.3, 0.7)])
    def test_subpixel_positions_do_not_differ(self, shift: tuple[float, float], size: int) -> None:
        before = text(canvas(), "Words of a page", size=size)
        moved = before.affine([1, 0, 0, 1], odx=shift[0], ody=shift[1], oarea=[0, 0, WIDTH, HEIGHT], background=255)
        assert pixels(before, moved.cast("uchar")) == 0

    def test_lossy_compression_differs_only_near_a_change(self) -> None:
        page = text(box(canvas(), 50, 50, 100, 30, (90, 120, 200)), "Words of a page", size=20)
        before, after = (bytes(each.jpegsave_buffer(Q=80)) for each in (page, box(page, 50, 300, 40, 20)))
        difference = find_difference(before, after)
        assert difference.share * WIDTH * HEIGHT <= (40 + 2 * SURROUNDING + 16) * (20 + 2 * SURROUNDING + 16)

    def test_single_pixels_do_not_differ(self) -> None:
        after = canvas()
        for left in range(10, WIDTH, 30):
            after = box(after, left, left % HEIGHT, 2, 1)
        assert pixels(canvas(), after) == 0

    def test_thin_line_that_appears_differs(self) -> None:
        assert pixels(canvas(), box(canvas(), 100, 100, 1, 40)) > 0


class TestIgnoredBoxes:
    def test_ignored_pixels_do_not_count(self) -> None:
        assert pixels(canvas(), box(canvas(), 100, 100, 20, 10), (90, 90, 40, 30)) == 0

    def test_ignored_pixels_are_left_out_of_the_share(self) -> None:
        half = (0, 0, WIDTH, HEIGHT // 2)
        after = box(canvas(), 0, HEIGHT // 2, WIDTH, HEIGHT // 2)
        assert find_difference(encoded(canvas()), encoded(after), [half]).share == 1

    def test_overlapping_ones_count_once(self) -> None:
        after = box(canvas(), 0, 0, WIDTH, HEIGHT)
        twice = [(0, 0, WIDTH, HEIGHT // 2)] * 2
        assert find_difference(encoded(canvas()), encoded(after), twice).share == 1

    def test_box_may_lie_outside_of_the_image(self) -> None:
        outside = [(5000, 5000, 10, 10), (WIDTH - 5, 0, 500, 500)]
        assert find_difference(encoded(canvas()), encoded(box(canvas(), 9, 9, 50, 50)), outside).share > 0

    def test_box_may_cover_everything(self) -> None:
        everything = [(0, 0, WIDTH, HEIGHT)]
        assert find_difference(encoded(canvas()), encoded(box(canvas(), 9, 9, 50, 50)), everything).share == 0


class TestSizes:
    def test_grown_page_differs_where_it_grew(self) -> None:
        share = find_difference(encoded(canvas()), encoded(canvas(height=HEIGHT + 100))).share
        assert share == pytest.approx(100 / (HEIGHT + 100))

    def test_shrunk_page_differs_where_it_shrank(self) -> None:
        difference = find_difference(encoded(canvas(height=HEIGHT + 100)), encoded(canvas()))
        assert difference.share == pytest.approx(100 / (HEIGHT + 100))
        body, width, height, _ = draw_difference(encoded(canvas()), difference)
        assert (width, height) == (WIDTH, HEIGHT + 100)
        assert load(body, "image/webp").height == HEIGHT + 100

    def test_rounding_of_sizes_does_not_differ(self) -> None:
        assert find_difference(encoded(canvas()), encoded(canvas(WIDTH - 1, HEIGHT + 2))).share == 0

    def test_grown_part_may_be_ignored(self) -> None:
        bottom = [(0, HEIGHT, WIDTH, 100)]
        assert find_difference(encoded(canvas()), encoded(canvas(height=HEIGHT + 100)), bottom).share == 0


class TestFormats:
    def test_transparent_pixels_are_white(self) -> None:
        clear = canvas().addalpha() * [1, 1, 1, 0]
        assert find_difference(encoded(canvas()), encoded(clear.cast("uchar"))).share == 0

    @pytest.mark.parametrize("body", [b"", b"text", encoded(canvas())[:200]])
    def test_damaged_image_is_an_error(self, body: bytes) -> None:
        with pytest.raises(EngineError):
            find_difference(encoded(canvas()), body)


class TestDrawing:
    def test_marks_what_differs_and_pales_the_rest(self) -> None:
        before, after = box(canvas(), 10, 10, 50, 50, (0, 0, 0)), box(canvas(), 10, 10, 50, 50, (0, 0, 0))
        after = box(after, 300, 200, 40, 40, (0, 0, 255))
        difference = find_difference(encoded(before), encoded(after))
        body, width, height, mime = draw_difference(encoded(after), difference)
        drawn = load(body, mime).copy_memory()
        assert (width, height, mime) == (WIDTH, HEIGHT, "image/webp")
        rest, changed, outline = drawn(30, 30), drawn(320, 220), drawn(300 - SURROUNDING, 220)
        assert max(rest) - min(rest) < 12
        assert min(rest) > 150
        assert changed[2] > changed[1] + 100
        assert outline[0] > outline[1] + 100

    def test_image_taller_than_webp_allows_is_a_png(self) -> None:
        tall = canvas(20, 17_000)
        difference = find_difference(encoded(tall), encoded(box(canvas(20, 17_000), 0, 50, 20, 20)))
        assert draw_difference(encoded(tall), difference)[1:] == (20, 17_000, "image/png")
