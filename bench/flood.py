"""Benchmark of cache hits during a flood of misses: latency of hits, idle and flooded, and of rejections.

``python -m bench.flood [--rounds N] [--seconds N] [--callers N]``. Each client requests one new page after another,
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

from rich.console import Console
from rich.table import Table

from bench.service import Plain, Site
from harness.node import Node

SLOW = 3.0
PAUSE = 0.005
Answers = list[tuple[int, float]]
"""Status and milliseconds of each response."""


class SlowSite(Site):
    """A slow page server; only the known page is served immediately."""

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


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, float]:
    begin = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status, (time.perf_counter() - begin) * 1000


def probe(port: int, path: str, seconds: float) -> Answers:
    """One client that requests cached thumbnails."""
    connection, until, seen = http.client.HTTPConnection("127.0.0.1", port, timeout=60), time.monotonic() + seconds, []
    while time.monotonic() < until:
        seen.append(ask(connection, path))
        time.sleep(PAUSE)
    return seen


def flood(port: int, base: str, first: int, callers: int, seconds: float) -> tuple[Answers, Answers]:
    """Clients that request new pages: first responses (all concurrent), then later ones."""
    numbers, until = itertools.count(first), time.monotonic() + seconds
    together = threading.Barrier(callers)

    def call(_: int) -> Answers:
        connection, seen = http.client.HTTPConnection("127.0.0.1", port, timeout=120), []
        together.wait()
        while time.monotonic() < until:
            seen.append(ask(connection, path_of(f"{base}{next(numbers)}")))
            time.sleep(random.uniform(1, 2) if seen[-1][0] != http.client.OK else 0)
        return seen

    with ThreadPoolExecutor(callers) as crowd:
        heard = list(crowd.map(call, range(callers)))
    return [seen[0] for seen in heard], [answer for seen in heard for answer in seen[1:]]


def measure(rounds: int, seconds: float, callers: int) -> dict[str, Answers]:
    site = SlowSite()
    found: dict[str, Answers] = {"idle": [], "flooded": [], "burst": [], "flood": []}
    env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.server_port}", "TINTYPE_FAILURE_TTL": "0"}
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as scratch,
        Node(data=Path(scratch) / "flood", env=env) as node,
        ProcessPoolExecutor(2, mp_context=spawn) as crowd,
    ):
        hit, base = path_of(site.url(0)), site.url(0)[:-1]
        for _ in range(20):
            node.client.get(hit).raise_for_status()
        for round_ in range(rounds):
            found["idle"] += crowd.submit(probe, node.port, hit, seconds).result()
            wave = crowd.submit(flood, node.port, base, (round_ + 1) * 10**6, callers, seconds + 2)
            time.sleep(2)
            found["flooded"] += crowd.submit(probe, node.port, hit, seconds).result()
            burst, later = wave.result()
            found["burst"] += burst
            found["flood"] += later
    return found


def figures(found: dict[str, Answers]) -> dict[str, dict[str, float]]:
    asked = found["burst"] + found["flood"]
    groups = {
        "hits, idle": found["idle"],
        "hits, flooded": found["flooded"],
        "refusals, all at once": _with(http.client.SERVICE_UNAVAILABLE, found["burst"]),
        "refusals, later": _with(http.client.SERVICE_UNAVAILABLE, found["flood"]),
        "pictures": _with(http.client.OK, asked),
    }
    rows = {}
    for name, answers in groups.items():
        times = [ms for _, ms in answers] or [float("nan")]
        cuts = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
        wrong = sum(status not in {200, 503} for status, _ in answers)
        rows[name] = {"answers": len(answers), "p50 ms": cuts[49], "p99 ms": cuts[98], "wrong": wrong}
    rows["other answers"] = {"answers": sum(status not in {200, 503} for status, _ in asked)}
    return rows


def _with(status: int, answers: Answers) -> Answers:
    return [answer for answer in answers if answer[0] == status]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = figures(measure(asked.rounds, asked.seconds, asked.callers))
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("", "answers", "p50 ms", "p99 ms", title=f"{asked.callers} callers, {asked.rounds} rounds")
    for name, row in rows.items():
        table.add_row(name, *(f"{row[cell]:.1f}" if cell in row else "" for cell in ("answers", "p50 ms", "p99 ms")))
    Console().print(table)
    ratio = rows["hits, flooded"]["p99 ms"] / rows["hits, idle"]["p99 ms"]
    Console().print(f"p99 of hits, flooded / idle: {ratio:.1f} (A9: at most 3); refusals under 50 ms wanted")


if __name__ == "__main__":
    main()
