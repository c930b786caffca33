"""Benchmark of a healthy page beside hostile ones: for each kind, four clients capture the hostile page all the time.

``python -m bench.neighbours [--seconds N] [--kinds blobs,busy-loop] [--clients N] [--root DIRECTORY]``. The table shows
the healthy page's p50 and p95 relative to its p50 alone, its failures, what became of the hostile captures, the
browsers replaced, and the peak of the private memory of all processes. ``--root`` measures another checkout, which has
its own ``.venv``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from bench.tables import print_tables
from harness import ROOT, processes
from harness.greedy_pages import GREEDY_PAGES
from harness.hostile_site import HostileSite
from harness.node import Node
from tintype.chromium.process.watchdog import private_memory

CAPTURES_ALONE = 15
_PAUSE = 0.05
_RESTARTS = ("tintype_browser_restarts_total", "tintype_browser_recycles_total")


@dataclass
class Beside:
    """The result of one kind."""

    kind: str
    p50: float = 0.0
    """Seconds."""
    p95: float = 0.0
    ratio: float = 0.0
    """p50 relative to the p50 alone."""
    ratio95: float = 0.0
    """p95 relative to the p50 alone."""
    captures: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """Failures of the healthy page, by error."""
    hostile: dict[str, int] = field(default_factory=dict)
    """Outcomes of the hostile page, by error."""
    replaced: int = 0
    """Browsers."""
    peak: int = 0
    """Megabytes."""


class Measurement:
    """A node, a hostile site and a healthy site."""

    def __init__(self, node: Node, hostile: HostileSite, healthy: HostileSite) -> None:
        self.node, self.hostile, self.healthy = node, hostile, healthy
        self._number = 0
        self._lock = threading.Lock()

    def capture_healthy(self) -> tuple[float, str]:
        begin = time.perf_counter()
        outcome = self._post({"url": f"{self.healthy.url('healthy')}?{self._next()}"})
        return time.perf_counter() - begin, outcome

    def capture_hostile(self, kind: str) -> str:
        page = GREEDY_PAGES[kind]
        return self._post({"url": f"{self.hostile.url(kind)}?{self._next()}", **page.options})

    def alone(self) -> float:
        for _ in range(3):
            self.capture_healthy()
        taken = [self.capture_healthy() for _ in range(CAPTURES_ALONE)]
        assert all(outcome == "ok" for _, outcome in taken), taken
        return statistics.median(seconds for seconds, _ in taken)

    def beside(self, kind: str, seconds: float, clients: int, alone: float) -> Beside:
        until, outcomes, result = time.monotonic() + seconds, Counter[str](), Beside(kind)
        before = self._replaced()

        def attack() -> None:
            while time.monotonic() < until:
                outcomes[self.capture_hostile(kind)] += 1
                time.sleep(_PAUSE)

        def watch() -> None:
            while time.monotonic() < until:
                result.peak = max(result.peak, self._memory() >> 20)
                time.sleep(0.5)

        with ThreadPoolExecutor(clients + 1) as pool:
            running = [pool.submit(attack) for _ in range(clients)] + [pool.submit(watch)]
            time.sleep(0.3)
            taken = []
            while time.monotonic() < until:
                taken.append(self.capture_healthy())
                time.sleep(_PAUSE)
            for each in running:
                each.result()
        times = sorted(took for took, _ in taken)
        result.p50, result.p95 = statistics.median(times), times[int(len(times) * 0.95)]
        result.ratio, result.ratio95, result.captures = result.p50 / alone, result.p95 / alone, len(times)
        result.failures = dict(Counter(outcome for _, outcome in taken if outcome != "ok"))
        result.hostile, result.replaced = dict(outcomes), self._replaced() - before
        return result

    def _post(self, body: dict[str, object]) -> str:
        try:
            response = self.node.client.post("/thumb", json=body, timeout=120)
        except httpx.TransportError as error:
            return type(error).__name__
        if response.status_code == httpx.codes.OK:
            return "ok"
        return str(response.json().get("error", response.status_code))

    def _next(self) -> int:
        with self._lock:
            self._number += 1
            return self._number

    def _replaced(self) -> int:
        lines = self.node.get("/metrics").text.splitlines()
        return int(sum(float(line.split()[-1]) for line in lines if line.startswith(_RESTARTS)))

    def _memory(self) -> int:
        return sum(private_memory(pid) for pid in processes.tree(self.node.process.pid))


def measure(root: Path, kinds: list[str], seconds: float, clients: int, timeout: float) -> tuple[float, list[Beside]]:
    """Measure every kind with one node; return the healthy page's p50 alone, and the results."""
    pages = {name: page.html for name, page in GREEDY_PAGES.items()}
    with HostileSite(pages) as hostile, HostileSite() as healthy, tempfile.TemporaryDirectory() as scratch:
        env = {
            "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{hostile.port},127.0.0.1:{healthy.port}",
            "TINTYPE_TIMEOUT": f"{timeout:g}s",
            "TINTYPE_WORKERS": "1",
            "PYTHONPATH": str(root),
        }
        command = (str(root / ".venv/bin/python"), "-m", "tintype", "serve")
        with Node(data=Path(scratch) / "data", env=env, command=command) as node:
            node.client = httpx.Client(base_url=f"http://127.0.0.1:{node.port}", trust_env=False)
            measurement, results = Measurement(node, hostile, healthy), []
            alone = measurement.alone()
            for kind in kinds:
                results.append(measurement.beside(kind, seconds, clients, alone))
                Console(stderr=True).print(
                    f"{kind}: {results[-1].ratio:.1f} × alone, {results[-1].failures or 'no failure'}"
                )
        return alone, results


def show(alone: float, results: list[Beside]) -> None:
    """Print the table."""
    table = Table("kind", "p50 × alone", "p95 × alone", "healthy", "failures", "hostile", "replaced", "peak MB")
    for each in results:
        failures = ", ".join(f"{count} {error}" for error, count in each.failures.items()) or "none"
        hostile = ", ".join(f"{count} {error}" for error, count in each.hostile.items())
        row = (f"{each.ratio:.1f}", f"{each.ratio95:.1f}", str(each.captures), failures, hostile, str(each.replaced))
        table.add_row(each.kind, *row, str(each.peak))
    print_tables(f"healthy page alone: p50 {alone:.2f} s", table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each kind")
    parser.add_argument("--kinds", default=",".join(GREEDY_PAGES), help="names, separated by commas")
    parser.add_argument("--clients", type=int, default=4, help="clients that capture the hostile page")
    parser.add_argument("--timeout", type=float, default=20.0, help="TINTYPE_TIMEOUT in seconds")
    parser.add_argument("--root", type=Path, default=ROOT, help="checkout to measure")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    chosen = (arguments.kinds.split(","), arguments.seconds, arguments.clients, arguments.timeout)
    alone, results = measure(arguments.root.resolve(), *chosen)
    if arguments.json:
        print(json.dumps({"alone": alone, "kinds": [asdict(each) for each in results]}, indent=2))
        return
    show(alone, results)


if __name__ == "__main__":
    main()
