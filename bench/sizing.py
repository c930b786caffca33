"""Sizing: captures per hour and hits per second by number of cores, their memory, and money per million.

``python -m bench.sizing [--rounds N] [--seconds N] [--cores 1,2]``. All processes of the service are confined to so
many cores (CPU affinity), with its default settings for that number; clients and the server of the pages run on other
cores. Where none are left, their CPU time is subtracted: captures per second count for the rest of the time. Hits are
those per CPU second of the service, times cores, so a slow load generator does not count either. Real pages
(``bench.pages``) for captures, 500 thumbnails of 10 KB for hits. The output is Markdown.

Calculated rows: each doubling of cores multiplies by what the last measured doubling brought, at most by 2; memory
grows per core as between the measured rows. With one measured row everything grows with the cores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench import capture_tools, hits, load, pages, process_tree
from bench.captures import Run, sampled_memory
from bench.tables import print_tables
from harness.node import Node

SIZE = 10
"""Kilobytes of a thumbnail that is requested."""
CALCULATED = (4, 8)
MONTH = 730 * 3600
"""Seconds of a month of 730 hours."""
DOLLARS, MACHINE_CORES, MACHINE_MEMORY = 5, 1, 1 << 30
"""A small virtual machine: dollars per month, cores, bytes."""
SYSTEM_MEMORY = 150 << 20
"""Bytes that the operating system needs."""
PLANS = {"Starter": (19, 5_000), "Growth": (49, 25_000), "Business": (149, 100_000)}
"""Dollars and captures per month in SnapSharp's documentation (snapsharp.dev/docs/rate-limits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the service does with a number of cores: per second, and the most memory of all its processes in bytes."""

    cores: int
    captures: float
    hits: float
    memory: float
    is_measured: bool = True


def measure(cores: int, rounds: int, seconds: int, names: Sequence[str]) -> Capacity:
    """Measure captures and hits on the first cores of this machine."""
    with tempfile.TemporaryDirectory() as scratch:
        captures, memory = measure_captures(Path(scratch) / "captures", cores, rounds, names)
        return Capacity(
            cores=cores, captures=captures, hits=measure_hits(Path(scratch) / "hits", cores, seconds), memory=memory
        )


def measure_captures(scratch: Path, cores: int, rounds: int, names: Sequence[str]) -> tuple[float, int]:
    """Captures per second, and the most memory of the service."""
    with confined(others_than(cores)), pages.serve(names) as sites:
        node = capture_tools.node(sites, scratch, TINTYPE_WORKERS="0")
        with confined(range(cores)):
            node.start()
        with node_stopped_at_end(node):
            tool, run = capture_tools.service(node), Run()
            tool.capture([sites.url(name) for name in names], cores + 1)  # warms up
            urls = [sites.url(name, number) for number in range(1, rounds * cores + 1) for name in names]
            before = own_cpu(sites.pid)
            with sampled_memory(node.process.pid, run):
                wall, captured = tool.capture(urls, cores + 2)
                run.memory = max(
                    run.memory, process_tree.memory(node.process.pid)
                )  # a short run ends before the first sample
            outside = (own_cpu(sites.pid) - before) / wall
            failed = sum(each.body is None for each in captured)
    if failed:
        raise SystemExit(f"{failed} of {len(captured)} captures failed with {cores} cores")
    return len(captured) / wall / share_left(cores, outside), run.memory


def measure_hits(scratch: Path, cores: int, seconds: int) -> float:
    """Hits per second of the service if it had its cores to itself."""
    with confined(range(cores)), hits.tintype(scratch, [SIZE], TINTYPE_WORKERS="0") as servers:
        server = servers["hits"]
        requests, core = server.requests(SIZE), max(others_than(cores))
        load.generate(server.port, requests, 1, core)  # warms up
        before = sum(map(process_tree.cpu, server.members))
        result = load.generate(server.port, requests, seconds, core)
        used = sum(map(process_tree.cpu, server.members)) - before
    if result.wrong:
        raise SystemExit(f"{result.wrong} of {result.requests} hits were wrong with {cores} cores")
    return cores * result.requests / used


@contextmanager
def confined(cores: Collection[int]) -> Iterator[None]:
    """Processes and threads that start in the block run on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def node_stopped_at_end(node: Node) -> Iterator[None]:
    try:
        yield
    finally:
        node.stop()


def others_than(cores: int) -> set[int]:
    """The cores of this machine after the first ones; all if none are left."""
    everything = set(range(os.cpu_count() or 1))
    return everything - set(range(cores)) or everything


def own_cpu(pages_server: int) -> float:
    """CPU seconds of this process and of the server of the pages."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime + process_tree.cpu(pages_server)


def share_left(cores: int, outside: float) -> float:
    """Part of the cores that clients and pages left to the service; they used ``outside`` cores of the machine."""
    is_shared = others_than(cores) & set(range(cores))
    return (cores - outside) / cores if is_shared else 1.0


def calculate(measured: Sequence[Capacity], cores: int) -> Capacity:
    """The capacity of more cores than were measured, by the rule of the module."""
    last = measured[-1]
    before = next((each for each in measured if 2 * each.cores == last.cores), None)
    doublings = math.log2(cores / last.cores)

    def grow(value: float, half: float) -> float:
        return value * min(2.0, value / half if half else 2.0) ** doublings

    per_core = (last.memory - before.memory) / before.cores if before else last.memory / last.cores
    return replace(
        last,
        cores=cores,
        captures=grow(last.captures, before.captures if before else 0),
        hits=grow(last.hits, before.hits if before else 0),
        memory=last.memory + (cores - last.cores) * per_core,
        is_measured=False,
    )


def dollars_per_million(price: float, per_second: float) -> float:
    """Dollars for a million of something that a machine does so often, all month; ``price``: dollars per month."""
    return price / (per_second * MONTH) * 1e6


def sizing_rows(capacities: Sequence[Capacity]) -> list[str]:
    """The sizing table."""
    rows = ["| cores | captures per hour | hits per second | memory | how |", "|---|---|---|---|---|"]
    for each in capacities:
        kind = "measured" if each.is_measured else "calculated"
        captures, cached = rounded(each.captures * 3600), rounded(each.hits)
        rows.append(f"| {each.cores} | {captures} | {cached} | {each.memory / (1 << 30):.1f} GB | {kind} |")
    return rows


def money_rows(small: Capacity) -> list[str]:
    """Money per million on the small machine, beside list prices, and whether the memory is enough."""
    needed = small.memory + SYSTEM_MEMORY
    fits = "fits" if needed <= MACHINE_MEMORY else "does not fit"
    machine = f"${DOLLARS} a month, {MACHINE_CORES} core, {MACHINE_MEMORY >> 30} GB"
    return [
        "| a million | dollars |",
        "|---|---|",
        f"| fresh captures, {machine} | {dollars_per_million(DOLLARS, small.captures):,.2f} |",
        f"| hits, the same machine | {dollars_per_million(DOLLARS, small.hits):.5f} |",
        *(
            f"| captures, SnapSharp {plan}: ${price} for {number:,} | {price / number * 1e6:,.0f} |"
            for plan, (price, number) in PLANS.items()
        ),
        "",
        "The machine works all month (730 h); used a tenth of the time, each costs ten times as much.",
        f"Memory: {small.memory / (1 << 20):.0f} MB at most, and {SYSTEM_MEMORY >> 20} MB for the system: it {fits}.",
        "Measured with these pages; one heavy page may take 1.5 GB, which such a machine does not have.",
    ]


def rounded(value: float) -> str:
    """Two significant digits, because machines differ by more than the third."""
    digits = max(0, math.floor(math.log10(value)) - 1) if value >= 1 else 0
    return f"{round(value, -digits):,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="captures of each page for each core")
    parser.add_argument("--seconds", type=int, default=10, help="of hits for each number of cores")
    parser.add_argument("--cores", default="1,2", help="numbers of cores to measure, such as 1,2,4")
    parser.add_argument("--only", help="page names, separated by commas")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(pages.PAGES)
    counts = [int(text) for text in arguments.cores.split(",") if int(text) <= (os.cpu_count() or 1)]
    begin = time.perf_counter()
    measured = [measure(cores, arguments.rounds, arguments.seconds, names) for cores in counts]
    capacities = [*measured, *(calculate(measured, cores) for cores in CALCULATED if cores > counts[-1])]
    if arguments.json:
        print(json.dumps(list(map(asdict, capacities)), indent=2))
        return
    print_tables("\n".join(sizing_rows(capacities)), "")
    for small in (each for each in measured if each.cores == MACHINE_CORES):
        print_tables("\n".join(money_rows(small)), "")
    print_tables(f"hits by {load.generator()}; {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
