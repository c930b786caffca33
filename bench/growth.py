"""Benchmark of large caches: hits among a thousand and a million records, and pauses during eviction.

``python -m bench.growth [--records N] [--bytes N] [--seconds N] [--writers N]``. Both caches are queried alternately in
one process: directly, and through the WSGI application as a hit that is not in a worker's memory. Then several
processes write more than the budget into the large cache while another one reads. On a busy machine a process often
waits for a core: ``/proc/self/schedstat`` tells how long, and this time is subtracted from the pauses; the table shows
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

from rich.console import Console
from rich.progress import track
from rich.table import Table

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
LIFE = 86_400.0
RESULTS = multiprocessing.get_context("fork")


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
            self.ask(number)

    def _fill(self, value: bytes) -> None:
        """Insert in few transactions what a million puts would; requested records are spread among the others."""
        every, now = self.count // KNOWN, time.time()
        self.state.records.put("first", b"", 0)  # creates the file
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            for begin in track(range(1, self.count + 1, CHUNK), f"{self.count:,} pictures", transient=True):
                numbers = range(begin, min(begin + CHUNK, self.count + 1))
                names = [self._request(n // every - 1).key if n % every == 0 else key(n) for n in numbers]
                entries = [
                    (n, name, key(n // 3), now + LIFE, now, len(value)) for n, name in zip(numbers, names, strict=True)
                ]
                database.execute("BEGIN")
                database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", entries)
                database.executemany("INSERT INTO value VALUES (?, ?)", ((n, value) for n in numbers))
                database.execute("COMMIT")

    def ask(self, number: int) -> None:
        """Request a thumbnail whose query is in the query cache."""
        environ = {**ENVIRON, "QUERY_STRING": f"url=https%3A%2F%2Fexample.com%2F{number}&format=jpeg"}
        seen: list[str] = []

        def start_response(status: str, *_: object) -> Callable[[bytes], object]:
            seen.append(status)
            return lambda _: None

        b"".join(self._application(environ, start_response))
        assert seen == ["200 OK"], seen

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


def in_turn(nodes: list[Node], act: Callable[[Node, int], None], seconds: float) -> list[Spread]:
    """Run an operation on random thumbnails of each cache alternately."""
    chance, end = random.Random(1), time.monotonic() + seconds
    times: list[list[float]] = [[] for _ in nodes]
    while time.monotonic() < end:
        number = chance.randrange(KNOWN)
        for node, spent in zip(nodes, times, strict=True):
            spent.append(timed(partial(act, node, number)))
    return [Spread.of(spent) for spent in times]


def without_scheduling(act: Callable[[], object], seconds: Event | float) -> Spread:
    """Repeat an operation for a time or until an event; time without a core is subtracted."""
    fd, times, waits, end = os.open("/proc/self/schedstat", os.O_RDONLY), [], [], time.monotonic()
    while not seconds.is_set() if isinstance(seconds, Event) else time.monotonic() < end + seconds:
        before = int(os.pread(fd, 64, 0).split()[1])
        spent = timed(act)
        waits.append((int(os.pread(fd, 64, 0).split()[1]) - before) / 1e9)
        times.append(max(0.0, spent - waits[-1]))
    return Spread.of(times, waits)


def keep_reading(path: Path, budget: int, keys: list[str], over: Event, tell: multiprocessing.Queue[Spread]) -> None:
    cache, chance = SqliteCache(path, budget), random.Random(2)
    tell.put(without_scheduling(lambda: cache.get(chance.choice(keys)), over))


def keep_writing(path: Path, budget: int, size: int, seconds: float, tell: multiprocessing.Queue[Spread]) -> None:
    cache, body, numbers = SqliteCache(path, budget), os.urandom(size), itertools.count()
    pid = os.getpid()

    def write() -> None:
        name = key(next(numbers) + pid * 1_000_000_000)
        cache.put(name, body, LIFE, tag=name)

    tell.put(without_scheduling(write, seconds))


def evict(
    path: Path, budget: int, keys: list[str], size: int, seconds: float, writers: int
) -> tuple[list[Spread], Spread, int]:
    """Write beyond the budget while another process reads: times of each writer, of reads, and bytes kept."""
    over, reads, writes = RESULTS.Event(), RESULTS.Queue(), RESULTS.Queue()
    reader = RESULTS.Process(target=keep_reading, args=(path, budget, keys, over, reads))
    crowd = [RESULTS.Process(target=keep_writing, args=(path, budget, size, seconds, writes)) for _ in range(writers)]
    for process in (reader, *crowd):
        process.start()
    written = [writes.get(timeout=seconds + 60) for _ in crowd]
    over.set()
    read = reads.get(timeout=60)
    for process in (reader, *crowd):
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
    asked = parser.parse_args()
    logs.configure("warning", "json")
    response_cache.LIFETIME = 0.0  # otherwise the response cache of the worker would answer
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        budget = asked.records * (asked.bytes + 300)
        few, many = (Node(Path(folder) / str(n), n, asked.bytes, budget) for n in (FEW, asked.records))
        reads = in_turn([few, many], Node.read, asked.seconds)
        hits = in_turn([few, many], Node.ask, asked.seconds)
        full = many.state.records.size()
        writes, beside, kept = evict(many.path, full, many.keys, asked.bytes, asked.seconds, asked.writers)
        on_disk = sum(file.stat().st_size for file in many.path.parent.glob(f"{many.path.name}*"))
    names = [f"{act}, {n:,} records" for act in ("read", "hit") for n in (FEW, asked.records)]
    spreads = dict(zip(names, [*reads, *hits], strict=True))
    spreads |= {f"writer {number}, over the budget": spread for number, spread in enumerate(writes, 1)}
    spreads["reader meanwhile"] = beside
    ratios = {
        "read": reads[1].p50 / reads[0].p50,
        "hit": hits[1].p50 / hits[0].p50,
        "kept": kept / full,
        "on disk": on_disk / full,
    }
    report(spreads, ratios, as_json=asked.json)


def report(spreads: dict[str, Spread], ratios: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**{name: asdict(spread) for name, spread in spreads.items()}, **ratios}))
        return
    table = Table("what", "count", "p50 µs", "p99 µs", "longest ms", "no core, longest ms")
    for what, spread in spreads.items():
        figures = f"{spread.p50:.1f}", f"{spread.p99:.1f}", f"{spread.longest / 1000:.1f}"
        table.add_row(what, f"{spread.count:,}", *figures, f"{spread.scheduling / 1000:.1f}")
    words = (
        f"p50 of a hit: {ratios['hit']:.2f} × (A10: ≤ 1.2), of a read {ratios['read']:.2f} ×; "
        f"kept {ratios['kept']:.3f} of the budget, {ratios['on disk']:.2f} on disk"
    )
    Console().print(table, words)


if __name__ == "__main__":
    main()
