"""Contact sheet of a batch: one HTML page with every thumbnail, its verdict and its link. No scripts, no network."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

from tintype.batch.files import write_atomically
from tintype.batch.record import Record, RecordStatus
from tintype.model import Verdict

ENDINGS = (".html", ".htm")
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
_CSP = "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'"
_STYLE = """
:root{color-scheme:light dark;--paper:#f6f3ec;--sheet:#fffdf8;--ink:#1d2629;--soft:#56605f;--line:#e1dacd;
--accent:#2a5a51;--tint:#e4ece6;--error:#a02a1c;--error-tint:#fbeae4;--warn:#7a4a00;--warn-tint:#f7ead0}
@media(prefers-color-scheme:dark){:root{--paper:#12181a;--sheet:#192124;--ink:#ece7dd;--soft:#a9b2af;--line:#2b3538;
--accent:#a3cfc1;--tint:#22322f;--error:#ffab9c;--error-tint:#38211d;--warn:#f4c27a;--warn-tint:#3a2c14}}
*{box-sizing:border-box}body{margin:0;padding:2rem clamp(1rem,4vw,3rem) 4rem;background:var(--paper);color:var(--ink);
font:400 .9375rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{margin:0 0 .25rem;font:600 1.75rem/1.2 "Iowan Old Style","Palatino Linotype",Palatino,"Noto Serif",Georgia,serif}
header p{margin:0 0 1.5rem;color:var(--soft)}
ul{margin:0;padding:0;list-style:none;display:grid;gap:1.25rem;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}
li{display:flex;flex-direction:column;background:var(--sheet);border:1px solid var(--line);border-radius:10px;
overflow:hidden}
.shot{display:flex;aspect-ratio:16/9;align-items:center;justify-content:center;background:var(--tint);
border-bottom:1px solid var(--line);color:var(--soft);text-decoration:none;overflow:hidden}
.shot img{width:100%;height:100%;object-fit:cover;object-position:left top;display:block}
.shot.none{background:var(--error-tint);color:var(--error);padding:1rem;text-align:center;font-size:.875rem}
.shot.later{background:var(--warn-tint);color:var(--warn)}
.text{padding:.75rem .875rem .875rem;display:flex;flex-direction:column;gap:.375rem;min-width:0}
.text a,.text span.url{color:var(--accent);overflow-wrap:anywhere;text-underline-offset:.2em}
.facts{display:flex;flex-wrap:wrap;gap:.375rem .625rem;align-items:center;color:var(--soft);font-size:.8125rem}
.badge{padding:.0625rem .5rem;border-radius:99px;background:var(--tint);color:var(--accent);font-weight:600}
.badge.warn{background:var(--warn-tint);color:var(--warn)}.badge.error{background:var(--error-tint);color:var(--error)}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media print{body{background:none}li{break-inside:avoid}}
"""


def write(path: Path, folder: Path, records: Iterable[Record]) -> None:
    """Write the sheet; its links lead to the files of ``folder``, relative to the sheet. Raises OSError."""
    write_atomically(path, _page(folder, os.path.relpath(folder, path.parent), list(records)).encode())


def _page(folder: Path, base: str, records: list[Record]) -> str:
    title = f"Contact sheet of {folder.absolute().name}"
    cards = "\n".join(_card(record, base) for record in records)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="{_CSP}">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
<header><h1>{escape(title)}</h1><p>{escape(_summary(records))}</p></header>
<main><ul>
{cards}
</ul></main>
</html>
"""


def _summary(records: list[Record]) -> str:
    """``12 pages: 9 captured, 2 failed, 1 pending; 1 login``."""
    states = Counter(record.state for record in records)
    verdicts = Counter(record.verdict for record in records if record.verdict not in ("", Verdict.OK))
    parts = ", ".join(f"{states[state]} {state}" for state in RecordStatus if states[state])
    unusable = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    pages = f"{len(records)} {'page' if len(records) == 1 else 'pages'}"
    return f"{pages}: {parts}{f'; verdicts besides ok: {unusable}' if unusable else ''}"


def _card(record: Record, base: str) -> str:
    facts = "".join([*_badges(record), *(f"<span>{escape(fact)}</span>" for fact in _facts(record))])
    return f'<li>{_picture(record, base)}<div class="text">{_link(record)}<div class="facts">{facts}</div></div></li>'


def _picture(record: Record, base: str) -> str:
    if not record.file:
        kind = "none later" if record.state is RecordStatus.PENDING else "none"
        return f'<div class="shot {kind}">{escape(record.detail or "not captured yet")}</div>'
    target = escape(quote(f"{base}/{record.file}" if base != "." else f"./{record.file}"))
    if not record.file.lower().endswith(_IMAGES):
        return f'<a class="shot" href="{target}">{escape(record.file)}</a>'
    size = f' width="{record.width}" height="{record.height}"' if record.width and record.height else ""
    return f'<a class="shot" href="{target}"><img src="{target}" loading="lazy" alt="{escape(record.url)}"{size}></a>'


def _link(record: Record) -> str:
    shown = escape(record.url.removeprefix("https://"))
    target = record.url if record.url.startswith(("http://", "https://")) else ""
    return f'<a href="{escape(target)}">{shown}</a>' if target else f'<span class="url">{shown}</span>'


def _badges(record: Record) -> Iterator[str]:
    if record.error:
        kind = "warn" if record.state is RecordStatus.PENDING else "error"
        yield f'<span class="badge {kind}">{escape(record.error)}</span>'
    elif record.verdict:
        kind = "" if record.verdict == Verdict.OK else " warn"
        yield f'<span class="badge{kind}">{escape(record.verdict)}</span>'


def _facts(record: Record) -> Iterator[str]:
    if record.file:
        yield f"{record.width} × {record.height}"
        yield f"{record.bytes / 1000:,.0f} kB"
    if record.status >= 400:  # noqa: PLR2004 - HTTP
        yield f"HTTP {record.status}"
    yield str(record.state)
