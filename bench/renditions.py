"""Benchmark of deriving another size or format from a fresh capture, compared with a new capture.

``python -m bench.renditions [--rounds N] [--only tabler,reveal] [--images DIR]``. Real pages (``bench.pages``) over
HTTP, one client. Each round captures every page anew, then requests each rendition of it in random order, at a quality
not used before; a response that is not DERIVED ends the run. "Render" is the time the service reports, "CPU" the mean
of all web processes, which is more reliable on a busy machine. At the end, as many clients as cores request large
images without a pause (2560 × 1440 as AVIF), while one requests small ones.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.table import Table

from bench import pages, process_tree
from bench.pages import Sites
from bench.tables import print_tables
from harness.node import Node

SIZES: dict[str, dict[str, str]] = {
    "320 wide": {"thumb_width": "320"},
    "640 × 360 cover": {"thumb_width": "640", "thumb_height": "360", "fit": "cover"},
    "400 × 400 contain": {"thumb_width": "400", "thumb_height": "400", "fit": "contain"},
    "300 × 300 fill": {"thumb_width": "300", "thumb_height": "300", "fit": "fill"},
    "unscaled": {},
}
FORMATS = ("jpeg", "webp", "avif", "png")
TARGET = 60.0
"""Limit A7: median in milliseconds."""
WIDTHS = range(160, 1280, 160)
"""Widths of one page, requested concurrently, as a ``srcset`` does."""
SMALL = {"thumb_width": "320", "format": "webp"}
LARGE = {"scale": "2", "format": "avif"}
MANY_SMALL = 20
"""Small renditions of each page that are requested beside large ones."""


@dataclass
class Times:
    """Milliseconds of one kind of response, and CPU of the web processes."""

    cpu: float = 0.0
    all: list[float] = field(default_factory=list)
    render: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(self, response: httpx.Response, ms: float, cpu: float = 0.0) -> None:
        parts = dict(part.strip().split(";dur=") for part in response.headers["Server-Timing"].split(",")[1:])
        self.cpu += cpu
        self.all.append(ms)
        self.render.append(float(parts.get("render", 0)))
        self.sizes.append(len(response.content))

    def row(self) -> dict[str, float]:
        cuts = statistics.quantiles(self.all, n=20)
        kilobytes = statistics.median(self.sizes) / 1024
        return {
            "p50 ms": cuts[9],
            "p95 ms": cuts[18],
            "render ms": statistics.median(self.render),
            "CPU ms": self.cpu / len(self.all),
            "KB": kilobytes,
        }


def request_thumbnail(node: Node, url: str, state: str, **options: str) -> tuple[httpx.Response, float]:
    begin = time.perf_counter()
    response = node.thumb(url, **options)
    ms = (time.perf_counter() - begin) * 1000
    response.raise_for_status()
    if response.headers["X-Cache"] != state:
        raise RuntimeError(f"{response.headers['X-Cache']} instead of {state}: {options}")
    return response, ms


def web_cpu(node: Node) -> float:
    """CPU milliseconds used by the server and its workers."""
    pids = [node.process.pid, *(pid for pid in process_tree.children(node.process.pid) if pid != node.daemon_pid())]
    return sum(map(process_tree.cpu_of, pids)) * 1000


def renditions(round_: int) -> Iterator[tuple[str, dict[str, str]]]:
    """All renditions in random order, different in each round."""
    all_renditions = [(f"{form}, {size}", form, SIZES[size]) for form in FORMATS for size in SIZES]
    for name, form, size in random.Random(round_).sample(all_renditions, len(all_renditions)):
        if form != "png":
            yield name, {"format": form, "quality": str(80 - round_), **size}
        elif size:  # at full size it is the capture itself
            yield name, {"format": form, **size, "thumb_width": str(int(size["thumb_width"]) - round_)}


def measure(node: Node, sites: Sites, rounds: int, keep: Path | None) -> dict[str, Times]:
    """Times by rendition; ``fresh`` is the capture."""
    times_by_name: dict[str, Times] = defaultdict(Times)
    for round_ in range(rounds + 1):
        for page in sites.names:
            url = sites.url(page, round_)
            fresh = request_thumbnail(node, url, "MISS", format="png")
            milliseconds = request_widths(node, url)
            for name, options in [*renditions(round_)]:
                before = web_cpu(node)
                response, ms = request_thumbnail(node, url, "DERIVED", **options)
                if round_:  # the first round warms up
                    times_by_name[name].add(response, ms, web_cpu(node) - before)
                elif keep:
                    store(keep / page, name, options["format"], response.content)
            if round_:
                times_by_name["fresh"].add(*fresh)
                times_by_name[f"{len(WIDTHS)} widths concurrently"].add(fresh[0], milliseconds)
    return times_by_name


def request_widths(node: Node, url: str) -> float:
    """Milliseconds until the whole ``srcset`` of a page is complete."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(len(WIDTHS)) as pool:
        for response in pool.map(
            lambda width: node.thumb(url, thumb_width=str(width), format="webp", quality="60"), WIDTHS
        ):
            response.raise_for_status()
    return (time.perf_counter() - begin) * 1000


def measure_beside_large(node: Node, sites: Sites, round_: int) -> dict[str, Times]:
    """Times of small renditions while as many clients as cores request large ones; and of the large ones."""
    urls, ended = [sites.url(page, round_) for page in sites.names], threading.Event()
    for url in urls:
        for options in ({}, {"scale": LARGE["scale"]}):
            node.thumb(url, format="png", **options).raise_for_status()
    new_large = iter([(url, quality) for quality in range(30, 80) for url in urls])
    times = {"small beside large": Times(), "large": Times()}

    def request_large(_: int) -> None:
        while not ended.is_set():
            url, quality = next(new_large)
            times["large"].add(*request_thumbnail(node, url, "DERIVED", quality=str(quality), **LARGE))

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        clients = pool.map(request_large, range(cores))
        try:
            for number in range(MANY_SMALL):
                for url in urls:
                    answer = request_thumbnail(node, url, "DERIVED", quality=str(30 + number), **SMALL)
                    times["small beside large"].add(*answer)
        finally:
            ended.set()
        list(clients)
    return times


def store(folder: Path, name: str, form: str, body: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.{form}").write_bytes(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="page names, separated by commas")
    parser.add_argument("--images", type=Path, help="write all images into this folder")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(pages.PAGES)
    with tempfile.TemporaryDirectory() as scratch, pages.serve(names) as sites:
        env = {"TINTYPE_ALLOW_ADDRESSES": sites.allowed, "TINTYPE_WORKERS": str(os.cpu_count() or 1)}
        with Node(data=Path(scratch) / "data", env=env) as node:
            times_by_name = measure(node, sites, arguments.rounds, arguments.images)
            times_by_name |= measure_beside_large(node, sites, arguments.rounds + 1)
    rows = {name: times.row() for name, times in times_by_name.items()}
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    fresh = rows.pop("fresh")
    order = [f"{form}, {size}" for form in FORMATS for size in SIZES]
    table = Table("rendition", *fresh, "relative to a fresh capture", f"A7: p50 ≤ {TARGET:.0f} ms")
    for name, row in sorted(rows.items(), key=lambda item: order.index(item[0]) if item[0] in order else -1):
        ratio, met = row["p50 ms"] / fresh["p50 ms"], "yes" if row["p50 ms"] <= TARGET else "no"
        table.add_row(name, *(f"{value:.1f}" for value in row.values()), f"{ratio:.3f}", met)
    print_tables(table, f"a fresh capture: p50 {fresh['p50 ms']:.0f} ms, p95 {fresh['p95 ms']:.0f} ms")


if __name__ == "__main__":
    main()
