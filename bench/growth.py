"""Benchmark of large caches: hits among a thousand and a million records, and pauses during eviction.

``python -m bench.growth [--records N] [--bytes N] [--seconds N] [--writers N]``. Both caches are queried alternately in
one process: directly, and through the WSGI application as a hit that is not in a worker's memory. Then several
processes write more than the budget into the large cache while another one reads. On a busy machine a process often
waits for a core: ``/proc/self/schedstat`` contains this time, which is subtracted from the pauses; the table shows
the maximum that was subtracted. ``--folder`` selects the folder of the files.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.table import Table

from bench.tables import print_tables
from tintype import backends, logs
from tintype.application import build_application
from tintype.model import Thumbnail, digest_of
from tintype.options import CaptureRequest
from tintype.rpc import codec
from tintype.settings import Settings
from tintype.state.sqlite import SqliteCache
from tintype.web import create_app, response_cache

FEW = KNOWN = 1000
SETTINGS = {"TINTYPE_ENGINE": "snapsharp", "SNAPSHARP_API_KEY": "-", "TINTYPE_THUMB_LIMIT": "1000000000 per minute"}
ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/thumb",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "bench",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "192.0.2.1",
    "wsgi.url_scheme": "http",
}
TTL = 86_400.0
FORK = multiprocessing.get_context("fork")

CHUNK = 10_000


@dataclass
class Spread:
    """Times of one operation in microseconds; ``scheduling`` is the longest wait for a core that was subtracted."""

    count: int
    p50: float
    p99: float
    longest: float
    scheduling: float = 0.0

    @classmethod
    def of(cls, seconds: list[float], waits: list[float] | None = None) -> Spread:
        ranks = statistics.quantiles(seconds, n=100)
        return cls(
            len(seconds), ranks[49] * 1e6, ranks[98] * 1e6, max(seconds) * 1e6, max(waits) * 1e6 if waits else 0.0
        )


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


class Node:
    """A WSGI application with N thumbnails in its cache, called without a server."""

    def __init__(self, folder: Path, count: int, size: int, budget: int) -> None:
        environ = {"TINTYPE_DATA_DIR": str(folder), "TINTYPE_CACHE_SIZE": str(budget), **SETTINGS}
        settings = Settings.load(environ, None)
        self.count = count
        self.path = folder / "cache" / "records.db"
        self.state = backends.open_state(settings)
        self._parts = build_application(settings)
        self._application = create_app(self._parts)
        body = os.urandom(size)
        sample = Thumbnail(
            body=body, mime="image/jpeg", width=320, height=180, taken_at=time.time(), digest=digest_of(body)
        )
        self._fill(codec.pack_thumbnail(sample))
        self.keys = [self._request(number).key for number in range(KNOWN)]
        for number in range(KNOWN):
            self.request_thumbnail(number)

    def _fill(self, value: bytes) -> None:
        """Insert all records in few transactions; requested ones are distributed evenly."""
        step, now = self.count // KNOWN, time.time()
        self.state.records.put("first", b"", 0)  # creates the file
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            for begin in track(range(1, self.count + 1, CHUNK), f"{self.count:,} thumbnails", transient=True):
                numbers = range(begin, min(begin + CHUNK, self.count + 1))
                names = [self._request(n // step - 1).key if n % step == 0 else key(n) for n in numbers]
                entries = [
                    (n, name, key(n // 3), now + TTL, now, len(value)) for n, name in zip(numbers, names, strict=True)
                ]
                database.execute("BEGIN")
                database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", entries)
                database.executemany("INSERT INTO value VALUES (?, ?)", ((n, value) for n in numbers))
                database.execute("COMMIT")

    def request_thumbnail(self, number: int) -> None:
        """Request a thumbnail whose query is in the query cache."""
        environ = {**ENVIRON, "QUERY_STRING": f"url=https%3A%2F%2Fexample.com%2F{number}&format=jpeg"}
        statuses: list[str] = []

        def start_response(status: str, *_: object) -> Callable[[bytes], object]:
            statuses.append(status)
            return lambda _: None

        b"".join(self._application(environ, start_response))
        assert statuses == ["200 OK"], statuses

    def read(self, number: int) -> None:
        assert self.state.records.get(self.keys[number]), "a record is missing"

    def _request(self, number: int) -> CaptureRequest:
        return self._parts.request_parser.parse(
            [("url", f"https://example.com/{number}"), ("format", "jpeg")]
        ).capture_request


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def alternate(nodes: list[Node], act: Callable[[Node, int], None], seconds: float) -> list[Spread]:
    """Run an operation on random thumbnails of each cache alternately."""
    rng, end = random.Random(1), time.monotonic() + seconds
    times: list[list[float]] = [[] for _ in nodes]
    while time.monotonic() < end:
        number = rng.randrange(KNOWN)
        for node, spent in zip(nodes, times, strict=True):
            spent.append(timed(partial(act, node, number)))
    return [Spread.of(spent) for spent in times]


def without_scheduling(act: Callable[[], object], seconds: Event | float) -> Spread:
    """Repeat an operation for a time or until an event; waits for a core are subtracted."""
    fd, times, waits, end = os.open("/proc/self/schedstat", os.O_RDONLY), [], [], time.monotonic()
    while not seconds.is_set() if isinstance(seconds, Event) else time.monotonic() < end + seconds:
        before = int(os.pread(fd, 64, 0).split()[1])
        spent = timed(act)
        waits.append((int(os.pread(fd, 64, 0).split()[1]) - before) / 1e9)
        times.append(max(0.0, spent - waits[-1]))
    return Spread.of(times, waits)


def read_until(path: Path, budget: int, keys: list[str], stop: Event, results: multiprocessing.Queue[Spread]) -> None:
    cache, rng = SqliteCache(path, budget), random.Random(2)
    results.put(without_scheduling(lambda: cache.get(rng.choice(keys)), stop))


def write_for(path: Path, budget: int, size: int, seconds: float, results: multiprocessing.Queue[Spread]) -> None:
    cache, body, numbers = SqliteCache(path, budget), os.urandom(size), itertools.count()
    pid = os.getpid()

    def write() -> None:
        name = key(next(numbers) + pid * 1_000_000_000)
        cache.put(name, body, TTL, tags=(name,))

    results.put(without_scheduling(write, seconds))


def evict(
    path: Path, budget: int, keys: list[str], size: int, seconds: float, writers: int
) -> tuple[list[Spread], Spread, int]:
    """Write beyond the budget while another process reads: times of each writer, of reads, and bytes kept."""
    stop, reads, writes = FORK.Event(), FORK.Queue(), FORK.Queue()
    reader = FORK.Process(target=read_until, args=(path, budget, keys, stop, reads))
    writer_processes = [
        FORK.Process(target=write_for, args=(path, budget, size, seconds, writes)) for _ in range(writers)
    ]
    for process in (reader, *writer_processes):
        process.start()
    written = [writes.get(timeout=seconds + 60) for _ in writer_processes]
    stop.set()
    read = reads.get(timeout=60)
    for process in (reader, *writer_processes):
        process.join()
    return written, read, SqliteCache(path, budget).size()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=1000, help="size of a record")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logs.configure("warning", "json")
    response_cache.LIFETIME = 0.0  # otherwise the response cache of the worker would serve them
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        budget = arguments.records * (arguments.bytes + 300)
        small, large = (Node(Path(folder) / str(n), n, arguments.bytes, budget) for n in (FEW, arguments.records))
        reads = alternate([small, large], Node.read, arguments.seconds)
        hits = alternate([small, large], Node.request_thumbnail, arguments.seconds)
        full = large.state.records.size()
        writes, reader_times, kept = evict(
            large.path, full, large.keys, arguments.bytes, arguments.seconds, arguments.writers
        )
        on_disk = sum(file.stat().st_size for file in large.path.parent.glob(f"{large.path.name}*"))
    names = [f"{act}, {n:,} records" for act in ("read", "hit") for n in (FEW, arguments.records)]
    spreads = dict(zip(names, [*reads, *hits], strict=True))
    spreads |= {f"writer {number}, over the budget": spread for number, spread in enumerate(writes, 1)}
    spreads["reader meanwhile"] = reader_times
    ratios = {
        "read": reads[1].p50 / reads[0].p50,
        "hit": hits[1].p50 / hits[0].p50,
        "kept": kept / full,
        "on disk": on_disk / full,
    }
    report(spreads, ratios, as_json=arguments.json)


def report(spreads: dict[str, Spread], ratios: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**{name: asdict(spread) for name, spread in spreads.items()}, **ratios}))
        return
    table = Table("what", "count", "p50 µs", "p99 µs", "longest ms", "longest wait for a core, ms")
    for what, spread in spreads.items():
        figures = f"{spread.p50:.1f}", f"{spread.p99:.1f}", f"{spread.longest / 1000:.1f}"
        table.add_row(what, f"{spread.count:,}", *figures, f"{spread.scheduling / 1000:.1f}")
    summary = (
        f"p50 of a hit: {ratios['hit']:.2f} × (A10: ≤ 1.2), of a read {ratios['read']:.2f} ×; "
        f"kept {ratios['kept']:.3f} of the budget, {ratios['on disk']:.2f} on disk"
    )
    print_tables(table, summary)


if __name__ == "__main__":
    main()
