"""Benchmark of the whole service: hits per second, captures per second, time to the first thumbnail.

``python -m bench.service [--seconds N] [--pages DIR]``. Loopback only, with a time limit; figures are comparable within
one run, not with those of another machine.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import http.server
import json
import statistics
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from rich.table import Table

from bench.tables import print_tables
from harness.node import GUNICORN, SERVE, Node

PAGE = b"<!doctype html><title>Plain</title><style>body{font:40px sans-serif;background:#fed}</style><h1>Hello</h1>"


class Site(http.server.ThreadingHTTPServer):
    """Serves the pages to capture: a folder, or one simple page."""

    daemon_threads = True

    def __init__(self, folder: Path | None) -> None:
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder)) if folder else Plain
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, number: int) -> str:
        """URL of a page that no cache contains."""
        return f"http://127.0.0.1:{self.server_port}/?n={number}"


class Plain(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


def send_requests(port: int, path: str, seconds: float) -> list[float]:
    """Latencies in milliseconds of one client that sends requests sequentially."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    latencies, until = [], time.perf_counter() + seconds
    while (begin := time.perf_counter()) < until:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"{path}: unexpected status {response.status}")
        latencies.append((time.perf_counter() - begin) * 1000)
    return latencies


def hits(node: Node, site: Site, seconds: float, clients: int = 4) -> dict[str, float]:
    path = f"/thumb?thumb_width=320&format=jpeg&url={quote(site.url(0), safe='')}"
    node.client.get(path)
    with ProcessPoolExecutor(clients) as pool:
        runs = [pool.submit(send_requests, node.port, path, seconds) for _ in range(clients)]
        latencies = [ms for run in runs for ms in run.result()]
    return figures(latencies, seconds)


def captures(node: Node, site: Site, seconds: float, clients: int) -> dict[str, float]:
    until, numbers = time.perf_counter() + seconds, iter(range(clients * 1000, 10**9))

    def client(_: int) -> list[float]:
        latencies = []
        while (begin := time.perf_counter()) < until:
            response = node.thumb(site.url(next(numbers)))
            response.raise_for_status()
            latencies.append((time.perf_counter() - begin) * 1000)
        return latencies

    with ThreadPoolExecutor(clients) as pool:
        latencies = [ms for run in pool.map(client, range(clients)) for ms in run]
    return figures(latencies, seconds)


def figures(latencies: list[float], seconds: float) -> dict[str, float]:
    cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else latencies * 99
    return {"per second": len(latencies) / seconds, "p50 ms": cuts[49], "p99 ms": cuts[98]}


def measure(seconds: float, folder: Path | None) -> dict[str, dict[str, float]]:
    site, results = Site(folder), {}
    env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.server_port}", "TINTYPE_WORKERS": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        for name, command in (("granian", SERVE), ("gunicorn sync x4", GUNICORN)):
            begin = time.perf_counter()
            with Node(data=Path(scratch) / name.split()[0], env=env, command=command) as node:
                node.thumb(site.url(0)).raise_for_status()
                first = (time.perf_counter() - begin) * 1000
                results[f"{name}: start to first thumbnail"] = {"p50 ms": first}
                results[f"{name}: hits, 4 clients"] = hits(node, site, seconds)
                if command is SERVE:
                    for clients in (1, 4):
                        results[f"captures, {clients} at a time"] = captures(node, site, seconds, clients)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pages", type=Path, help="folder with index.html, the page to capture")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measure(arguments.seconds, arguments.pages)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    table = Table("measured", "per second", "p50 ms", "p99 ms")
    for what, row in results.items():
        table.add_row(what, *(f"{row[name]:.1f}" if name in row else "" for name in ("per second", "p50 ms", "p99 ms")))
    print_tables(table)


if __name__ == "__main__":
    main()
