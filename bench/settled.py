"""Benchmark of readiness rules: captures of real pages compared with the same page three seconds after load.

``python -m bench.settled [--pages NAME …] [--rounds N] [--keep DIR]``. Other rules for comparison: at load, and one
second after load. Requires ``npm`` for the first run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

from rich.table import Table

from bench.pages import CACHE, MORE, PAGES, Sites, serve
from bench.similarity import psnr, ssim
from bench.tables import print_tables
from tintype.chromium.browser import Browser
from tintype.chromium.capture.page_capture import PageCapture
from tintype.chromium.process import user
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.launch_options import LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.model import Capture
from tintype.options import Navigation, Shot
from tintype.provision.find_browser import find_chromium

ReadinessRule = Callable[[PageCapture], Awaitable[None]]


def after_load(seconds: float) -> ReadinessRule:
    """A rule that waits for the load event, then for a fixed number of seconds."""

    async def rule(capture: PageCapture) -> None:
        await capture.page.tab.wait_for("load")
        await asyncio.sleep(seconds)

    return rule


REFERENCE = "load + 3 s"
RULES: dict[str, ReadinessRule] = {
    REFERENCE: after_load(3),
    "load + 3.2 s": after_load(3.2),
    "at load": after_load(0),
    "load + 1 s": after_load(1),
    "Tintype": PageCapture.stabilize,
}
"""``load + 3.2 s`` is a second reference: pages that differ there never become stable."""


@asynccontextmanager
async def browser(allowed: str, listeners: int = 3) -> AsyncIterator[Browser]:
    """A browser with the settings of the service and access to the sites."""
    policy = EgressPolicy.of([allowed])
    proxy, profiles = await EgressProxy.start(policy), ProfileRoot.create()
    options = LaunchOptions(
        binary=str(find_chromium()), user=user.choose_user("tintype"), proxy_port=proxy.port, listeners=listeners
    )
    running = await Browser.start(Launcher(options, profiles, allow_no_sandbox=False), policy)
    try:
        yield running
    finally:
        await running.close()
        await proxy.close()
        profiles.remove()


async def capture_when(running: Browser, url: str, rule: ReadinessRule) -> Capture:
    """Capture one page by one rule."""
    with mock.patch.object(PageCapture, "stabilize", rule):
        return await running.capture(Shot(navigation=Navigation(url=url)), None, 30, 16_000)


def milliseconds(capture: Capture) -> float:
    """Milliseconds from the request to the image."""
    return sum(capture.timings.get(step, 0) for step in ("navigate", "stabilize", "screenshot"))


async def measure(sites: Sites, rounds: int, keep: Path | None) -> dict[str, list[dict[str, float]]]:
    """Rows by page: PSNR and SSIM relative to the reference, and milliseconds, by rule."""
    rows: dict[str, list[dict[str, float]]] = {}
    async with browser(sites.allowed) as running:
        for page in sites.names:
            await capture_when(running, sites.url(page), after_load(0))  # the server reads its files once
            rows[page] = [await compare(running, sites.url(page), keep and keep / page) for _ in range(rounds)]
            print(page, " ".join(f"{name} {value:.3g}" for name, value in rows[page][0].items()), flush=True)
    return rows


async def compare(running: Browser, url: str, keep: Path | None) -> dict[str, float]:
    """One page by every rule."""
    captures = {name: await capture_when(running, url, rule) for name, rule in RULES.items()}
    if keep:
        await asyncio.to_thread(store, keep, captures)
    row, reference = {}, captures[REFERENCE].body
    for name, capture in captures.items():
        if name != REFERENCE:
            row[f"{name} dB"] = await asyncio.to_thread(psnr, reference, capture.body)
            row[f"{name} ssim"] = await asyncio.to_thread(ssim, reference, capture.body)
        row[f"{name} ms"] = milliseconds(capture)
    return row


def store(folder: Path, captures: dict[str, Capture]) -> None:
    """Write each image to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, capture in captures.items():
        (folder / f"{name}.png").write_bytes(capture.body)


def table(rows: dict[str, list[dict[str, float]]]) -> Table:
    """Medians of the rounds."""
    rules = [name for name in RULES if name != REFERENCE]
    result = Table("page", *(f"{name}: dB, SSIM, ms" for name in rules))
    for page, rounds in rows.items():
        medians = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
        cells = (f"{medians[f'{n} dB']:.1f}  {medians[f'{n} ssim']:.3f}  {medians[f'{n} ms']:.0f}" for n in rules)
        result.add_row(page, *cells)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", nargs="*", default=[*PAGES, *MORE], choices=[*PAGES, *MORE], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=CACHE, help="folder for the fetched packages")
    parser.add_argument("--keep", type=Path, help="write all images into this folder")
    arguments = parser.parse_args()
    with serve(arguments.pages, arguments.folder) as sites:
        print_tables(table(asyncio.run(measure(sites, arguments.rounds, arguments.keep))))


if __name__ == "__main__":
    main()
