"""Benchmark of fresh captures of real pages: throughput, latency, CPU and memory of the process tree, correct images.

``python -m bench.captures [--rounds N] [--only tabler,reveal] [--callers 1,3,6,12] [--playwright PYTHON] [--url-to-png
DIR]``. Each round captures every page, with each number of concurrent clients; the tools alternate. PYTHON is an
interpreter that has Playwright, which then drives the same Chromium. DIR is a checkout of url-to-png that you have
built; it is started with its own defaults, except that it waits for ``load``. ``--latency 300`` delays each resource,
as the internet does. Each site is captured in each round, so from the second round on it was seen before, unless
``--site-cache 0`` is given. Every image is compared with the same page captured 4 s after its load event.

``--third-party`` (as root) adds the tags that sites carry to each page: consent dialog, tag manager, analytics,
advertising and chat, written for this benchmark, 40 to 400 KB of script each. Their names lead to loopback for every
tool, by a hosts file in a mount namespace. Tintype refuses advertising, trackers and chats, as it does by default, and
rejects the consent dialog; "unblocked" is Tintype with these options off. The last table shows what each tool loads.
Images are compared with the settled page without third parties.

"Of cores": CPU time per second and core. "Of the rest" subtracts the CPU time that other processes used.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import capture_tools, pages, process_tree, similarity
from bench.capture_tools import Captured, Tool
from bench.pages import Sites
from bench.tables import number, print_tables
from bench.third_party import request_counts
from bench.third_party.hosts import enter_namespace
from bench.third_party.request_counts import RequestCounts
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.emulation import emulate
from tintype.chromium.daemon.config import DaemonConfig
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.options import Navigation, Shot

SETTLED = 4.0
"""Seconds after the load event at which the reference is captured."""
_GRACE = 1.0
"""Seconds to wait for the clean-up after the last capture, which uses CPU too."""
_MEMORY_INTERVAL = 2.0
"""Seconds between two samples of memory."""
CORRECT_FROM = 0.98
"""Images with at least this SSIM relative to the settled page count as correct."""
OURS, UNBLOCKED = "tintype", "unblocked"
UNBLOCKED_OPTIONS = dict.fromkeys(("block_ads", "block_trackers", "block_chats", "block_cookie_banners"), "false")


@dataclass
class Run:
    """Results of one tool with one number of clients."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    """CPU seconds of each round per capture."""
    memory: int = 0
    """Most memory of the process tree, in bytes (PSS)."""
    failed: int = 0
    cpu: float = 0.0
    others: float = 0.0
    """CPU seconds of all other processes, including the server of the pages."""
    wall: float = 0.0

    def add(self, wall: float, captured: Sequence[Captured], cpu: float) -> None:
        """Add one round; captures that failed count in the number of failures only."""
        seconds = [each.seconds for each in captured if each.body]
        self.failed += len(captured) - len(seconds)
        if seconds:
            self.rates.append(len(seconds) / wall)
            self.seconds += seconds
            self.costs.append(cpu / len(seconds))
        self.cpu += cpu

    def row(self) -> dict[str, float]:
        """Results of all rounds: medians."""
        cores = os.cpu_count() or 1
        rate, cost = statistics.median(self.rates or [0.0]), statistics.median(self.costs or [0.0])
        return {
            "captures/s": rate,
            "p50 s": statistics.median(self.seconds or [0.0]),
            "p95 s": statistics.quantiles(self.seconds, n=20)[-1] if len(self.seconds) > 1 else 0.0,
            "CPU s": cost,
            "MB": self.memory / (1 << 20),
            "of cores": rate * cost / cores,
            "of the rest": self.cpu / (cores * self.wall - self.others) if self.wall else 0.0,
            "failed": self.failed,
        }


@contextmanager
def sampled_memory(pid: int, run: Run) -> Iterator[None]:
    """Record the most memory of a process tree during the block."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(_MEMORY_INTERVAL):
            run.memory = max(run.memory, process_tree.memory(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def references(sites: Sites) -> dict[str, bytes]:
    """Reference images: every page, without third parties, a fixed time after its load event in real time."""
    runtime = await CaptureRuntime.open(DaemonConfig(slots=1, allow_addresses=(sites.allowed,)))
    try:
        return {name: await _settled(runtime, sites.plain_url(name)) for name in sites.names}
    finally:
        await runtime.close()


async def _settled(runtime: CaptureRuntime, url: str) -> bytes:
    browser, shot = runtime.pool.browsers.all[0], Shot(navigation=Navigation(url=url))
    async with browser._open_page(None) as (_, tab, traffic):  # noqa: SLF001 - independent of the capture path under test
        page = PageContext(tab, shot, traffic, browser.user_agent, max_height=20_000)
        await asyncio.gather(tab.session.call("Page.enable"), *emulate(page))
        await tab.session.call("Page.navigate", url=url)
        await tab.wait_for("load")
        await asyncio.sleep(SETTLED)
        return base64.b64decode((await tab.session.call("Page.captureScreenshot", format="png"))["data"])


def measure(sites: Sites, tools: dict[str, Tool], rounds: int, callers: Sequence[int]) -> dict[str, Any]:
    """Run all rounds; returns results by tool and number of clients, and the last image of each page."""
    runs = {(name, parallel): Run() for parallel in callers for name in tools}
    bodies: dict[str, dict[str, bytes]] = {name: {} for name in tools}
    numbers = iter(range(1, 10**9))
    for round_ in range(-1, rounds):  # the first round warms up
        for (name, parallel), run in runs.items():
            captured = _measure_round(sites, tools[name], parallel, run if round_ >= 0 else Run(), next(numbers))
            bodies[name] |= {page: each.body for page, each in zip(sites.names, captured, strict=False) if each.body}
    figures = {f"{name}, {parallel}": run.row() for (name, parallel), run in runs.items()}
    return {"figures": figures, "images": bodies}


def _measure_round(sites: Sites, tool: Tool, parallel: int, run: Run, round_: int) -> list[Captured]:
    """Capture every page once, or as often as keeps all clients busy, and add the results to a run."""
    times = -(-2 * parallel // len(sites.names))
    urls = [sites.url(page, round_ * 100 + time_) for time_ in range(times) for page in sites.names]
    begin, spent, busy = time.perf_counter(), process_tree.cpu(tool.pid), process_tree.busy()
    with sampled_memory(tool.pid, run):
        wall, captured = tool.capture(urls, parallel)
    time.sleep(_GRACE)
    spent, busy = process_tree.cpu(tool.pid) - spent, process_tree.busy() - busy
    run.add(wall, captured, spent)
    run.others += busy - spent
    run.wall += time.perf_counter() - begin
    return captured


def similarities(
    bodies: dict[str, dict[str, bytes]], settled: dict[str, bytes]
) -> dict[str, dict[str, tuple[float, float]]]:
    """PSNR and SSIM relative to the settled page, by page and tool; 0 for a tool that captured no image of a page."""

    def compare(body: bytes | None, correct: bytes) -> tuple[float, float]:
        return (similarity.psnr(body, correct), similarity.ssim(body, correct)) if body else (0.0, 0.0)

    return {
        page: {name: compare(captured.get(page), correct) for name, captured in bodies.items()}
        for page, correct in settled.items()
    }


def main() -> None:
    arguments = _parse()
    if arguments.third_party:
        enter_namespace()
    names = arguments.only.split(",") if arguments.only else list(pages.PAGES)
    with (
        tempfile.TemporaryDirectory() as folder,
        pages.serve(names, latency=arguments.latency, third_party=arguments.third_party) as sites,
        ExitStack() as stack,
    ):
        settled = asyncio.run(references(sites))
        counts = RequestCounts(sites)
        tools = {name: counts.counted(name, tool) for name, tool in _tools(arguments, sites, stack, Path(folder))}
        results = measure(sites, tools, arguments.rounds, arguments.callers)
    likeness, requests = similarities(results["images"], settled), counts.per_capture()
    if arguments.images:
        keep(arguments.images, {"settled": settled, **results["images"]})
    if arguments.json:
        print(json.dumps({"figures": results["figures"], "likeness": likeness, "requests": requests}, indent=2))
        return
    show(results["figures"], likeness)
    if arguments.third_party:
        print_tables(request_counts.table(requests))


def _tools(arguments: argparse.Namespace, sites: Sites, stack: ExitStack, scratch: Path) -> Iterator[tuple[str, Tool]]:
    """Start the tools; all are closed with the stack."""
    env = {} if arguments.site_cache is None else {"TINTYPE_SITE_CACHE": str(arguments.site_cache)}
    node = stack.enter_context(capture_tools.node(sites, scratch, **env))
    yield OURS, capture_tools.service(node)
    if arguments.third_party:
        yield UNBLOCKED, capture_tools.service(node, **UNBLOCKED_OPTIONS)
    if arguments.playwright:
        yield "playwright", stack.enter_context(capture_tools.playwright(arguments.playwright, scratch))
    if arguments.url_to_png:
        yield "url-to-png", stack.enter_context(capture_tools.url_to_png(arguments.url_to_png, scratch))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--callers", type=_numbers, default=[1, (os.cpu_count() or 1) + 1], help="concurrent clients, such as 1,3,6,12"
    )
    parser.add_argument("--latency", type=int, default=0, help="milliseconds before each resource")
    parser.add_argument("--site-cache", type=int, help="sites whose HTTP cache browsers keep; 0: every site is new")
    parser.add_argument("--third-party", action="store_true", help="pages carry scripts of third parties (as root)")
    parser.add_argument("--only", help="page names, separated by commas")
    parser.add_argument("--playwright", metavar="PYTHON", help="Python interpreter that has Playwright")
    parser.add_argument("--url-to-png", metavar="DIR", type=Path, help="built checkout of url-to-png")
    parser.add_argument("--images", type=Path, help="write all images into this folder")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def keep(folder: Path, images: dict[str, dict[str, bytes]]) -> None:
    """Write all images into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, captured in images.items():
        for page, body in captured.items():
            (folder / f"{page}.{name}.png").write_bytes(body)


def show(figures: dict[str, dict[str, float]], likeness: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Print results, ratios and likeness."""
    results = Table("tool, clients", *next(iter(figures.values())))
    for what, row in figures.items():
        *measured, failed = row.values()
        results.add_row(what, *map(number, measured), f"{failed:.0f}")
    tools = list(next(iter(likeness.values())))
    correct = Table("dB / SSIM to the settled page", *tools)
    for page, by in likeness.items():
        correct.add_row(page, *(f"{by[name][0]:.1f} / {by[name][1]:.3f}" for name in tools))
    good = {name: sum(by[name][1] >= CORRECT_FROM for by in likeness.values()) for name in tools}
    correct.add_row("correct", *(f"{good[name]} of {len(likeness)}" for name in tools))
    print_tables(results, *([ratios(figures)] if len(tools) > 1 else []), correct)


def ratios(figures: dict[str, dict[str, float]]) -> Table:
    """Tintype's figures relative to each other tool's, with the same number of clients."""
    titles = ("captures/s", "p50 s", "p95 s", "CPU s", "MB")
    table = Table(f"{OURS} / other, clients", *titles)
    for what, row in figures.items():
        name, _, parallel = what.rpartition(", ")
        if name != OURS:
            ours = figures[f"{OURS}, {parallel}"]
            table.add_row(what, *(number(ours[title] / row[title]) if row[title] else "–" for title in titles))
    return table


if __name__ == "__main__":
    main()
