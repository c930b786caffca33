"""Benchmark of the state backends: cache reads and writes, locks and rate limits, in one and several processes.

``python -m bench.state [--seconds N] [--processes N]``. Figures are comparable within one run, not with those of
another machine.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limits.storage import MemoryStorage
from rich.table import Table

from bench.tables import print_tables
from harness.servers import RedisServer
from tintype.state.file_locks import FileLocks
from tintype.state.rate_limit_storage import SharedMemoryRateLimitStorage
from tintype.state.redis import RedisCache, RedisLocks, RedisRateLimitStorage
from tintype.state.sqlite import SqliteCache

KEYS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000)]
CLIENTS = [f"LIMITER/10.0.{number // 256}.{number % 256}/thumb/30/1/minute" for number in range(1000)]
BUDGET = 1 << 30

Opener = Callable[[], Any]


def rate(operation: Callable[[str], object], names: list[str], seconds: float) -> float:
    """Operations per second on names in random order."""
    sequence = random.Random(os.getpid()).choices(names, k=4096)
    done, begin = 0, time.perf_counter()
    while (taken := time.perf_counter() - begin) < seconds:
        for name in sequence[:64]:
            operation(name)
        sequence.append(sequence.pop(0))
        done += 64
    return done / taken


def fill(open_cache: Opener, size: int) -> None:
    cache, body = open_cache(), os.urandom(size)
    for key in KEYS:
        cache.put(key, body, 3600, tags=("page",))


def read(open_cache: Opener, seconds: float) -> float:
    return rate(open_cache().get, KEYS, seconds)


def write(open_cache: Opener, size: int, seconds: float) -> float:
    cache, body = open_cache(), os.urandom(size)
    return rate(lambda key: cache.put(key, body, 3600, tags=("page",)), KEYS, seconds)


class UnsharedCounters(MemoryStorage):
    """The in-memory storage of the ``limits`` library."""

    def count(self, key: str, limit: int, period: int) -> bool:
        """Count one request if the limit allows it."""
        return bool(self.acquire_sliding_window_entry(key, limit, period))


def count(open_counters: Opener, seconds: float) -> float:
    counters = open_counters()
    return rate(lambda client: counters.count(client, 30, 60), CLIENTS, seconds)


def lock(open_locks: Opener, seconds: float) -> float:
    locks = open_locks()

    def acquire(name: str) -> None:
        with locks.hold(name, 10):
            pass

    return rate(acquire, KEYS, seconds)


def run_concurrently(work: Callable[..., float], *arguments: Any, processes: int) -> float:
    """Sum of the operations per second of concurrent new processes."""
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        return sum(run.result() for run in [pool.submit(work, *arguments) for _ in range(processes)])


@contextmanager
def backends() -> Iterator[tuple[dict[str, Opener], dict[str, Opener], dict[str, Opener]]]:
    """Caches, locks and rate limit storages by name."""
    with tempfile.TemporaryDirectory() as scratch, RedisServer() as server:
        folder = Path(scratch)
        caches: dict[str, Opener] = {
            "sqlite": functools.partial(SqliteCache, folder / "bench.db", BUDGET),
            "redis tcp": functools.partial(RedisCache, server.url, "bench", BUDGET),
            "redis socket": functools.partial(RedisCache, server.unix_url, "bench", BUDGET),
        }
        locks: dict[str, Opener] = {
            "files": functools.partial(FileLocks, folder / "locks"),
            "redis socket": functools.partial(RedisLocks, server.unix_url),
        }
        counters: dict[str, Opener] = {
            "memory, not shared": UnsharedCounters,
            "shared memory": functools.partial(SharedMemoryRateLimitStorage, folder / "limits"),
            "redis socket": functools.partial(RedisRateLimitStorage, server.unix_url),
        }
        yield caches, locks, counters


def measure(seconds: float, processes: int) -> Iterator[tuple[str, str, float, float]]:
    """Print operations per second by backend, in one process and in several."""
    with backends() as (caches, locks, counters):
        for size in (10, 60):
            for name, opener in caches.items():
                fill(opener, size << 10)
                for what, work in (
                    (f"cache read {size} KB", functools.partial(read, opener, seconds)),
                    (f"cache write {size} KB", functools.partial(write, opener, size << 10, seconds)),
                ):
                    yield what, name, run_concurrently(work, processes=1), run_concurrently(work, processes=processes)
                opener().clear()
        for what, work_of, openers in (("lock", lock, locks), ("rate limit", count, counters)):
            for name, opener in openers.items():
                work = functools.partial(work_of, opener, seconds)
                yield what, name, run_concurrently(work, processes=1), run_concurrently(work, processes=processes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2)
    arguments = parser.parse_args()
    table = Table("operation", "backend", "per second", "µs each", f"per second, {arguments.processes} processes")
    for what, name, one, several in measure(arguments.seconds, arguments.processes):
        table.add_row(what, name, f"{one:,.0f}", f"{1e6 / one:.1f}", f"{several:,.0f}")
    print_tables(table)


if __name__ == "__main__":
    main()
