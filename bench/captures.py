"""Benchmark of fresh captures of real pages: throughput, latency, CPU of the process tree, and correct images.

``python -m bench.captures [--rounds N] [--only tabler,reveal] [--playwright PYTHON]``. Each round captures every page
once, sequentially and with all slots busy; the tools alternate. PYTHON is an interpreter that has Playwright,
which then drives the same Chromium. Every image is compared with the same page captured 4 s after its load event.

Ceiling: the throughput if all CPU time of this machine were used for captures, from the CPU time of one capture.
"Left" subtracts the CPU time that other processes used.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import pages, process_tree, similarity
from bench.pages import Sites
from harness.node import Node
from tintype.chromium.capture.context import PageContext
from tintype.chromium.capture.emulation import emulate
from tintype.chromium.daemon.config import DaemonConfig
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.options import Navigation, Shot
from tintype.provision.find_browser import find_chromium

SETTLED = 4.0
"""Seconds after the load event at which the reference is captured."""
_GRACE = 1.0
"""Seconds to wait for the clean-up after the last capture, which uses CPU too."""
CORRECT_FROM = 0.98
"""Images with at least this SSIM relative to the settled page count as correct."""

CaptureFunction = Callable[[Sequence[str], int], tuple[float, list[float], list[bytes]]]
"""Captures URLs with a number of concurrent clients; returns total seconds, seconds of each, and images."""


@dataclass
class Run:
    """Results of one tool with one number of clients."""

    rates: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0
    others: float = 0.0
    """CPU seconds of all other processes, including the server of the pages."""
    wall: float = 0.0

    def row(self) -> dict[str, float]:
        """Results of all rounds."""
        cores, cost = os.cpu_count() or 1, self.cpu / len(self.seconds)
        rate = statistics.median(self.rates)
        return {
            "captures/s": rate,
            "p50 s": statistics.median(self.seconds),
            "p95 s": statistics.quantiles(self.seconds, n=20)[-1],
            "cpu s": cost,
            "of ceiling": rate * cost / cores,
            "of what was left": self.cpu / (cores * self.wall - self.others),
        }


@contextmanager
def service(sites: Sites, scratch: Path) -> Iterator[tuple[int, CaptureFunction]]:
    """A capture daemon with default settings: its process id, and a function that captures."""
    env = {"TINTYPE_ALLOW_ADDRESSES": sites.allowed, "TINTYPE_WORKERS": "1"}
    with Node(data=scratch / "ours", env=env) as node:

        def capture_one(url: str) -> tuple[float, bytes]:
            begin = time.perf_counter()
            response = node.thumb(url)
            response.raise_for_status()
            return time.perf_counter() - begin, response.content

        def capture(urls: Sequence[str], callers: int) -> tuple[float, list[float], list[bytes]]:
            begin = time.perf_counter()
            with ThreadPoolExecutor(callers) as pool:
                captured = list(pool.map(capture_one, urls))
            return time.perf_counter() - begin, [each[0] for each in captured], [each[1] for each in captured]

        yield node.process.pid, capture


@contextmanager
def playwright(python: str, scratch: Path) -> Iterator[tuple[int, CaptureFunction]]:
    """The Playwright baseline, with the same Chromium: its process id, and a function that captures."""
    script = Path(__file__).with_name("playwright_baseline.py")
    command = [python, "-I", str(script), str(find_chromium()), str(scratch)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout

        def capture(urls: Sequence[str], callers: int) -> tuple[float, list[float], list[bytes]]:
            print(json.dumps({"urls": list(urls), "callers": callers}), file=process.stdin, flush=True)
            reply = json.loads(process.stdout.readline())
            bodies = [(scratch / f"{number}.png").read_bytes() for number in range(len(urls))]
            return reply["all"], reply["seconds"], bodies

        yield process.pid, capture


async def references(sites: Sites) -> dict[str, bytes]:
    """Reference images: every page a fixed time after its load event, without virtual time."""
    runtime = await CaptureRuntime.open(DaemonConfig(slots=1, allow_addresses=(sites.allowed,)))
    try:
        return {name: await _settled(runtime, sites.url(name)) for name in sites.names}
    finally:
        await runtime.close()


async def _settled(runtime: CaptureRuntime, url: str) -> bytes:
    browser, shot = runtime.pool.browsers.all[0], Shot(navigation=Navigation(url=url))
    async with browser._open_page(None) as (tab, traffic):  # noqa: SLF001 - independent of the capture path under test
        page = PageContext(tab, shot, traffic, browser.user_agent, max_height=20_000)
        await asyncio.gather(tab.session.call("Page.enable"), *emulate(page))
        await tab.session.call("Page.navigate", url=url)
        await tab.wait_for("load")
        await asyncio.sleep(SETTLED)
        return base64.b64decode((await tab.session.call("Page.captureScreenshot", format="png"))["data"])


def measure(sites: Sites, tools: dict[str, tuple[int, CaptureFunction]], rounds: int, callers: int) -> dict[str, Any]:
    """Run all rounds; returns results by tool and number of clients, and the last image of each page."""
    runs = {(name, parallel): Run() for name in tools for parallel in (1, callers)}
    bodies: dict[str, dict[str, bytes]] = {name: {} for name in tools}
    numbers = iter(range(1, 10**9))
    for round_ in range(-1, rounds):  # the first round warms up
        for (name, parallel), run in runs.items():
            pid, capture = tools[name]
            number = next(numbers)
            begin, spent, busy = time.perf_counter(), process_tree.cpu(pid), process_tree.busy()
            wall, seconds, images = capture([sites.url(page, number) for page in sites.names], parallel)
            time.sleep(_GRACE)
            spent, busy = process_tree.cpu(pid) - spent, process_tree.busy() - busy
            bodies[name] = dict(zip(sites.names, images, strict=True))
            if round_ < 0:
                continue
            run.rates.append(len(seconds) / wall)
            run.seconds += seconds
            run.cpu += spent
            run.others += busy - spent
            run.wall += time.perf_counter() - begin
    figures = {f"{name}, {parallel} at a time": run.row() for (name, parallel), run in runs.items()}
    return {"figures": figures, "images": bodies}


def similarities(
    bodies: dict[str, dict[str, bytes]], settled: dict[str, bytes]
) -> dict[str, dict[str, tuple[float, float]]]:
    """PSNR and SSIM relative to the settled page, by page and tool."""
    return {
        page: {
            name: (similarity.psnr(captured[page], correct), similarity.ssim(captured[page], correct))
            for name, captured in bodies.items()
        }
        for page, correct in settled.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", type=int, default=(os.cpu_count() or 1) + 1)
    parser.add_argument("--only", help="page names, separated by commas")
    parser.add_argument("--playwright", metavar="PYTHON", help="Python interpreter that has Playwright")
    parser.add_argument("--images", type=Path, help="write all images into this folder")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(pages.PAGES)
    with tempfile.TemporaryDirectory() as scratch, pages.serve(names) as sites, ExitStack() as stack:
        settled = asyncio.run(references(sites))
        tools = {"tintype": stack.enter_context(service(sites, Path(scratch)))}
        if arguments.playwright:
            tools["playwright"] = stack.enter_context(playwright(arguments.playwright, Path(scratch)))
        results = measure(sites, tools, arguments.rounds, arguments.callers)
    likeness = similarities(results["images"], settled)
    if arguments.images:
        keep(arguments.images, {"settled": settled, **results["images"]})
    if arguments.json:
        print(json.dumps({"figures": results["figures"], "likeness": likeness}, indent=2))
        return
    show(results["figures"], likeness)


def keep(folder: Path, images: dict[str, dict[str, bytes]]) -> None:
    """Write all images into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, captured in images.items():
        for page, body in captured.items():
            (folder / f"{page}.{name}.png").write_bytes(body)


def show(figures: dict[str, dict[str, float]], likeness: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Print two tables and the ratios."""
    first = next(iter(figures.values()))
    table = Table("measured", *first)
    for what, row in figures.items():
        table.add_row(what, *(f"{value:.2f}" for value in row.values()))
    Console().print(table)
    tools = list(next(iter(likeness.values())))
    correct = Table("dB / SSIM to the settled page", *tools)
    for page, by in likeness.items():
        correct.add_row(page, *(f"{by[name][0]:.1f} / {by[name][1]:.3f}" for name in tools))
    good = {name: sum(by[name][1] >= CORRECT_FROM for by in likeness.values()) for name in tools}
    correct.add_row("correct", *(f"{good[name]} of {len(likeness)}" for name in tools))
    Console().print(correct)
    tintype_rows = {what.partition(", ")[2]: row for what, row in figures.items() if what.startswith("tintype")}
    for what, row in figures.items():
        name, _, parallel = what.partition(", ")
        if name != "tintype":
            ratios = (
                f"{title} {tintype_rows[parallel][title] / row[title]:.2f}"
                for title in ("captures/s", "p50 s", "cpu s")
            )
            Console().print(f"tintype / {name}, {parallel}: {', '.join(ratios)}")


if __name__ == "__main__":
    main()
