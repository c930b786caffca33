"""Pages that show little: loading screens of many makings, and honest pages that must not be taken for them.

They are in ``tests/verdict/screens``: ``# name``, then HTML, in which ``[[6×<p>]]`` is six paragraphs. Those held back
were not looked at while the rules were made.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyvips

from tests.support.paths import ROOT

_SPINNER = """<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" viewBox="0 0 50 50">
<circle cx="25" cy="25" r="20" fill="none" stroke="#06c" stroke-width="5" stroke-dasharray="90 150">
<animateTransform attributeName="transform" type="rotate" to="360 25 25" dur="1s" repeatCount="indefinite"/></circle>
</svg>"""
_LOGO = """<svg xmlns="http://www.w3.org/2000/svg" width="220" height="80" viewBox="0 0 220 80">
<path fill="#d40" d="M10 70 40 10l30 60zM80 10h20v60H80z"/><circle cx="150" cy="40" r="30" fill="#06c"/></svg>"""


def _read(name: str) -> dict[str, str]:
    text = (ROOT / "tests" / "verdict" / "screens" / f"{name}.txt").read_text(encoding="utf-8")
    pages = re.findall(r"^# (.+)\n((?:(?!# ).*\n?)+)", text, re.MULTILINE)
    repeat = re.compile(r"\[\[(\d+)×(.*?)\]\]", re.DOTALL)
    return {title: repeat.sub(lambda found: found[2] * int(found[1]), html) for title, html in pages}


LOADING, LOADING_HELD_BACK = _read("loading"), _read("loading-held-back")
"""Pages that are blank."""
HONEST, HONEST_HELD_BACK = _read("honest"), _read("honest-held-back")
"""Pages that are not."""


def write_pages(folder: Path) -> dict[str, str]:
    """Write all pages and their pictures into a folder; return the file of each page by its name."""
    pages = {**LOADING, **LOADING_HELD_BACK, **HONEST, **HONEST_HELD_BACK}
    files = {name: f"{number}.html" for number, name in enumerate(pages)}
    for name, html in pages.items():
        (folder / files[name]).write_text(f"<!doctype html><meta charset=utf-8>{html}", encoding="utf-8")
    (folder / "spin.svg").write_text(_SPINNER)
    (folder / "logo.svg").write_text(_LOGO)
    (folder / "qr.svg").write_text(_code())
    (folder / "spin.gif").write_bytes(_spinning_gif())
    noise = [pyvips.Image.perlin(300, 200, cell_size=size, uchar=True) for size in (64, 48, 80)]
    noise[0].bandjoin(noise[1:]).copy(interpretation="srgb").write_to_file(str(folder / "photo.png"))
    return files


def _code() -> str:
    squares = (f'<rect x="{n % 21}" y="{n // 21}" width="1" height="1"/>' for n in range(441) if n * n % 7 in {1, 2})
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 21 21">{"".join(squares)}</svg>'


def _spinning_gif() -> bytes:
    """An animated GIF: a dot that goes round."""
    frames = []
    for x, y in ((32, 8), (56, 32), (32, 56), (8, 32)):
        paper = (pyvips.Image.black(64, 64, bands=3) + 255).cast("uchar").copy(interpretation="srgb")
        frames.append(paper.draw_circle([30, 60, 200], x, y, 6, fill=True))
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", 64)
    return bytes(joined.gifsave_buffer())
