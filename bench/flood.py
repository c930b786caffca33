"""Benchmark of cache hits during a flood of misses: latency of hits, idle and flooded, and of rejections.

``python -m bench.flood [--rounds N] [--seconds N] [--clients N]``. Each client requests one new page after another,
each of which takes its server 3 s; a rejected client waits for one or two seconds. The probe requests a hit 200 times
per second on its own connection. Idle and flooded phases alternate in one service with default settings and Chromium.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from rich.table import Table

from bench.service import Plain, Site
from bench.tables import print_tables
from harness.node import Node

SLOW = 3.0
"""Seconds."""
PAUSE = 0.005
"""Seconds between requests of the probe."""
Responses = list[tuple[int, float]]
"""Status and milliseconds of each response."""


class SlowSite(Site):
    """A slow page server; only page 0 is served immediately."""

    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(None)
        self.RequestHandlerClass = Slow


class Slow(Plain):
    def do_GET(self) -> None:  # noqa: N802 - the name the library calls
        if not self.path.endswith("n=0"):
            time.sleep(SLOW)
        super().do_GET()


def path_of(url: str) -> str:
    return f"/thumb?thumb_width=320&format=jpeg&url={quote(url, safe='')}"


def send(connection: http.client.HTTPConnection, path: str) -> tuple[int, float]:
    begin = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status, (time.perf_counter() - begin) * 1000


def probe(port: int, path: str, seconds: float) -> Responses:
    """One client that requests cached thumbnails."""
    connection, until, responses = (
        http.client.HTTPConnection("127.0.0.1", port, timeout=60),
        time.monotonic() + seconds,
        [],
    )
    while time.monotonic() < until:
        responses.append(send(connection, path))
        time.sleep(PAUSE)
    return responses


def flood(port: int, base: str, first: int, clients: int, seconds: float) -> tuple[Responses, Responses]:
    """Clients that request new pages: first responses (all concurrent), then later ones."""
    numbers, until = itertools.count(first), time.monotonic() + seconds
    barrier = threading.Barrier(clients)

    def send_requests(_: int) -> Responses:
        connection, responses = http.client.HTTPConnection("127.0.0.1", port, timeout=120), []
        barrier.wait()
        while time.monotonic() < until:
            responses.append(send(connection, path_of(f"{base}{next(numbers)}")))
            time.sleep(random.uniform(1, 2) if responses[-1][0] != http.client.OK else 0)
        return responses

    with ThreadPoolExecutor(clients) as pool:
        by_client = list(pool.map(send_requests, range(clients)))
    return [responses[0] for responses in by_client], [
        response for responses in by_client for response in responses[1:]
    ]


def measure(rounds: int, seconds: float, clients: int) -> dict[str, Responses]:
    site = SlowSite()
    results: dict[str, Responses] = {"idle": [], "flooded": [], "burst": [], "flood": []}
    env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.server_port}", "TINTYPE_FAILURE_TTL": "0"}
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as scratch,
        Node(data=Path(scratch) / "flood", env=env) as node,
        ProcessPoolExecutor(2, mp_context=spawn) as pool,
    ):
        hit, base = path_of(site.url(0)), site.url(0)[:-1]
        for _ in range(20):
            node.client.get(hit).raise_for_status()
        for round_ in range(rounds):
            results["idle"] += pool.submit(probe, node.port, hit, seconds).result()
            flooding = pool.submit(flood, node.port, base, (round_ + 1) * 10**6, clients, seconds + 2)
            time.sleep(2)
            results["flooded"] += pool.submit(probe, node.port, hit, seconds).result()
            burst, later = flooding.result()
            results["burst"] += burst
            results["flood"] += later
    return results


def figures(results: dict[str, Responses]) -> dict[str, dict[str, float]]:
    misses = results["burst"] + results["flood"]
    groups = {
        "hits, idle": results["idle"],
        "hits, flooded": results["flooded"],
        "rejections, concurrent": with_status(http.client.SERVICE_UNAVAILABLE, results["burst"]),
        "rejections, later": with_status(http.client.SERVICE_UNAVAILABLE, results["flood"]),
        "thumbnails": with_status(http.client.OK, misses),
    }
    rows = {}
    for name, responses in groups.items():
        times = [ms for _, ms in responses] or [float("nan")]
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        wrong = sum(status not in {200, 503} for status, _ in responses)
        rows[name] = {"responses": len(responses), "p50 ms": cuts[49], "p99 ms": cuts[98], "wrong": wrong}
    rows["other responses"] = {"responses": sum(status not in {200, 503} for status, _ in misses)}
    return rows


def with_status(status: int, responses: Responses) -> Responses:
    return [response for response in responses if response[0] == status]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = figures(measure(arguments.rounds, arguments.seconds, arguments.clients))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("", "responses", "p50 ms", "p99 ms", title=f"{arguments.clients} clients, {arguments.rounds} rounds")
    for name, row in rows.items():
        table.add_row(name, *(f"{row[cell]:.1f}" if cell in row else "" for cell in ("responses", "p50 ms", "p99 ms")))
    print_tables(table)
    ratio = rows["hits, flooded"]["p99 ms"] / rows["hits, idle"]["p99 ms"]
    print_tables(f"p99 of hits, flooded / idle: {ratio:.1f} (A9: at most 3); target for rejections: under 50 ms")


if __name__ == "__main__":
    main()
