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
from rich.table import Table

from bench import process_tree
from bench.service import Plain
from bench.tables import print_tables
from harness import processes
from harness.node import Node
from harness.waiting import eventually

TARGET = 1.5
"""Limit in seconds to the first thumbnail on an idle machine with two cores."""
_MILESTONES = {"browser_started": "browser", "daemon_ready": "self-test passed", "server_listening": "listening"}


class StartingNode(Node):
    """A node that starts without waiting for /health."""

    def _healthy(self) -> bool:
        return True


def measure(folder: Path, allowed: str, url: str) -> dict[str, float]:
    """One start and stop; seconds since the start of the process, or since the signal."""
    env = {"TINTYPE_ALLOW_ADDRESSES": allowed, "TINTYPE_DAEMON_IDLE_TIMEOUT": "10s"}
    begin = time.time()
    with StartingNode(data=folder, env=env) as node:
        wait_for_thumbnail(node, url)
        seconds = {"first thumbnail": time.time() - begin, "cpu": process_tree.cpu(node.process.pid)}
        seconds |= {name: at - begin for name, at in milestones(node.output())}
        pids = processes.find_by_text(str(folder))
        begin = time.time()
        node.process.terminate()
        node.process.wait(30)
        seconds["server ended"] = time.time() - begin
        if not eventually(lambda: processes.have_ended(pids), within=30):
            raise RuntimeError("processes of the service still run")
        seconds["all ended"] = time.time() - begin
    return seconds


def wait_for_thumbnail(node: Node, url: str) -> None:
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
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    events = [(entry["event"], datetime.fromisoformat(entry["timestamp"]).timestamp()) for entry in entries]
    return [(_MILESTONES[event], at) for event, at in events if event in _MILESTONES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    site = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{site.server_port}"
    with tempfile.TemporaryDirectory() as scratch:
        runs = [measure(Path(scratch) / str(n), address, f"http://{address}/") for n in range(arguments.runs + 1)][1:]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    best = {name: min(run[name] for run in runs) for name in runs[0]}
    if arguments.json:
        print(json.dumps({"median": figures, "best": best, "target": TARGET}, indent=2))
        return
    table = Table("seconds", "median", "best", "all runs")
    for name, value in figures.items():
        table.add_row(name, f"{value:.2f}", f"{best[name]:.2f}", " ".join(f"{run[name]:.2f}" for run in runs))
    print_tables(table)
    print_tables(f"first thumbnail / target of {TARGET} s: {figures['first thumbnail'] / TARGET:.2f}")


if __name__ == "__main__":
    main()
