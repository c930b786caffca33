"""Benchmark of the egress proxy and the namespace sandbox: captures per second with and without them.

``python -m bench.guard [--rounds N] [--captures N] [--pages DIR]``. Without: direct connections in the network
namespace of the host; Chromium's sandbox stays on in both. The two alternate within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from rich.table import Table

from bench.service import Site
from bench.tables import print_tables
from tintype.chromium.browser import Browser
from tintype.chromium.cdp import connection
from tintype.chromium.process import launch_options, user
from tintype.chromium.process.launch import Launcher
from tintype.chromium.process.launch_options import LaunchOptions
from tintype.chromium.process.profiles import ProfileRoot
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.options import Navigation, Shot
from tintype.provision.find_browser import find_chromium

TABS = 3


def direct_connections() -> ExitStack:
    """Make browsers connect directly: no proxy on the command line or in a context."""
    stack, post = ExitStack(), connection.CdpSession.post

    def without_proxy(session: connection.CdpSession, method: str, **params: Any) -> Any:
        kept = {name: value for name, value in params.items() if not name.startswith("proxy")}
        return post(session, method, **kept)

    flags = tuple(flag for flag in launch_options.FLAGS if not flag.startswith("--proxy"))
    arguments = LaunchOptions.arguments
    stack.enter_context(mock.patch.object(connection.CdpSession, "post", without_proxy))
    stack.enter_context(mock.patch.object(launch_options, "FLAGS", flags))
    stack.enter_context(
        mock.patch.object(
            LaunchOptions,
            "arguments",
            lambda options, profile: [a for a in arguments(options, profile) if "--proxy" not in a],
        )
    )
    return stack


async def measure(site: Site, number: int, captures: int, *, guarded: bool) -> tuple[float, float]:
    """Captures per second with all slots busy, and seconds from launch to a ready browser."""
    policy = EgressPolicy.of([f"127.0.0.1:{site.server_port}"])
    proxy, profiles = await EgressProxy.start(policy), ProfileRoot.create()
    options = LaunchOptions(
        binary=str(find_chromium()),
        user=user.choose_user("tintype"),
        proxy_port=proxy.port,
        listeners=2 * TABS + 1,
        namespaces=guarded,
    )
    begin = time.perf_counter()
    browser = await Browser.start(Launcher(options, profiles, allow_no_sandbox=False), policy)
    started = time.perf_counter() - begin
    try:
        shots = iter([Shot(navigation=Navigation(url=site.url(number * 10_000 + n))) for n in range(captures + TABS)])
        for _ in range(TABS):
            await browser.capture(next(shots), None, 20, 16_000)
        begin = time.perf_counter()
        await asyncio.gather(*(capture_all(browser, shots) for _ in range(TABS)))
        return captures / (time.perf_counter() - begin), started
    finally:
        await browser.close()
        await proxy.close()
        profiles.remove()


async def capture_all(browser: Browser, shots: Any) -> None:
    for shot in shots:
        await browser.capture(shot, None, 20, 16_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--captures", type=int, default=30)
    parser.add_argument("--pages", type=Path, help="folder with index.html, the page to capture")
    arguments = parser.parse_args()
    site = Site(arguments.pages)
    runs: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for number in range(arguments.rounds):
        for guarded in (True, False):
            with ExitStack() if guarded else direct_connections():
                runs[guarded].append(
                    asyncio.run(measure(site, number * 2 + guarded, arguments.captures, guarded=guarded))
                )
    table = Table("", "captures/s, median", "all runs", "browser start, s")
    for guarded, name in ((True, "proxy and namespace sandbox"), (False, "neither")):
        rates, starts = zip(*runs[guarded], strict=True)
        shown = " ".join(f"{rate:.1f}" for rate in rates)
        table.add_row(name, f"{statistics.median(rates):.2f}", shown, f"{statistics.median(starts):.2f}")
    print_tables(table)
    ratio = statistics.median(r for r, _ in runs[True]) / statistics.median(r for r, _ in runs[False])
    print_tables(f"with / without: {ratio:.2f}")


if __name__ == "__main__":
    main()
