"""Writes the gallery report: an HTML page with every image before and after, and their difference. No network."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

import pyvips

from tests.gallery.comparison import Comparison, Finding
from tests.gallery.screenshots import Screenshot

_PAGE = Path(__file__).with_name("report.html")
_ORDER = list(Finding)
Compared = tuple[Screenshot, Comparison]


def write(folder: Path, compared: Sequence[Compared]) -> Path:
    """Write the report into a folder, different images first; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    counted = Counter(comparison.finding for _, comparison in compared)
    filters = "".join(_filter(finding, counted[finding]) for finding in _ORDER if counted[finding])
    shown = sorted(compared, key=lambda each: _ORDER.index(each[1].finding))
    page.write_text(
        Template(_PAGE.read_text()).substitute(
            filters=filters, count=len(compared), cases="\n".join(_case(*each) for each in shown)
        )
    )
    return page


def _filter(finding: Finding, count: int) -> str:
    return f'<label><input type="checkbox" value="{finding}" checked> {finding} <b>{count}</b></label>'


def _case(screenshot: Screenshot, comparison: Comparison) -> str:
    case = screenshot.case
    options = " ".join(f"{name}={value}" for name, value in case.options.items())
    psnr, ssim = comparison.figures()
    figures = {
        "differs": f"{comparison.share:.3%}",
        "PSNR": f"{psnr:.1f} dB",
        "SSIM": f"{ssim:.4f}",
        "status": str(screenshot.status),
        "verdict": screenshot.verdict or "none",
        "took": f"{screenshot.seconds:.2f} s",
        "bytes": f"{len(screenshot.body):,}",
    }
    rows = "".join(f"<dt>{name}<dd>{escape(value)}" for name, value in figures.items())
    images = "".join(
        _figure(title, body)
        for title, body in (
            ("before", screenshot.golden),
            ("after", screenshot.body),
            ("difference", comparison.difference()),
        )
    )
    title = f'<a href="#{case.name}">{case.name}</a> <mark>{comparison.finding}</mark>'
    return f"""<article data-finding="{comparison.finding}" id="{case.name}">
<h2>{title} <small>{escape(comparison.remark)}</small></h2>
<p>{escape(case.shows)}</p><p><code>{escape(case.path)} {escape(options)}</code></p>
<dl>{rows}</dl><div>{images}</div></article>"""


def _figure(title: str, body: bytes | None) -> str:
    if not body:
        return f"<figure><figcaption>{title}</figcaption><p>none</p></figure>"
    image = pyvips.Image.new_from_buffer(body, "")
    small = base64.b64encode(image.webpsave_buffer(lossless=True, effort=2)).decode()
    size = f"{image.width} x {image.height}"
    picture = f'<img loading="lazy" alt="{title}" src="data:image/webp;base64,{small}" width="{image.width}">'
    return f"<figure><figcaption>{title} <small>{size}</small></figcaption><button>{picture}</button></figure>"
