"""Rendering, formats, hostile masters and fallback images."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st

from tests.support.images import pixel
from tintype import imaging
from tintype.errors import EngineError
from tintype.imaging import vips
from tintype.imaging.geometry import LONGEST_SIDE, plan_resize
from tintype.model import Capture, Thumbnail, Truncation, digest_of
from tintype.options import Rendition

FORMATS = ("png", "jpeg", "webp", "avif")
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def flat(width: int, height: int, colour: tuple[int, ...]) -> Any:
    return (
        pyvips.Image.black(width, height).bandjoin([0, 0]).linear(1, colour).cast("uchar").copy(interpretation="srgb")
    )


def striped(width: int = 1280, height: int = 720) -> Any:
    """Top third red, middle green, bottom blue; a white column down the left edge, a tenth of the width."""
    picture = flat(width, height, BLUE)
    for place, colour in ((height // 3, GREEN), (0, RED)):
        picture = picture.insert(flat(width, height // 3, colour), 0, place)
    return picture.insert(flat(max(1, width // 10), height, WHITE), 0, 0)


def noisy(width: int, height: int) -> Any:
    noise = [pyvips.Image.gaussnoise(width, height, mean=128, sigma=40, seed=n).cast("uchar") for n in range(3)]
    return noise[0].bandjoin(noise[1:]).copy(interpretation="srgb")


def master(image: Any, form: str = "png", **more: Any) -> Capture:
    body = {
        "png": lambda: image.pngsave_buffer(compression=1),
        "jpeg": lambda: image.jpegsave_buffer(Q=95, subsample_mode="off"),
        "webp": lambda: image.webpsave_buffer(lossless=True, effort=0),
        "avif": lambda: image.heifsave_buffer(compression="av1", Q=90, effort=0),
    }[form]()
    return Capture(body=body, width=image.width, height=image.height, taken_at=1000.0, **more)


def render(capture: Capture, **rendition: Any) -> Thumbnail:
    return imaging.render(capture, Rendition(**rendition))


def close_to(seen: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 30) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(seen, wanted, strict=False))


class TestSizes:
    """What is delivered for a box, from a master of 1280x720."""

    @pytest.mark.parametrize(
        ("options", "size"),
        [
            ({}, (1280, 720)),
            ({"thumb_width": 320}, (320, 180)),
            ({"thumb_height": 90}, (160, 90)),
            ({"thumb_width": 320, "thumb_height": 320}, (320, 320)),
            ({"thumb_width": 320, "thumb_height": 320, "fit": "contain"}, (320, 320)),
            ({"thumb_width": 320, "thumb_height": 320, "fit": "inside"}, (320, 180)),
            ({"thumb_width": 320, "thumb_height": 320, "fit": "fill"}, (320, 320)),
        ],
    )
    def test_a_smaller_box_is_filled(self, options: dict[str, Any], size: tuple[int, int]) -> None:
        thumbnail = render(master(striped()), **options)
        assert (thumbnail.width, thumbnail.height) == size == imaging.size(thumbnail.body)[:2]

    @pytest.mark.parametrize(
        ("options", "size"),
        [
            ({"thumb_width": 2000}, (1280, 720)),
            ({"thumb_height": 2000}, (1280, 720)),
            ({"thumb_width": 2000, "thumb_height": 2000, "fit": "inside"}, (1280, 720)),
            ({"thumb_width": 2000, "thumb_height": 2000, "fit": "cover"}, (720, 720)),
            ({"thumb_width": 2000, "thumb_height": 500, "fit": "cover"}, (1280, 320)),
            ({"thumb_width": 2000, "thumb_height": 2000, "fit": "fill"}, (720, 720)),
            ({"thumb_width": 2000, "thumb_height": 1000, "fit": "contain"}, (2000, 1000)),
        ],
    )
    def test_a_larger_box_never_enlarges(self, options: dict[str, Any], size: tuple[int, int]) -> None:
        thumbnail = render(master(striped()), **options)
        assert (thumbnail.width, thumbnail.height) == size == imaging.size(thumbnail.body)[:2]

    @given(
        width=st.integers(1, 4000),
        height=st.integers(1, 17_000),
        options=st.fixed_dictionaries(
            {"fit": st.sampled_from(["cover", "contain", "inside", "fill"]), "format": st.sampled_from(FORMATS)},
            optional={"thumb_width": st.integers(16, 3840), "thumb_height": st.integers(16, 3840)},
        ),
    )
    def test_no_plan_enlarges_or_leaves_the_box(self, width: int, height: int, options: dict[str, Any]) -> None:
        layout = plan_resize(width, height, Rendition(**options))
        assert all(used <= there for used, there in zip(layout.crop, (width, height), strict=True))
        assert all(after <= before for after, before in zip(layout.scaled, layout.crop, strict=True))
        assert all(inner <= outer for inner, outer in zip(layout.scaled, layout.canvas, strict=True))
        box = (options.get("thumb_width", width), options.get("thumb_height", height))
        assert all(got <= most for got, most in zip(layout.canvas, box, strict=True))
        assert min(layout.scaled) >= 1
        assert max(layout.canvas) <= LONGEST_SIDE[options["format"]]

    @given(width=st.integers(300, 4000), height=st.integers(300, 17_000), box=st.tuples(*[st.integers(30, 3840)] * 2))
    def test_cover_keeps_the_shape_of_the_box_and_of_the_picture(
        self, width: int, height: int, box: tuple[int, int]
    ) -> None:
        layout = plan_resize(width, height, Rendition(thumb_width=box[0], thumb_height=box[1]))
        wide, high = layout.canvas
        assert abs(wide * box[1] - high * box[0]) <= max(box)
        # no side is stretched by more than the rounding of half a pixel
        across, down = layout.crop[0] / wide, layout.crop[1] / high
        assert abs(across / down - 1) <= 0.5 / min(layout.canvas) + 0.5 / min(layout.crop) + 1e-9


class TestFits:
    def test_cover_keeps_the_top_and_the_middle(self) -> None:
        seen = render(master(striped(600, 900)), thumb_width=100, thumb_height=50).body
        assert pixel(seen, 50, 5) == RED
        assert pixel(seen, 50, 45) == RED  # the upper half of a third
        wide = render(master(striped(900, 300)), thumb_width=100, thumb_height=100).body
        assert pixel(wide, 1, 5) == RED  # the white column is cut off with the left side

    def test_fill_shows_everything_stretched(self) -> None:
        seen = render(master(striped(600, 900)), thumb_width=100, thumb_height=90, fit="fill").body
        assert [pixel(seen, 50, y) for y in (10, 45, 80)] == [RED, GREEN, BLUE]
        assert pixel(seen, 2, 45) == WHITE

    @pytest.mark.parametrize("form", ["png", "webp", "avif"])
    def test_contain_pads_with_transparency(self, form: str) -> None:
        seen = render(master(striped(800, 400)), thumb_width=200, thumb_height=200, fit="contain", format=form).body
        assert pixel(seen, 100, 10)[3] == pixel(seen, 100, 190)[3] == 0
        assert pixel(seen, 100, 100)[3] == 255
        assert close_to(pixel(seen, 100, 100), GREEN, 60)

    def test_contain_pads_jpeg_with_white(self) -> None:
        seen = render(master(striped(800, 400)), thumb_width=200, thumb_height=200, fit="contain", format="jpeg").body
        assert close_to(pixel(seen, 100, 10), WHITE, 3)
        assert close_to(pixel(seen, 100, 100), GREEN, 60)

    @pytest.mark.parametrize("form", FORMATS)
    def test_masters_of_every_permitted_format_are_read(self, form: str) -> None:
        seen = render(master(striped(), form), thumb_width=320, format="png")
        assert (seen.width, seen.height) == (320, 180)
        assert close_to(pixel(seen.body, 200, 30), RED)
        assert close_to(pixel(seen.body, 200, 150), BLUE)
        assert close_to(pixel(seen.body, 5, 90), WHITE)

    @pytest.mark.parametrize("width", [1001, 640, 333, 100, 40, 32])
    def test_jpeg_masters_reduced_while_decoding_look_the_same(self, width: int) -> None:
        picture = striped(1280, 1017)
        options = {"thumb_width": width, "thumb_height": width // 2}
        slow, quick = (render(master(picture, form), **options) for form in ("png", "jpeg"))
        assert (slow.width, slow.height) == (quick.width, quick.height) == tuple(options.values())
        one, other = (pyvips.Image.pngload_buffer(seen.body) for seen in (slow, quick))
        assert (one - other).abs().avg() < 4


class TestFormats:
    @pytest.mark.parametrize("form", FORMATS)
    def test_thumbnail_describes_its_bytes(self, form: str) -> None:
        thumbnail = render(master(striped()), thumb_width=320, format=form)
        assert imaging.size(thumbnail.body) == (thumbnail.width, thumbnail.height, thumbnail.mime)
        assert thumbnail.mime == f"image/{form}"
        assert thumbnail.digest == digest_of(thumbnail.body)

    def test_a_png_of_its_own_size_is_unchanged(self) -> None:
        capture = master(striped())
        assert render(capture).body is capture.body
        assert render(capture, thumb_width=3840).body is capture.body
        assert render(capture, thumb_width=1280, thumb_height=720, fit="contain").body is capture.body

    @pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
    def test_quality_increases_size(self, form: str) -> None:
        picture = master(noisy(320, 200))
        sizes = [len(render(picture, format=form, quality=quality).body) for quality in (1, 30, 60, 80, 90, 100)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1] / 3

    def test_lossy_formats_stay_close_to_the_master(self) -> None:
        picture = striped()
        for form in ("jpeg", "webp", "avif"):
            thumbnail = render(master(picture), format=form)
            seen = pyvips.Image.new_from_buffer(thumbnail.body, "")
            assert (seen - picture).abs().avg() < 2

    @pytest.mark.parametrize("form", FORMATS)
    def test_metadata_is_removed(self, form: str) -> None:
        tagged = striped().copy()
        tagged.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta>secret place</x:xmpmeta>")
        tagged.set_type(pyvips.GValue.gstr_type, "png-comment-0-Comment", "secret place")
        capture = Capture(body=tagged.jpegsave_buffer(keep="all"), width=1280, height=720, taken_at=0)
        assert b"secret" in capture.body
        assert b"secret" not in render(capture, thumb_width=600, format=form).body

    @pytest.mark.parametrize("form", FORMATS)
    def test_transparency_is_kept_except_in_jpeg(self, form: str) -> None:
        clear = striped(400, 400).addalpha() * [1, 1, 1, 0]
        seen = render(master(clear.cast("uchar").copy(interpretation="srgb")), thumb_width=200, format=form).body
        corner = pixel(seen, 100, 100)
        assert close_to(corner, WHITE, 3) if form == "jpeg" else corner[3] == 0

    def test_colours_are_converted_to_srgb(self) -> None:
        grey = (pyvips.Image.black(64, 64) + 128).cast("uchar").copy(interpretation="b-w")
        assert close_to(pixel(render(master(grey), format="webp").body, 5, 5), (128, 128, 128), 2)
        deep = flat(64, 64, RED).cast("ushort").linear(257, 0).cast("ushort").copy(interpretation="rgb16")
        assert close_to(pixel(render(master(deep), thumb_width=32).body, 5, 5), RED, 2)
        press = striped(64, 64).icc_export(output_profile="cmyk", depth=8).jpegsave_buffer(keep="icc")
        seen = render(Capture(body=press, width=64, height=64, taken_at=0), format="png").body
        assert pixel(seen, 40, 10)[0] > 200
        assert pixel(seen, 40, 10)[2] < 80

    @pytest.mark.parametrize(("form", "longest"), [("webp", 16_383), ("avif", 16_384)])
    def test_an_image_longer_than_its_format_allows_is_cut(self, form: str, longest: int) -> None:
        thumbnail = render(master(striped(64, 20_000)), format=form)
        assert (thumbnail.width, thumbnail.height, thumbnail.truncated) == (64, longest, Truncation.FORMAT)
        assert imaging.size(thumbnail.body)[:2] == (64, longest)

    @pytest.mark.parametrize(("form", "longest"), [("webp", 16_383), ("avif", 16_384)])
    def test_a_thumbnail_longer_than_its_format_allows_keeps_its_width(self, form: str, longest: int) -> None:
        thumbnail = render(master(striped(64, 40_000)), format=form, thumb_width=48)
        assert (thumbnail.width, thumbnail.height, thumbnail.truncated) == (48, longest, Truncation.FORMAT)

    @pytest.mark.parametrize("options", [{"format": "png"}, {"format": "webp", "thumb_width": 32}, {"format": "jpeg"}])
    def test_an_image_within_the_limits_of_its_format_is_whole(self, options: dict[str, Any]) -> None:
        thumbnail = render(master(striped(64, 20_000)), **options)
        assert (thumbnail.height, thumbnail.truncated) == (20_000 * thumbnail.width // 64, Truncation.NONE)

    def test_reports_the_limit_of_the_format_for_an_image_that_is_cut_twice(self) -> None:
        thumbnail = render(master(striped(64, 20_000), truncated=Truncation.HEIGHT), format="webp")
        assert (thumbnail.height, thumbnail.truncated) == (16_383, Truncation.FORMAT)

    @pytest.mark.parametrize("form", ["webp", "avif"])
    def test_an_image_wider_than_its_format_allows_is_reduced(self, form: str) -> None:
        thumbnail = render(master(striped(20_000, 40)), format=form)
        assert (thumbnail.width, thumbnail.height) == (LONGEST_SIDE[form], round(40 * LONGEST_SIDE[form] / 20_000))

    def test_thumbnail_keeps_the_flags_of_its_capture(self) -> None:
        seen: dict[str, Any] = {
            "status": 404,
            "final_url": "https://example.com/there",
            "partial": True,
            "truncated": Truncation.PIXELS,
            "features_unavailable": True,
        }
        thumbnail = render(master(striped(), **seen), thumb_width=100)
        assert {name: getattr(thumbnail, name) for name in seen} == seen
        assert thumbnail.taken_at == 1000.0


class TestHostileMasters:
    """A hosted engine, or a proxy before it, can return any bytes."""

    SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\x89PNG",
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG\r\n\x1a\n" + SVG,
            b"\xff\xd8\xff" + SVG,
            b"RIFF\0\0\0\0WEBP" + SVG,
            b"\0\0\0\x1cftypavif" + SVG,
            b"\0\0\0\x1cftypheic" + bytes(64),
            SVG,
            b"%PDF-1.7\n",
            b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
            b"<html>not found</html>",
            bytes(1000),
        ],
    )
    def test_rejects_other_formats(self, body: bytes) -> None:
        capture = Capture(body=body, width=9, height=9, taken_at=0)
        for attempt in (lambda: imaging.size(body), lambda: render(capture), lambda: render(capture, format="jpeg")):
            with pytest.raises(EngineError):
                attempt()

    def test_other_formats_never_reach_a_decoder(self) -> None:
        imaging.size(master(striped(9, 9)).body)
        picture = striped(9, 9)
        for body in (picture.tiffsave_buffer(), picture.gifsave_buffer()):
            with pytest.raises(EngineError):
                imaging.size(body)
            with pytest.raises(pyvips.Error):
                pyvips.Image.new_from_buffer(body, "")

    @pytest.mark.parametrize("form", FORMATS)
    def test_verify_rejects_a_truncated_image(self, form: str) -> None:
        body = master(noisy(400, 400), form).body
        with pytest.raises(EngineError):
            imaging.verify(body[: len(body) * 2 // 3])
        assert imaging.verify(body) == (400, 400, f"image/{form}")

    @pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
    def test_render_rejects_a_truncated_master(self, form: str) -> None:
        body = master(noisy(400, 400)).body
        with pytest.raises(EngineError) as failure:
            render(Capture(body=body[: len(body) // 2], width=400, height=400, taken_at=0), format=form)
        assert "vips" not in failure.value.detail.lower()

    def test_rejects_a_decompression_bomb_before_decoding(self) -> None:
        bomb = pyvips.Image.black(12_000, 6_000, bands=3).copy(interpretation="srgb").pngsave_buffer(compression=9)
        assert len(bomb) < 400_000
        with pytest.raises(EngineError, match="60 megapixels"):
            imaging.size(bomb)

    @given(cut=st.integers(0, 400), noise=st.binary(max_size=64), form=st.sampled_from(FORMATS))
    def test_damage_raises_only_engine_error(self, cut: int, noise: bytes, form: str) -> None:
        body = master(striped(16, 16), form).body
        damaged = body[:cut] + noise + body[cut + len(noise) :]
        with suppress(EngineError):
            render(Capture(body=damaged, width=16, height=16, taken_at=0), thumb_width=16, thumb_height=16, fit="fill")


class TestErrorCard:
    TITLE = "The page could not be reached"
    REASON = "the name no-such-host.example.com is not known"

    def card(self, width: int, height: int, form: Any = "png", title: str = TITLE, reason: str = REASON) -> Thumbnail:
        return imaging.draw_error_card(title, reason, format=form, quality=80, width=width, height=height)

    def ink(self, card: Thumbnail) -> int:
        """Rows that hold dark text."""
        dark = pyvips.Image.pngload_buffer(card.body).colourspace("b-w") < 125
        rows = dark.project()[1]
        return round((rows > 0).avg() / 255 * card.height)

    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize("size", [(1280, 720), (320, 180), (64, 48), (16, 16), (3840, 16), (16, 3840)])
    def test_has_the_requested_size_and_format(self, size: tuple[int, int], form: str) -> None:
        card = self.card(*size, form)
        assert imaging.size(card.body) == (*size, f"image/{form}")
        assert (card.width, card.height, card.mime) == (*size, f"image/{form}")

    def test_a_size_beyond_the_format_is_reduced(self) -> None:
        card = self.card(3840, 25_920, "webp")
        assert card.height <= 16_383
        assert abs(card.width / card.height - 3840 / 25_920) < 0.01
        assert imaging.size(card.body)[:2] == (card.width, card.height)

    def test_omits_illegible_text(self) -> None:
        assert self.ink(self.card(320, 180)) > self.ink(self.card(320, 180, reason="")) > 0
        assert self.card(64, 48).body == self.card(64, 48, title="Something else", reason="").body

    @pytest.mark.parametrize(
        "text",
        [
            '<b>not</b> & markup </span> &amp; "quotes"',
            "https://example.com/" + "very-long-address" * 40,
            "word " * 500,
            "このページには接続できませんでした。" * 20,
            "لا يمكن الوصول إلى الصفحة",
            "line\nbreak\ttab \x00 nul \u202e turned 🛰",
            " ",
        ],
    )  # fmt: skip
    def test_draws_any_text(self, text: str) -> None:
        for width, height in ((1280, 720), (320, 180), (160, 120)):
            card = self.card(width, height, title=text, reason=text)
            assert imaging.size(card.body)[:2] == (width, height)
            edge = pyvips.Image.pngload_buffer(card.body).crop(0, height - 4, width, 4)
            assert edge.min() > 230, "text runs out of the card"

    def test_draws_a_reason_that_repeats_the_title_once(self) -> None:
        assert self.card(320, 180, reason=self.TITLE).body == self.card(320, 180, reason="").body

    def test_draws_the_reason_as_a_sentence(self) -> None:
        assert self.card(320, 180).body == self.card(320, 180, reason=f"{self.REASON.capitalize()}.").body

    def test_draws_a_card_when_no_font_is_installed(self, tmp_path: Any) -> None:
        config = tmp_path / "fonts.conf"
        config.write_text(f'<?xml version="1.0"?><fontconfig><dir>{tmp_path}</dir></fontconfig>')
        draw = (
            "from tintype import imaging; import sys;"
            "card = imaging.draw_error_card('T', 'R', format='png', quality=80, width=320, height=180);"
            "sys.stdout.buffer.write(card.body)"
        )
        env = {**os.environ, "FONTCONFIG_FILE": str(config), "XDG_CACHE_HOME": str(tmp_path)}
        drawn = subprocess.run([sys.executable, "-c", draw], env=env, capture_output=True, timeout=60, check=True)
        assert imaging.size(drawn.stdout) == (320, 180, "image/png")


class TestProcesses:
    def test_many_threads_render_concurrently(self) -> None:
        capture, start = master(striped()), threading.Barrier(8)

        def work(number: int) -> str:
            start.wait()
            return render(capture, thumb_width=100 + number % 2, format="webp").digest

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(work, range(8)))) == 2

    def test_first_images_of_a_process_may_be_concurrent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        blocked: list[str] = []
        others = threading.Barrier(8)

        def block(loaders: str, state: bool) -> None:
            if state:
                blocked.append(loaders)
                with suppress(threading.BrokenBarrierError):
                    others.wait(0.2)  # a second thread here would block what the first has just allowed

        monkeypatch.setattr(pyvips, "operation_block_set", block)
        monkeypatch.setattr(vips, "_init", functools.cache(vips._init.__wrapped__))
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda _: vips.pyvips_module(), range(8))) == [pyvips] * 8
        assert blocked == ["VipsForeignLoad"]

    def test_a_process_can_fork_before_its_first_image(self) -> None:
        assert self.fork("") == "320"

    def test_a_process_forked_after_its_first_image_raises(self) -> None:
        assert self.fork("draw()") == "RuntimeError"

    def fork(self, before: str) -> str:
        program = f"""
import os, sys
from tintype import imaging
def draw():
    return imaging.draw_error_card("T", "R", format="png", quality=80, width=320, height=180).width
{before}
child = os.fork()
if not child:
    try:
        said = draw()
    except Exception as error:
        said = type(error).__name__
    os.write(1, str(said).encode())
    os._exit(0)
os.waitpid(child, 0)
"""
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
        return ran.stdout
