"""Benchmark of change detection: alarms of pages that did not change, and of pages that changed a little.

``python -m bench.false_alarms [--runs N] [--json]``. One node, and 20 pages on loopback: those of the tests and of the
gallery, and pages with endless animation, a carousel, a clock, random advertising … Each is captured anew 10 times, and
compared with the capture before, as a schedule does. Then a schedule watches a page on which a price, a button and a
badge change, one at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template
from typing import Any

from rich.table import Table

from bench.tables import print_tables
from harness.node import Node
from harness.site_server import FOLDERS, SiteServer
from tintype.imaging import find_difference

_STYLE = "<!doctype html><meta charset=utf-8><style>body{font:16px/1.5 sans-serif;margin:30px;color:#222}"
_WORDS = "<p>Tintype captures pages and compares them with the run before, outside of ignored regions.</p>" * 12
OWN_PAGES = {
    "spinner": _STYLE + "@keyframes r{to{transform:rotate(360deg)}}i{display:block;width:60px;height:60px;border:8px"
    " solid #ccc;border-top-color:#06c;border-radius:50%;animation:r 1s linear infinite}</style><h1>Loading bar</h1><i>"
    f"</i>{_WORDS}",
    "ticker": _STYLE + "@keyframes t{to{transform:translateX(-100%)}}b{display:block;white-space:nowrap;animation:t 7s"
    f" linear infinite}}</style><b>{'Breaking news from everywhere. ' * 20}</b>{_WORDS}",
    "carousel": _STYLE
    + ".c{height:260px;color:#fff;font-size:60px}</style><div class=c></div>"
    + _WORDS
    + "<script>const s=['#c33','#3c3','#33c'];let n=0;const e=document.querySelector('.c');const f=()=>{e.style."
    "background=s[n%3];e.textContent='Slide '+(n++%3+1)};f();setInterval(f,700)</script>",
    "clock": _STYLE
    + "</style><h1>Station</h1><p class=clock></p>"
    + _WORDS
    + "<script>const c=document.querySelector('.clock');setInterval(()=>c.textContent=new Date().toISOString(),50)"
    "</script>",
    "advertising": _STYLE
    + "</style><h1>News</h1><div class=banner></div>"
    + _WORDS
    + "<script>const a=document.querySelector('.banner');a.style.height=60+Math.random()*200+'px';a.style.background="
    "`hsl(${Math.random()*360} 80% 60%)`;a.textContent=Math.random()</script>",
    "counter": _STYLE
    + "</style><h1>Visitors today: <span class=visitors></span></h1>"
    + _WORDS
    + "<script>document.querySelector('.visitors').textContent=Math.floor(Math.random()*1e6)</script>",
    "video-like": _STYLE
    + "</style><canvas id=v width=640 height=300></canvas>"
    + _WORDS
    + "<script>const x=v.getContext('2d');let t=0;const f=()=>{x.fillStyle='#036';x.fillRect(0,0,640,300);x.fillStyle="
    "'#fc0';x.fillRect((t+=3)%640,120,60,60);requestAnimationFrame(f)};f()</script>",
    "slow-fonts": _STYLE
    + "@font-face{font-family:B;src:url(/blocks.woff2)}h1{font-family:B}</style><h1>BLOCKS</h1>"
    + _WORDS,
}
"""Pages that move or change by themselves."""
IGNORED = [".clock", ".banner", ".visitors", "#v"]
"""Elements that show something else each time."""
FIXTURES = ("article", "dashboard", "table", "form", "density", "rtl", "webfont", "late-pictures", "nested", "canvas",
            "tower", "staying")  # fmt: skip
SHOP = Template(
    _STYLE
    + ".badge{background:$badge;color:#fff;padding:4px 12px}button{padding:10px 30px;margin-left:${left}px}</style>"
    + "<h1>Lamp</h1><p>Price: <b>$price</b> <span class=badge>NEW</span></p><button>Buy</button>"
    + _WORDS
)
CHANGES: Mapping[str, Mapping[str, str]] = {
    "price $19.99 to $18.49": {"price": "$18.49"},
    "button moved by 12 px": {"left": "12"},
    "badge #cc0000 to #b80000": {"badge": "#b80000"},
}
THRESHOLD = 0.1
"""Percent: the default of a schedule."""
CLIENTS = 3
OK = 200
_POLL = 0.5
_RUN_SECONDS = 1800.0


class Watcher:
    """A node with schedules of which each run is started by hand."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def create(self, pages: Sequence[Any], **members: Any) -> str:
        """Create a paused schedule; returns its path."""
        body = {"pages": list(pages), "every": "30d", "paused": True, **members}
        response = self._node.client.post("/schedules", json=body)
        response.raise_for_status()
        return f"/schedules/{response.json()['id']}"

    def run(self, path: str) -> dict[str, Any]:
        """Make a run, and return it with all its pages."""
        known = {run["id"] for run in self._runs(path)}
        self._node.client.post(f"{path}/run").raise_for_status()
        until = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < until:
            for run in self._runs(path)[:1]:
                if run["ended_at"] and run["id"] not in known:
                    return run
            time.sleep(_POLL)
        raise TimeoutError(f"{path} did not end")

    def _runs(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._node.client.get(f"{path}/runs?limit=2").json()["runs"]
        return found


def false_alarms(node: Node, site: SiteServer, runs: int) -> dict[str, Any]:
    """Comparisons, alarms and the largest change of pages that look the same each time.

    Captures for a waiting client and those of a run differ in their priority only.
    """
    names = (*FIXTURES, *OWN_PAGES)
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = [change for changes in clients.map(lambda name: _changes(node, site, name, runs), names)
                 for change in changes]  # fmt: skip
    alarms = [f"{name} {change} %" for name, change in found if change > THRESHOLD]
    return {
        "pages": len(names),
        "captures of each": runs,
        "comparisons": len(found),
        "alarms": alarms,
        "largest change in percent": max(change for _, change in found),
    }


def _changes(node: Node, site: SiteServer, name: str, runs: int) -> list[tuple[str, float]]:
    """The change of a page between each two captures, in percent."""
    before, found = b"", []
    for _ in range(runs):
        after = _capture(node, site.url(f"/{name}.html"))
        if before:
            found.append((name, round(100 * find_difference(before, after).share, 4)))
        before = after
    print(f"{name}: {found}", file=sys.stderr)
    return found


def _capture(node: Node, url: str) -> bytes:
    """A new capture; again if the machine was too busy for this one."""
    for _ in range(5):
        response = node.thumb(url, fresh="true", hide_selectors=", ".join(IGNORED))
        if response.status_code == OK and "partial" not in response.headers.get("X-Capture", ""):
            return response.content
    raise TimeoutError(f"{url}: {response.status_code} {response.text[:200]}")


def true_alarms(watcher: Watcher, site: SiteServer, folder: Path) -> dict[str, float | None]:
    """The change of a page in percent for each small change; None if it raised no alarm."""
    plain = {"price": "$19.99", "left": "0", "badge": "#cc0000"}
    schedule, found = watcher.create([site.url("/shop.html")]), {}
    for name, change in CHANGES.items():
        for values in (plain, {**plain, **change}):
            (folder / "shop.html").write_text(SHOP.substitute(values))
            page = watcher.run(schedule)["pages"][0]
        found[name] = page["change"] if page["changed"] else None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = folder / "site"
        own.mkdir()
        for page, text in OWN_PAGES.items():
            (own / f"{page}.html").write_text(text)
        (own / "shop.html").write_text("")
        with SiteServer(*FOLDERS, own) as site:
            env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", "TINTYPE_JOB_LIMIT": "unlimited",
                   "TINTYPE_JOB_SHARE": "1", "TINTYPE_TIMEOUT": "60", "TINTYPE_WORKERS": "1"}  # fmt: skip
            with Node(folder / "data", env) as node:
                watcher = Watcher(node)
                results = {
                    "true alarms": true_alarms(watcher, site, own),
                    "false alarms": false_alarms(node, site, arguments.runs),
                }
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    table = Table("measured", "figure", "value")
    for measured, figures in results.items():
        for figure, value in figures.items():
            table.add_row(measured, figure, str(value))
    print_tables(table)


if __name__ == "__main__":
    main()
