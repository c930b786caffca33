"""How does a master become the picture that is delivered? The only home of libvips.

Pictures are met with the sizes of :mod:`tintype.layout`, in sRGB, without metadata.
"""

from __future__ import annotations

import functools
import os
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import structlog

from tintype.errors import EngineFailed
from tintype.layout import LONGEST_SIDE, Box, Layout, plan, ratios, scale
from tintype.model import Capture, Thumbnail, digest_of
from tintype.options import Format, Rendition

log = structlog.get_logger("tintype.imaging")

MAX_PIXELS = 60_000_000
"""Largest master that is decoded: hosted engines may answer anything, and 60 million can need 240 MB."""

_LOADERS = {"image/png": "Png", "image/jpeg": "Jpeg", "image/webp": "Webp", "image/avif": "Heif"}
_LARGEST_CARD = 8_294_400  # 3840 x 2160
_SWIFT = 4_000_000  # pixels that AVIF encodes within half a second


def render(capture: Capture, rendition: Rendition) -> Thumbnail:
    """The delivered picture; raises EngineFailed when the master cannot be read.

    A PNG delivered as PNG at its own size passes through untouched.
    """
    width, height, mime = size(capture.body)
    layout, body = plan(width, height, rendition), capture.body
    untouched = mime == rendition.mime == "image/png" and layout.canvas == (width, height)
    if not untouched:
        with _reading():
            image = _compose(_open(body, mime, _preshrink(mime, layout)), layout, (width, height), rendition)
            body = _encode(image, rendition.format, rendition.quality)
    return Thumbnail(
        body=body,
        mime=rendition.mime,
        width=layout.canvas[0],
        height=layout.canvas[1],
        taken_at=capture.taken_at,
        digest=digest_of(body),
        status=capture.status,
        final_url=capture.final_url,
        partial=capture.partial,
        truncated=capture.truncated,
    )


def size(body: bytes) -> tuple[int, int, str]:
    """Width, height and media type, read from the head alone; raises EngineFailed unless it is a permitted picture."""
    mime = _sniff(body)
    if not mime:
        raise EngineFailed("the capture engine answered something that is not a picture")
    with _reading():
        image = _open(body, mime)
    if image.width * image.height > MAX_PIXELS:
        raise EngineFailed(f"the capture engine answered a picture of over {MAX_PIXELS // 1_000_000} megapixels")
    return image.width, image.height, mime


def verify(body: bytes) -> tuple[int, int, str]:
    """As :func:`size`, but the whole picture is decoded: one torn at its end raises EngineFailed as well."""
    seen = size(body)
    with _reading():
        _open(body, seen[2]).avg()
    return seen


def pixel(body: bytes, x: int, y: int) -> tuple[int, ...]:
    """The sRGB values (0 to 255, alpha last where there is one) at a place counted from the upper left corner."""
    seen = size(body)
    with _reading():
        return tuple(round(value) for value in _to_srgb(_open(body, seen[2])).getpoint(x, y))


def _sniff(body: bytes) -> str:
    """The media type by the first bytes; only what is named here ever reaches a decoder."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if body[4:12] in {b"ftypavif", b"ftypavis"} else ""


def _open(body: bytes, mime: str, shrink: int = 1) -> Any:
    """The picture, its pixels still undecoded; the loader is named, so no other format is ever tried."""
    load = getattr(_libvips().Image, f"{_LOADERS[mime].lower()}load_buffer")
    more = {"shrink": shrink} if shrink > 1 else {}
    return load(body, access="sequential", fail_on="truncated", **more)


def _preshrink(mime: str, layout: Layout) -> int:
    """A JPEG is shrunk while decoding, as long as that leaves Lanczos a factor of two to smooth."""
    spare = min(ratios(layout.crop, layout.scaled)) if mime == "image/jpeg" else 1
    return next((factor for factor in (8, 4, 2) if spare >= 2 * factor), 1)


def _compose(image: Any, layout: Layout, source: Box, rendition: Rendition) -> Any:
    image = _to_srgb(image)
    if layout.crop != source:
        wanted = scale(layout.crop, image.width / source[0])
        width, height = min(wanted[0], image.width), min(wanted[1], image.height)
        image = image.crop((image.width - width) // 2, 0, width, height)
    if layout.scaled != (image.width, image.height):
        image = image.thumbnail_image(layout.scaled[0], height=layout.scaled[1], size="force", no_rotate=True)
    if layout.canvas != layout.scaled:
        image = _pad(image, layout.canvas, opaque=rendition.format == "jpeg")
    return image


def _pad(image: Any, canvas: Box, *, opaque: bool) -> Any:
    if not opaque and not image.hasalpha():
        image = image.addalpha()
    background = [255, 255, 255, 0][: image.bands]
    return image.gravity("centre", *canvas, extend="background", background=background)


def _to_srgb(image: Any) -> Any:
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=True, black_point_compensation=True)
    return image if image.interpretation == "srgb" else image.colourspace("srgb")


def _encode(image: Any, form: Format, quality: int) -> bytes:
    """Bytes in a format, at efforts measured by ``bench/imaging.py``."""
    writers = {"png": _to_png, "jpeg": _to_jpeg, "webp": _to_webp, "avif": _to_avif}
    return bytes(writers[form](image, quality))


def _to_png(image: Any, _: int) -> Any:
    # Unfiltered deflate 3 beats every filter on pages full of text and flat colour, and loses a tenth on photographs;
    # 6 saves 2 % for twice the time.
    return image.pngsave_buffer(compression=3, filter="none", keep="none")


def _to_jpeg(image: Any, quality: int) -> Any:
    # Own Huffman tables: 6 % fewer bytes for 0-4 ms. libvips halves the chroma below quality 90. Progressive would
    # save 3 % more of a full picture and double its time.
    return image.jpegsave_buffer(Q=quality, optimize_coding=True, background=255, keep="none")


def _to_webp(image: Any, quality: int) -> Any:
    # Against effort 0: a fifth fewer bytes for 1-3 ms at 320 px, 6-10 ms at full size. 4 doubles the time for 3 %.
    return image.webpsave_buffer(Q=quality, effort=2, keep="none")


def _to_avif(image: Any, quality: int) -> Any:
    # Effort 1 is the first with AV1's tools for screen content: on text 35 % fewer bytes *and* 4 dB more than 0, for
    # 5-10 ms at 320 px. 4 takes seven times as long for 10 %. A full page would take seconds, so it gets 0.
    # On AV1's own scale 60 looks like 80 in the others.
    own = quality * 3 // 4 if quality <= 80 else 2 * quality - 100  # noqa: PLR2004
    effort = 1 if image.width * image.height <= _SWIFT else 0
    return image.heifsave_buffer(Q=max(1, own), effort=effort, compression="av1", keep="none")


@contextmanager
def _reading() -> Iterator[None]:
    """What libvips cannot decode is the engine's fault; its words are for the log."""
    try:
        yield
    except _libvips().Error as error:
        log.warning("picture_unreadable", reason=" ".join(str(error).split()))
        raise EngineFailed("the capture engine answered a picture that cannot be read") from None


def _libvips() -> Any:
    """The library, set up once a process, not before it is needed.

    Its worker threads do not survive a fork: a process may fork before its first picture, not after.
    """
    vips, pid = _set_up()
    if pid != os.getpid():
        raise RuntimeError("this process was forked from one that had already rendered pictures")
    return vips


@functools.cache
def _set_up() -> tuple[Any, int]:
    import pyvips  # noqa: PLC0415 - 40 ms that commands without pictures do not pay

    # Nothing is ever rendered twice, so remembered operations would only hold memory. One thread a picture is as
    # fast as two up to 1280x720 and costs a tenth less; several pictures at once use all cores anyway.
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in (*_LOADERS.values(), "Svg"):
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)
    return pyvips, os.getpid()


_PAPER, _INK, _PALE = (246, 247, 249), (31, 41, 55), (107, 114, 128)
_FACES = "Inter, Noto Sans, Liberation Sans, DejaVu Sans, sans-serif"
_LONG_WORD = 24  # letters
_CARD = """
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<rect width="100%" height="100%" fill="#f6f7f9"/>
<svg x="{x}" y="{y}" width="{side}" height="{side}" viewBox="0 0 48 48" fill="none" stroke-width="2.4">
<rect x="3" y="6" width="42" height="34" rx="5" fill="#fff" stroke="#9ca3af"/>
<path d="M3 15H45" stroke="#9ca3af"/>
<path d="M9 10.6h.01M14 10.6h.01M19 10.6h.01" stroke="#9ca3af" stroke-linecap="round"/>
<circle cx="37" cy="35" r="10" fill="#d97706" stroke="#f6f7f9"/>
<path d="M37 30v5.4M37 39.6h.01" stroke="#fff" stroke-width="2.8" stroke-linecap="round"/>
</svg></svg>
"""


def card(title: str, reason: str, *, format: Format, quality: int, width: int, height: int) -> Thumbnail:  # noqa: A002 - named as the options are
    """A neutral picture that says what went wrong, with as much of the text as is legible at its size.

    A size no format could hold is shrunk.
    """
    longest = max(width, height) / LONGEST_SIDE[format]
    width, height = scale((width, height), 1 / max(1, longest, (width * height / _LARGEST_CARD) ** 0.5))
    body = _encode(_draw_card(title, reason, width, height), format, quality)
    return Thumbnail(
        body=body, mime=f"image/{format}", width=width, height=height, taken_at=time.time(), digest=digest_of(body)
    )


def _draw_card(title: str, reason: str, width: int, height: int) -> Any:
    unit = min(width / 320, height / 180, 4)
    gap = max(5, round(10 * unit))
    texts = _texts(title, reason, width, unit)
    while texts and 46 * unit + sum(text.height + gap for text, _ in texts) > 0.84 * height:
        texts.pop()
    side = round(46 * unit if texts else 0.6 * min(width, height, 480))
    top = (height - side - sum(text.height + gap for text, _ in texts)) // 2
    drawing = _CARD.format(width=width, height=height, x=(width - side) / 2, y=top, side=side)
    image = _libvips().Image.svgload_buffer(drawing.encode()).flatten(background=_PAPER).copy(interpretation="srgb")
    top += side
    for text, colour in texts:
        top += gap
        mask = text.embed((width - text.width) // 2, top, width, height)
        image, top = mask.ifthenelse(colour, image, blend=True), top + text.height
    return image


def _texts(title: str, reason: str, width: int, unit: float) -> list[tuple[Any, tuple[int, ...]]]:
    """Title and reason as masks; less where they would be illegible or there are no fonts."""
    big, small = max(10.5, 15 * unit), max(9.5, 10.5 * unit)
    if width < 8 * big or not _has_fonts():
        return []
    room = round(min(0.86 * width, 32 * big))
    said = [(title, f"bold {big:.1f}px", 2.9 * big, _INK), (reason, f"{small:.1f}px", 4.4 * small, _PALE)]
    return [(_write(text, style, room, most), colour) for text, style, most, colour in said if text.strip()]


def _write(text: str, style: str, width: int, height: float) -> Any:
    """A text as a mask of at most these sizes, broken into lines, cut with an ellipsis."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "…"
    mask = _set(words, style, width)
    if mask.height <= height:
        return mask
    fitting = bisect_right(range(1, len(words)), height, key=lambda n: _set(_cut(words, n), style, width).height)
    return _set(_cut(words, fitting), style, width)


def _cut(words: str, length: int) -> str:
    """The beginning, up to a whole word unless the last one is long or the script has no spaces."""
    head, _, tail = words[:length].rpartition(" ")
    return (head if head and len(tail) < _LONG_WORD else words[:length]).rstrip(" ,.;:") + "…"


def _set(words: str, style: str, width: int) -> Any:
    markup, font = escape(words, quote=False), f"{_FACES} {style}"
    return _libvips().Image.text(markup, font=font, width=width, align="centre", wrap="word-char", dpi=72)


@functools.cache
def _has_fonts() -> bool:
    """Without any font all letters are the same empty box."""
    one, other = (_libvips().Image.text(letters, font=_FACES, dpi=72) for letters in ("AB", "LI"))
    return bool((one.width, one.height, one.avg()) != (other.width, other.height, other.avg()))
