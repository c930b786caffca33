"""Benchmark of jobs: their throughput, what they cost a client of /thumb, fairness between keys, and archives.

``python -m bench.jobs [--rounds N] [--pages N] [--only latency,throughput,keys,overhead,archive] [--json]``. Real pages
on loopback, one node with default settings. Compared figures alternate in rounds within one run, because other programs
use this machine too:

========== =========================================================================================================
latency    p50 of one client of /thumb, and of hits, while a job runs, relative to the same without one
throughput captures per second of a job, relative to the same captures asked at /thumb with the same concurrency
keys       pages per second of two API keys with a job each, the smaller relative to the larger
overhead   milliseconds that one page of a job costs besides its capture: pages that are in the cache
archive    growth of the memory of the web workers while they send an archive of 5,000 thumbnails
========== =========================================================================================================
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from bench import pages
from bench.pages import Sites
from bench.tables import print_tables
from harness import processes
from harness.node import Node
from tintype.chromium.process.watchdog import private_memory

KEYS = {"one": "one-0123456789abcdef", "two": "two-0123456789abcdef"}
"""API keys by name."""
JOB_PAGES = 1000
"""Pages of a job that runs while a client measures; it is cancelled afterwards."""
CLIENT_CAPTURES, CLIENT_HITS = 8, 200
"""Requests of each measurement of the latency."""
ARCHIVED = 5_000
_ENDED = ("completed", "partial", "failed", "cancelled")
_POLL = 0.05


class JobBench:
    """A node, and pages that are new to it."""

    def __init__(self, node: Node, sites: Sites) -> None:
        self.node, self.sites = node, sites
        self.slots = (os.cpu_count() or 1) + 1
        self._numbers = itertools.count(1)

    def new_urls(self, count: int) -> list[str]:
        """URLs of all pages in turn, which no cache contains."""
        names = itertools.islice(itertools.cycle(self.sites.names), count)
        return [self.sites.url(name, next(self._numbers)) for name in names]

    def submit(self, urls: Sequence[Any], key: str = "one", **members: Any) -> str:
        """Submit a job; returns its path."""
        response = self._call("POST", "/jobs", key, json={"pages": list(urls), "store": False, **members})
        return str(response.headers["Location"])

    def wait(self, path: str, key: str = "one") -> dict[str, Any]:
        """Wait until a job has ended, and return it."""
        while True:
            job: dict[str, Any] = self._call("GET", path, key).json()
            if job["status"] in _ENDED and not job["progress"].get("running"):
                return job
            time.sleep(_POLL)

    def cancel(self, path: str, key: str = "one") -> None:
        """Cancel a job and wait until its last page has ended."""
        self._call("DELETE", path, key)
        self.wait(path, key)

    def captured(self, path: str, key: str) -> int:
        """Captured pages of a job so far."""
        return int(self._call("GET", path, key).json()["progress"]["captured"])

    def thumb(self, url: str) -> float:
        """Seconds of one request to /thumb."""
        begin = time.perf_counter()
        self._call("GET", "/thumb", "one", params={"url": url})
        return time.perf_counter() - begin

    @contextmanager
    def running_job(self) -> Iterator[None]:
        """A job that captures pages inside the block."""
        path = self.submit(self.new_urls(JOB_PAGES))
        while not self.captured(path, "one"):
            time.sleep(_POLL)
        yield
        self.cancel(path)

    def worker_memory(self) -> int:
        """Private memory of the web processes in bytes."""
        daemon = set(processes.tree(self.node.daemon_pid()))
        return sum(private_memory(pid) for pid in processes.tree(self.node.process.pid) if pid not in daemon)

    def _call(self, method: str, path: str, key: str, **options: Any) -> httpx.Response:
        headers = {"X-API-Key": KEYS[key]}
        response = self.node.client.request(method, path, headers=headers, timeout=120, **options)
        response.raise_for_status()
        return response


def latency(bench: JobBench, rounds: int) -> dict[str, float]:
    """p50 and p95 of a client's captures and p50 of its hits, alone and while a job runs."""
    taken: dict[str, list[float]] = {"alone": [], "beside": [], "hits alone": [], "hits beside": []}
    hit = bench.new_urls(1)[0]
    bench.thumb(hit)
    for _ in range(rounds):
        taken["alone"] += [bench.thumb(url) for url in bench.new_urls(len(bench.sites.names))]
        taken["hits alone"] += [bench.thumb(hit) for _ in range(CLIENT_HITS)]
        with bench.running_job():
            taken["beside"] += [bench.thumb(url) for url in bench.new_urls(len(bench.sites.names))]
            taken["hits beside"] += [bench.thumb(hit) for _ in range(CLIENT_HITS)]
    p50 = {name: statistics.median(values) for name, values in taken.items()}
    p95 = {name: statistics.quantiles(values, n=20)[-1] for name, values in taken.items()}
    return {
        "capture alone, p50 s": p50["alone"],
        "capture beside a job, p50 s": p50["beside"],
        "capture p50 × alone": p50["beside"] / p50["alone"],
        "capture p95 × alone": p95["beside"] / p95["alone"],
        "hit alone, p50 ms": p50["hits alone"] * 1000,
        "hit p50 × alone": p50["hits beside"] / p50["hits alone"],
    }


def throughput(bench: JobBench, rounds: int, count: int) -> dict[str, float]:
    """Captures per second of a job and of as many concurrent clients as there are slots."""
    job, clients = [], []
    for round_ in range(-1, rounds):  # the first round warms up
        urls = bench.new_urls(count)
        begin = time.perf_counter()
        with ThreadPoolExecutor(bench.slots) as pool:
            list(pool.map(bench.thumb, urls))
        synchronous = count / (time.perf_counter() - begin)
        begin = time.perf_counter()
        ended = bench.wait(bench.submit(bench.new_urls(count)))
        assert ended["status"] == "completed", ended
        if round_ >= 0:
            clients.append(synchronous)
            job.append(count / (time.perf_counter() - begin))
    ratios = [one / other for one, other in zip(job, clients, strict=True)]
    return {
        "captures/s of clients": statistics.median(clients),
        "captures/s of a job": statistics.median(job),
        "job / clients": statistics.median(ratios),
    }


def keys(bench: JobBench, count: int) -> dict[str, float]:
    """Pages of two keys, the second of which submits its job later, when the first has a long queue."""
    paths = {name: bench.submit(bench.new_urls(JOB_PAGES), name) for name in KEYS}
    before = {name: bench.captured(path, name) for name, path in paths.items()}
    while sum(bench.captured(path, name) - before[name] for name, path in paths.items()) < count:
        time.sleep(_POLL)
    done = [bench.captured(path, name) - before[name] for name, path in paths.items()]
    for name, path in paths.items():
        bench.cancel(path, name)
    return {"smaller / larger": min(done) / max(done)}


def overhead(bench: JobBench, count: int) -> dict[str, float]:
    """Milliseconds of a page that is in the cache: claim, lease, result; of all slots together."""
    url = bench.new_urls(1)[0]
    bench.thumb(url)
    begin = time.perf_counter()
    assert bench.wait(bench.submit([url] * count))["status"] == "completed"
    return {"ms per page": (time.perf_counter() - begin) / count * 1000}


def archive(bench: JobBench) -> dict[str, float]:
    """Growth of the web processes' memory while the archive of a large job is sent; its pages share one capture."""
    url = bench.new_urls(1)[0]
    variants = [
        {"url": url, "thumb_width": width, "quality": quality}
        for width, quality in itertools.product(range(80, 180), range(40, 90))
    ]
    path = bench.submit(variants[:ARCHIVED], store=True)
    assert bench.wait(path)["status"] == "completed"
    figures: dict[str, float] = {}
    for size in ("first", "second"):  # the first one loads modules and fills pools
        before, peak, received = bench.worker_memory(), 0, 0
        headers = {"X-API-Key": KEYS["one"]}
        with bench.node.client.stream("GET", f"{path}/archive", headers=headers, timeout=600) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes(1 << 20):
                received += len(chunk)
                peak = max(peak, bench.worker_memory())
        figures |= {f"{size}: growth MB": (peak - before) / 1e6, "archive MB": received / 1e6}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, default=44, help="of each job whose throughput is measured")
    parser.add_argument("--only", default="latency,throughput,keys,overhead,archive")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    env = {
        "TINTYPE_API_KEYS": ",".join(f"{name}:{key}" for name, key in KEYS.items()),
        "TINTYPE_WORKERS": "1",
        "TINTYPE_JOB_LIMIT": "1000 per minute",
        "TINTYPE_JOB_HOST_CAPTURES": "64",
        "TINTYPE_JOB_HOST_PAUSE": "0",
    }
    with tempfile.TemporaryDirectory() as scratch, pages.serve(list(pages.PAGES)) as sites:
        env["TINTYPE_ALLOW_ADDRESSES"] = sites.allowed
        with Node(data=Path(scratch) / "data", env=env) as node:
            bench = JobBench(node, sites)
            measurements = {
                "latency": lambda: latency(bench, arguments.rounds),
                "throughput": lambda: throughput(bench, arguments.rounds, arguments.pages),
                "keys": lambda: keys(bench, arguments.pages),
                "overhead": lambda: overhead(bench, 300),
                "archive": lambda: archive(bench),
            }
            results = {name: measurements[name]() for name in arguments.only.split(",")}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    table = Table("measured", "figure", "value")
    for name, figures in results.items():
        for figure, value in figures.items():
            table.add_row(name, figure, f"{value:.2f}")
    print_tables(table)


if __name__ == "__main__":
    main()
