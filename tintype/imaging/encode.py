"""Encodes images as PNG, JPEG, WebP or AVIF, at efforts that ``bench/imaging.py`` measured."""

from __future__ import annotations

from typing import Any

AVIF_FAST_ABOVE_PIXELS = 500_000
"""Pixels that AVIF encodes in about 60 ms at effort 1; larger images get effort 0, which takes a third of the time."""


def encode(image: Any, form: str, quality: int) -> bytes:
    """The image as bytes of a format; ``quality`` is 1 to 100 and does not apply to PNG."""
    writers = {"png": _to_png, "jpeg": _to_jpeg, "webp": _to_webp, "avif": _to_avif}
    return bytes(writers[form](image, quality))


def _to_png(image: Any, _: int) -> Any:
    # Deflate 3 without filters is smaller than with any filter on text and flat colour, and 10 % larger on photographs.
    # Deflate 6 saves 2 % for twice the time.
    return image.pngsave_buffer(compression=3, filter="none", keep="none")


def _to_jpeg(image: Any, quality: int) -> Any:
    # Optimised Huffman tables: 6 % fewer bytes for 0-4 ms. libvips halves the chroma below quality 90. Progressive
    # would save 3 % more of a full-size image and take twice the time.
    return image.jpegsave_buffer(Q=quality, optimize_coding=True, background=255, keep="none")


def _to_webp(image: Any, quality: int) -> Any:
    # Compared with effort 0: 20 % fewer bytes for 1-3 ms at 320 px, 6-10 ms at full size. 4 doubles the time for 3 %.
    return image.webpsave_buffer(Q=quality, effort=2, keep="none")


def _to_avif(image: Any, quality: int) -> Any:
    # Effort 1 is the first with AV1's tools for screen content: on text 35 % fewer bytes *and* 4 dB more than 0, for
    # 5-10 ms at 320 px. Effort 4 takes seven times as long for 10 %. A screen of 1280 x 720 takes 31 ms at effort 0 and
    # 84 at 1, for 1 dB and a fifth to a third of the bytes.
    # On AV1's own scale 60 looks like 80 in the others.
    own = quality * 3 // 4 if quality <= 80 else 2 * quality - 100  # noqa: PLR2004
    effort = 1 if image.width * image.height <= AVIF_FAST_ABOVE_PIXELS else 0
    return image.heifsave_buffer(Q=max(1, own), effort=effort, compression="av1", keep="none")
