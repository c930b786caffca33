"""A page that shows every picture before and after, with what differs, for a person to judge. One file, no network."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

import pyvips

from tests.gallery.comparison import Comparison, Finding
from tests.gallery.exhibition import Exhibit

_PAGE = Path(__file__).with_name("report.html")
_ORDER = list(Finding)
Judged = tuple[Exhibit, Comparison]


def write(folder: Path, judged: Sequence[Judged]) -> Path:
    """Write the page into a folder, those that differ first; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    counted = Counter(comparison.finding for _, comparison in judged)
    filters = "".join(_filter(finding, counted[finding]) for finding in _ORDER if counted[finding])
    shown = sorted(judged, key=lambda each: _ORDER.index(each[1].finding))
    page.write_text(
        Template(_PAGE.read_text()).substitute(
            filters=filters, count=len(judged), cases="\n".join(_case(*each) for each in shown)
        )
    )
    return page


def _filter(finding: Finding, count: int) -> str:
    return f'<label><input type="checkbox" value="{finding}" checked> {finding} <b>{count}</b></label>'


def _case(exhibit: Exhibit, comparison: Comparison) -> str:
    case = exhibit.case
    options = " ".join(f"{name}={value}" for name, value in case.options.items())
    psnr, ssim = comparison.figures()
    figures = {
        "differs": f"{comparison.share:.3%}",
        "PSNR": f"{psnr:.1f} dB",
        "SSIM": f"{ssim:.4f}",
        "status": str(exhibit.status),
        "verdict": exhibit.verdict or "none",
        "took": f"{exhibit.seconds:.2f} s",
        "bytes": f"{len(exhibit.body):,}",
    }
    told = "".join(f"<dt>{name}<dd>{escape(value)}" for name, value in figures.items())
    pictures = "".join(
        _figure(title, body)
        for title, body in (
            ("before", exhibit.golden),
            ("after", exhibit.body),
            ("difference", comparison.difference()),
        )
    )
    title = f'<a href="#{case.name}">{case.name}</a> <mark>{comparison.finding}</mark>'
    return f"""<article data-finding="{comparison.finding}" id="{case.name}">
<h2>{title} <small>{escape(comparison.remark)}</small></h2>
<p>{escape(case.shows)}</p><p><code>{escape(case.path)} {escape(options)}</code></p>
<dl>{told}</dl><div>{pictures}</div></article>"""


def _figure(title: str, body: bytes | None) -> str:
    if not body:
        return f"<figure><figcaption>{title}</figcaption><p>none</p></figure>"
    image = pyvips.Image.new_from_buffer(body, "")
    small = base64.b64encode(image.webpsave_buffer(lossless=True, effort=2)).decode()
    size = f"{image.width} x {image.height}"
    picture = f'<img loading="lazy" alt="{title}" src="data:image/webp;base64,{small}" width="{image.width}">'
    return f"<figure><figcaption>{title} <small>{size}</small></figcaption><button>{picture}</button></figure>"
