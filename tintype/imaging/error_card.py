"""Draws the fallback images: a card with an error message, and a placeholder."""

from __future__ import annotations

import functools
import time
from bisect import bisect_right
from html import escape
from typing import Any

from tintype.imaging.encode import encode
from tintype.imaging.geometry import LONGEST_SIDE, scale
from tintype.imaging.vips import pyvips_module
from tintype.model import Thumbnail, digest_of
from tintype.options import FormatName

_MAX_PIXELS = 8_294_400  # 3840 x 2160
_BACKGROUND_COLOUR, _TITLE_COLOUR, _REASON_COLOUR = (246, 243, 236), (29, 38, 41), (86, 96, 95)
"""Those of the playground: paper, ink, soft."""
_SERIF, _SANS = "Noto Serif, Georgia, DejaVu Serif, serif", "Inter, Noto Sans, Liberation Sans, DejaVu Sans, sans-serif"
_LONG_WORD = 24
"""Letters from which a word may be cut."""
_CARD = """
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<rect width="100%" height="100%" fill="#f6f3ec"/>
<svg x="{x}" y="{y}" width="{side}" height="{side}" viewBox="0 0 64 64">
<rect x="8" y="3" width="48" height="58" rx="7" fill="#26343a" stroke="#cfd8dc" stroke-width="2.5"/>
<ellipse cx="32" cy="32" rx="17" ry="22" fill="#fdf1e2" stroke="#cfd8dc" stroke-width="2"/>
<path d="M32 21v13" stroke="#a02a1c" stroke-width="5" stroke-linecap="round"/>
<circle cx="32" cy="43" r="3" fill="#a02a1c"/>
</svg></svg>
"""


_PLACEHOLDER = """
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">
<rect width="100%" height="100%" fill="#f6f3ec"/>
<svg x="{x}" y="{y}" width="{side}" height="{side}" viewBox="0 0 64 64" fill="none" stroke="#c9c2b4">
<rect x="8" y="3" width="48" height="58" rx="7" fill="#fffdf8" stroke-width="2.5"/>
<ellipse cx="32" cy="32" rx="17" ry="22" stroke-width="2"/>
<path d="M24 32h.01M32 32h.01M40 32h.01" stroke-width="4.5" stroke-linecap="round"/>
</svg></svg>
"""


def draw_error_card(title: str, reason: str, *, format: FormatName, quality: int, width: int, height: int) -> Thumbnail:  # noqa: A002 - named as the options are
    """An image with the title and the reason of an error, with as much of the text as is legible at its size.

    A size that the format cannot hold is reduced.
    """
    width, height = _fit_format(format, width, height)
    return _to_thumbnail(_draw_card(title, reason, width, height), format, quality)


def draw_placeholder(*, format: FormatName, quality: int, width: int, height: int) -> Thumbnail:  # noqa: A002 - named as the options are
    """An image to return while the first capture runs; without text, so that it suits every page."""
    width, height = _fit_format(format, width, height)
    side = round(min(0.42 * min(width, height), max(160, 0.22 * min(width, height))))
    drawing = _PLACEHOLDER.format(width=width, height=height, x=(width - side) / 2, y=(height - side) / 2, side=side)
    return _to_thumbnail(_draw_svg(drawing), format, quality)


def _fit_format(form: FormatName, width: int, height: int) -> tuple[int, int]:
    longest = max(width, height) / LONGEST_SIDE[form]
    return scale((width, height), 1 / max(1, longest, (width * height / _MAX_PIXELS) ** 0.5))


def _to_thumbnail(image: Any, form: FormatName, quality: int) -> Thumbnail:
    body = encode(image, form, quality)
    return Thumbnail(
        body=body,
        mime=f"image/{form}",
        width=image.width,
        height=image.height,
        taken_at=time.time(),
        digest=digest_of(body),
    )


def _draw_svg(drawing: str) -> Any:
    image = pyvips_module().Image.svgload_buffer(drawing.encode())
    return image.flatten(background=_BACKGROUND_COLOUR).copy(interpretation="srgb")


def _draw_card(title: str, reason: str, width: int, height: int) -> Any:
    unit = min(width / 320, height / 180)
    gap = max(5, round(10 * unit))
    texts = _text_masks(title, reason, width, unit)
    while texts and 46 * unit + sum(text.height + gap for text, _ in texts) > 0.84 * height:
        texts.pop()
    side = round(46 * unit if texts else 0.6 * min(width, height, 480))
    top = (height - side - sum(text.height + gap for text, _ in texts)) // 2
    drawing = _CARD.format(width=width, height=height, x=(width - side) / 2, y=top, side=side)
    image = _draw_svg(drawing)
    top += side
    for text, colour in texts:
        top += gap
        mask = text.embed((width - text.width) // 2, top, width, height)
        image, top = mask.ifthenelse(colour, image, blend=True), top + text.height
    return image


def _text_masks(title: str, reason: str, width: int, unit: float) -> list[tuple[Any, tuple[int, ...]]]:
    """Title and reason as masks with their colours; none if they would be illegible or no font is installed."""
    big, small = max(10.5, 15 * unit), max(9.5, 10.5 * unit)
    if width < 8 * big or not _has_fonts():
        return []
    room = round(min(0.86 * width, 32 * big))
    texts = [
        (title, f"{_SERIF} bold {big:.1f}px", 2.9 * big, _TITLE_COLOUR),
        *([(_sentence(reason), f"{_SANS} {small:.1f}px", 4.4 * small, _REASON_COLOUR)] if reason != title else []),
    ]
    return [(_fit_text(text, style, room, most), colour) for text, style, most, colour in texts if text.strip()]


def _sentence(text: str) -> str:
    """A detail, which begins in lower case, as a sentence of its own."""
    sentence = text[:1].upper() + text[1:]
    return sentence if not sentence.strip() or sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _fit_text(text: str, style: str, width: int, height: float) -> Any:
    """A text as a mask of at most this size in pixels, broken into lines, cut with an ellipsis."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split()) or "…"
    mask = _layout_text(words, style, width)
    if mask.height <= height:
        return mask
    fitting = bisect_right(
        range(1, len(words)), height, key=lambda n: _layout_text(_truncate(words, n), style, width).height
    )
    return _layout_text(_truncate(words, fitting), style, width)


def _truncate(words: str, length: int) -> str:
    """The first ``length`` letters up to a whole word, unless the last word is long or the script has no spaces."""
    head, _, tail = words[:length].rpartition(" ")
    return (head if head and len(tail) < _LONG_WORD else words[:length]).rstrip(" ,.;:") + "…"


def _layout_text(words: str, style: str, width: int) -> Any:
    markup = escape(words, quote=False)
    return pyvips_module().Image.text(markup, font=style, width=width, align="centre", wrap="word-char", dpi=72)


@functools.cache
def _has_fonts() -> bool:
    """Whether a font is installed: without one, all letters are the same empty box."""
    one, other = (pyvips_module().Image.text(letters, font=_SANS, dpi=72) for letters in ("AB", "LI"))
    return bool((one.width, one.height, one.avg()) != (other.width, other.height, other.avg()))
