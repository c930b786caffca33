"""Benchmark of ``tintype serve``: time from process start to the first thumbnail, and from SIGTERM to the last exit.

``python -m bench.start [--runs N] [--json]``. A client retries from the first moment until the port accepts
connections, as the proxy of an autostopped machine does. Milestones come from the log of the service.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from datetime import datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from bench import process_tree
from bench.service import Plain
from harness import processes
from harness.node import Node
from harness.waiting import eventually

TARGET = 1.5
"""Limit in seconds to the first thumbnail on an idle machine with two cores."""
_MILESTONES = {"browser_started": "browser", "daemon_ready": "guard tested", "server_listening": "listening"}


class Waiting(Node):
    """A node that starts without waiting for /health."""

    def _healthy(self) -> bool:
        return True


def once(folder: Path, allowed: str, url: str) -> dict[str, float]:
    """One start and stop; seconds since the start of the process, or since the signal."""
    env = {"TINTYPE_ALLOW_ADDRESSES": allowed, "TINTYPE_DAEMON_IDLE_TIMEOUT": "10s"}
    begin = time.time()
    with Waiting(data=folder, env=env) as node:
        first_picture(node, url)
        took = {"first picture": time.time() - begin, "cpu": process_tree.cpu(node.process.pid)}
        took |= {name: at - begin for name, at in milestones(node.output())}
        family = processes.mentioning(str(folder))
        begin = time.time()
        node.process.terminate()
        node.process.wait(30)
        took["service ended"] = time.time() - begin
        if not eventually(lambda: processes.gone(family), within=30):
            raise RuntimeError("the service left processes behind")
        took["all ended"] = time.time() - begin
    return took


def first_picture(node: Node, url: str) -> None:
    """Send requests until one succeeds."""
    while True:
        try:
            node.thumb(url).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.01)
        else:
            return


def milestones(log: str) -> list[tuple[str, float]]:
    """Log events of the service, with their times."""
    said = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    told = [(entry["event"], datetime.fromisoformat(entry["timestamp"]).timestamp()) for entry in said]
    return [(_MILESTONES[event], at) for event, at in told if event in _MILESTONES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    site = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{site.server_port}"
    with tempfile.TemporaryDirectory() as scratch:
        runs = [once(Path(scratch) / str(n), address, f"http://{address}/") for n in range(asked.runs + 1)][1:]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    best = {name: min(run[name] for run in runs) for name in runs[0]}
    if asked.json:
        print(json.dumps({"median": figures, "best": best, "target": TARGET}, indent=2))
        return
    table = Table("seconds", "median", "best", "all runs")
    for name, value in figures.items():
        table.add_row(name, f"{value:.2f}", f"{best[name]:.2f}", " ".join(f"{run[name]:.2f}" for run in runs))
    Console().print(table)
    Console().print(f"first picture / target of {TARGET} s: {figures['first picture'] / TARGET:.2f}")


if __name__ == "__main__":
    main()
