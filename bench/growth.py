"""What a large cache costs: hits among a thousand and among a million records, and pauses while the budget is kept.

``python -m bench.growth [--records N] [--bytes N] [--seconds N]``. Both caches are asked in turn in one process: by
themselves, and through the WSGI application as a hit that no worker remembers, without a server's share. Then the large
one is given more than its budget, by one process, while another reads. ``--folder`` says where the files go.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tintype import backends, logs, wire
from tintype.assembly import assemble
from tintype.model import Thumbnail, digest_of
from tintype.options import CaptureRequest
from tintype.service.memory import Memory
from tintype.settings import Settings
from tintype.state.sqlite import SqliteCache
from tintype.web import create_app, page

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


@dataclass
class Spread:
    """Times of one kind of act, in microseconds."""

    count: int
    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: list[float]) -> Spread:
        ranks = statistics.quantiles(seconds, n=100)
        return cls(len(seconds), ranks[49] * 1e6, ranks[98] * 1e6, max(seconds) * 1e6)


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


class Node:
    """A service with so many pictures in its cache, asked without a server."""

    def __init__(self, folder: Path, count: int, size: int, budget: int) -> None:
        environ = {"TINTYPE_DATA_DIR": str(folder), "TINTYPE_CACHE_SIZE": str(budget), **SETTINGS}
        settings = Settings.load(environ, None)
        self.count = count
        self.path = folder / "cache" / "records.db"
        self.state = backends.open_state(settings)
        self._parts = assemble(settings)
        self._application = create_app(self._parts)
        memory, body = Memory(self.state.records, self.state.masters, 60), os.urandom(size)
        sample = Thumbnail(
            body=body, mime="image/jpeg", width=320, height=180, taken_at=time.time(), digest=digest_of(body)
        )
        for number in track(range(count), f"{count:,} pictures of {size:,} bytes", transient=True):
            if number < KNOWN:
                memory.keep_thumbnail(self._request(number), sample, LIFE)
            else:
                self.state.records.put(key(number), wire.pack_thumbnail(sample), LIFE, tag=key(number // 3))
        self.keys = [self._request(number).key for number in range(KNOWN)]
        for number in range(KNOWN):
            self.ask(number)

    def ask(self, number: int) -> None:
        """One of the pictures whose questions the worker knows."""
        environ = {**ENVIRON, "QUERY_STRING": f"url=https%3A%2F%2Fexample.com%2F{number}&format=jpeg"}
        seen: list[str] = []
        b"".join(self._application(environ, lambda status, _, __=None: seen.append(status)))  # type: ignore[arg-type, return-value]
        assert seen == ["200 OK"], seen

    def read(self, number: int) -> None:
        assert self.state.records.get(self.keys[number]), "a record is missing"

    def _request(self, number: int) -> CaptureRequest:
        return self._parts.reader.read([("url", f"https://example.com/{number}"), ("format", "jpeg")]).request


def timed(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def in_turn(nodes: list[Node], act: Callable[[Node, int], None], seconds: float) -> list[Spread]:
    """An act on random pictures of each node alternately."""
    chance, end = random.Random(1), time.monotonic() + seconds
    times: list[list[float]] = [[] for _ in nodes]
    while time.monotonic() < end:
        number = chance.randrange(KNOWN)
        for node, spent in zip(nodes, times, strict=True):
            spent.append(timed(partial(act, node, number)))
    return [Spread.of(spent) for spent in times]


def keep_reading(path: Path, budget: int, keys: list[str], over: Event, tell: multiprocessing.Queue[Spread]) -> None:
    cache, chance, times = SqliteCache(path, budget), random.Random(2), []
    while not over.is_set():
        name = chance.choice(keys)
        times.append(timed(partial(cache.get, name)))
    tell.put(Spread.of(times))


def evict(path: Path, budget: int, keys: list[str], size: int, seconds: float) -> tuple[Spread, Spread, int]:
    """Write on over the budget while another process reads: times of writes, times of reads, bytes kept."""
    cache, body, number = SqliteCache(path, budget), os.urandom(size), 0
    over, tell = RESULTS.Event(), RESULTS.Queue()
    reader = RESULTS.Process(target=keep_reading, args=(path, budget, keys, over, tell))
    reader.start()
    end, writes = time.monotonic() + seconds, []
    while time.monotonic() < end:
        name, number = f"new-{number}", number + 1
        writes.append(timed(partial(cache.put, name, body, LIFE, tag=name)))
    over.set()
    reads = tell.get(timeout=60)
    reader.join()
    return Spread.of(writes), reads, cache.size()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=1000, help="size of a record")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    logs.configure("warning", "json")
    page.LIFETIME = 0.0  # or the worker would answer from its own memory
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        budget = asked.records * (asked.bytes + 300)
        few, many = (Node(Path(folder) / str(n), n, asked.bytes, budget) for n in (FEW, asked.records))
        reads = in_turn([few, many], Node.read, asked.seconds)
        hits = in_turn([few, many], Node.ask, asked.seconds)
        kept = many.state.records.size()
        writes, beside, after = evict(many.path, kept, many.keys, asked.bytes, asked.seconds)
    names = [f"{act}, {n:,} records" for act in ("read", "hit") for n in (FEW, asked.records)]
    spreads = dict(
        zip([*names, "write over the budget", "read meanwhile"], [*reads, *hits, writes, beside], strict=True)
    )
    report(spreads, {"hit": hits[1].p50 / hits[0].p50, "kept": after / kept}, as_json=asked.json)


def report(spreads: dict[str, Spread], ratios: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**{name: asdict(spread) for name, spread in spreads.items()}, **ratios}))
        return
    table = Table("what", "count", "p50 µs", "p99 µs", "longest ms")
    for name, spread in spreads.items():
        figures = f"{spread.p50:.1f}", f"{spread.p99:.1f}", f"{spread.longest / 1000:.1f}"
        table.add_row(name, f"{spread.count:,}", *figures)
    Console().print(table, f"p50 of a hit: {ratios['hit']:.2f} × (A10: ≤ 1.2); kept {ratios['kept']:.3f} of the budget")


if __name__ == "__main__":
    main()
