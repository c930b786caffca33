"""Benchmark of cleaning on pages without anything to clean: its cost, and whether it changes such a page.

``python -m bench.clean [--rounds N] [--only tabler,reveal] [--list FILE …]``. Each page is captured with cleaning off
and on, and with filter lists if given, alternately; ratios are relative to cleaning off, pair by pair.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import pages, process_tree, similarity
from bench.pages import Sites
from bench.tables import print_tables
from tintype.chromium.daemon.config import DaemonConfig, address_for, command_for
from tintype.engines.chromium import ChromiumEngine
from tintype.filters.engine import compile_lists
from tintype.options import Options

OFF = dict.fromkeys(("block_ads", "block_trackers", "block_cookie_banners", "block_chats"), False)
_GRACE = 0.3
"""Seconds to wait for the clean-up after a capture, which uses CPU too."""

Variant = tuple[ChromiumEngine, dict[str, Any]]


@contextmanager
def engine(config: DaemonConfig, run_dir: Path) -> Iterator[ChromiumEngine]:
    """A separate capture daemon."""
    address = address_for(config, run_dir)
    client = ChromiumEngine(address, command_for(config, address), run_dir, timeout=60, log_file=run_dir / "log")
    try:
        yield client
    finally:
        client.close()
        client.stop_if_idle()


def measure(sites: Sites, variants: dict[str, Variant], rounds: int) -> dict[str, Any]:
    """Ratios relative to the first variant, and images, by page."""
    numbers = iter(range(1, 10**9))
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    cpu: dict[str, list[float]] = {name: [] for name in variants}
    images: dict[str, dict[str, bytes]] = {page: {} for page in sites.names}
    for round_ in range(-1, rounds):  # the first round warms up
        order = list(variants)[:: 1 if round_ % 2 else -1]
        for page in sites.names:
            for name in order:
                took, spent, images[page][name] = _take(variants[name], sites.url(page, next(numbers)))
                if round_ >= 0:
                    seconds[name].append(took)
                    cpu[name].append(spent)
    return {"seconds": seconds, "cpu": cpu, "images": images}


def _take(variant: Variant, url: str) -> tuple[float, float, bytes]:
    client, options = variant
    pid = client.status().pid
    begin, before = time.perf_counter(), process_tree.cpu(pid)
    body = client.capture(Options(url=url, **options).capture_request().shot).body
    took = time.perf_counter() - begin
    time.sleep(_GRACE)
    return took, process_tree.cpu(pid) - before, body


def summary(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Results of each variant; the CPU ratio is that of the sums, because CPU is counted in 10 ms ticks."""
    first = next(iter(results["seconds"]))
    base, base_cpu = results["seconds"][first], sum(results["cpu"][first])
    return {
        name: {
            "p50 s": statistics.median(taken),
            "time ratio": statistics.median(a / b for a, b in zip(taken, base, strict=True)),
            "cpu ratio": sum(results["cpu"][name]) / base_cpu,
        }
        for name, taken in results["seconds"].items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="page names, separated by commas")
    parser.add_argument("--list", type=Path, action="append", default=[], help="a filter list; may be repeated")
    parser.add_argument("--images", type=Path, help="write all images into this folder")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(pages.PAGES)
    with tempfile.TemporaryDirectory() as scratch, pages.serve(names) as sites:
        folder, compiled = Path(scratch), Path(scratch) / "engine.dat"
        without_lists = DaemonConfig(slots=1, allow_addresses=(sites.allowed,))
        with_lists = DaemonConfig(slots=1, allow_addresses=(sites.allowed,), filters=str(compiled))
        with engine(without_lists, folder) as unfiltered, engine(with_lists, folder) as filtered:
            variants: dict[str, Variant] = {"off": (unfiltered, OFF), "on": (unfiltered, {})}
            if arguments.list:
                compiled.write_bytes(compile_lists(path.read_text() for path in arguments.list))
                variants["on, with lists"] = (filtered, {})
            results = measure(sites, variants, arguments.rounds)
    if arguments.images:
        keep(arguments.images, results["images"])
    figures, similarities = summary(results), changed(results["images"])
    print(json.dumps({"figures": figures, "likeness": similarities}, indent=2)) if arguments.json else show(
        figures, similarities
    )


def changed(images: dict[str, dict[str, bytes]]) -> dict[str, dict[str, float]]:
    """SSIM of images with cleaning relative to images without."""
    return {
        page: {name: similarity.ssim(body, taken["off"]) for name, body in taken.items() if name != "off"}
        for page, taken in images.items()
    }


def keep(folder: Path, images: dict[str, dict[str, bytes]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for page, taken in images.items():
        for name, body in taken.items():
            (folder / f"{page}-{name.replace(', ', '-').replace(' ', '-')}.png").write_bytes(body)


def show(figures: dict[str, dict[str, float]], similarities: dict[str, dict[str, float]]) -> None:
    """Print two tables."""
    for title, rows in (("cleaning", figures), ("similarity to cleaning off (SSIM)", similarities)):
        names = list(next(iter(rows.values())))
        table = Table("", *names, title=title)
        for row, values in rows.items():
            table.add_row(row, *(f"{values[name]:.3f}" for name in names))
        print_tables(table)


if __name__ == "__main__":
    main()
