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

from rich.console import Console
from rich.table import Table

from bench.pages import CACHE, MORE, PAGES, Sites, serve
from bench.similarity import psnr, ssim
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

Settle = Callable[[PageCapture], Awaitable[None]]


def slept(seconds: float) -> Settle:
    """The naive rule: the load event, then a fixed number of seconds."""

    async def settle(capture: PageCapture) -> None:
        await capture.page.tab.wait_for("load")
        await asyncio.sleep(seconds)

    return settle


REFERENCE = "load + 3 s"
RULES: dict[str, Settle] = {
    REFERENCE: slept(3),
    "again": slept(3.2),
    "at load": slept(0),
    "load + 1 s": slept(1),
    "ours": PageCapture.stabilize,
}
"""``again`` is a second reference 0.2 s later: differences there exist under any rule."""


@asynccontextmanager
async def browser(allowed: str, lanes: int = 3) -> AsyncIterator[Browser]:
    """A browser with the settings of the service and access to the sites."""
    judge = EgressPolicy.of([allowed])
    closed, territory = await EgressProxy.start(judge), ProfileRoot.create()
    recipe = LaunchOptions(
        binary=str(find_chromium()), user=user.choose_user("tintype"), proxy_port=closed.port, listeners=lanes
    )
    running = await Browser.start(Launcher(recipe, territory, allow_no_sandbox=False), judge, lanes)
    try:
        yield running
    finally:
        await running.close()
        await closed.close()
        territory.remove()


async def photograph(running: Browser, url: str, settle: Settle) -> Capture:
    """Capture one page by one rule."""
    with mock.patch.object(PageCapture, "stabilize", settle):
        return await running.capture(Shot(navigation=Navigation(url=url)), None, 30, 16_000)


def took(capture: Capture) -> float:
    """Milliseconds from the request to the image."""
    return sum(capture.timings.get(step, 0) for step in ("navigate", "stabilize", "screenshot"))


async def measure(sites: Sites, rounds: int, keep: Path | None) -> dict[str, list[dict[str, float]]]:
    """Rows by page: PSNR and SSIM relative to the reference, and milliseconds, by rule."""
    rows: dict[str, list[dict[str, float]]] = {}
    async with browser(sites.allowed) as running:
        for page in sites.names:
            await photograph(running, sites.url(page), slept(0))  # the server reads its files once
            rows[page] = [await compare(running, sites.url(page), keep and keep / page) for _ in range(rounds)]
            print(page, " ".join(f"{name} {value:.3g}" for name, value in rows[page][0].items()), flush=True)
    return rows


async def compare(running: Browser, url: str, keep: Path | None) -> dict[str, float]:
    """One page by every rule."""
    taken = {name: await photograph(running, url, settle) for name, settle in RULES.items()}
    if keep:
        await asyncio.to_thread(store, keep, taken)
    row, reference = {}, taken[REFERENCE].body
    for name, capture in taken.items():
        if name != REFERENCE:
            row[f"{name} dB"] = await asyncio.to_thread(psnr, reference, capture.body)
            row[f"{name} ssim"] = await asyncio.to_thread(ssim, reference, capture.body)
        row[f"{name} ms"] = took(capture)
    return row


def store(folder: Path, taken: dict[str, Capture]) -> None:
    """Write each image to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, capture in taken.items():
        (folder / f"{name}.png").write_bytes(capture.body)


def table(rows: dict[str, list[dict[str, float]]]) -> Table:
    """Medians of the rounds."""
    rules = [name for name in RULES if name != REFERENCE]
    shown = Table("page", *(f"{name}: dB, SSIM, ms" for name in rules))
    for page, rounds in rows.items():
        middle = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
        cells = (f"{middle[f'{n} dB']:.1f}  {middle[f'{n} ssim']:.3f}  {middle[f'{n} ms']:.0f}" for n in rules)
        shown.add_row(page, *cells)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", nargs="*", default=[*PAGES, *MORE], choices=[*PAGES, *MORE], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=CACHE, help="where packages are kept")
    parser.add_argument("--keep", type=Path, help="a folder for the pictures")
    asked = parser.parse_args()
    with serve(asked.pages, asked.folder) as sites:
        Console(width=160).print(table(asyncio.run(measure(sites, asked.rounds, asked.keep))))


if __name__ == "__main__":
    main()
