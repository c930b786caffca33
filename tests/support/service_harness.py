"""A ThumbnailService with fakes around it, and requests that run concurrently."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.support.concurrency import eventually
from tests.support.fakes import Clock, FakeEngine, FakeLookup, MemoryCache, MemoryStorage, ThreadLocks
from tintype.model import CacheState, Freshness
from tintype.options import CaptureRequest, Options
from tintype.service import ThumbnailService
from tintype.service.policy import BlankRetry

DAY = 86_400.0
FRESHNESS = Freshness(max_age=DAY, stale_for=7 * DAY)
SHORT = Freshness(max_age=60)
FORCED = dataclasses.replace(FRESHNESS, forced=True)

GOOD: dict[str, Any] = {"status": 200, "blank_captures": 0}
UNUSABLE: dict[str, dict[str, Any]] = {
    "missing": {"status": 404},
    "unavailable": {"status": 503},
    "blank": {"blank_captures": 99},
}
"""Fields of the fake engine for captures that do not show the page."""


def capture_request(**options: Any) -> CaptureRequest:
    """The request for https://site.org/ with some options."""
    return Options.model_validate({"url": "https://site.org/", **options}).capture_request()


class CountingCache(MemoryCache):
    """A memory cache that records the keys of reads and writes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.reads: list[str] = []
        self.writes: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.reads.append(key)
        return super().get(key)

    def put(self, key: str, value: bytes, ttl: float, tags: Sequence[str] = (), begun_at: float | None = None) -> None:
        self.writes.append(key)
        super().put(key, value, ttl, tags, begun_at)


@dataclass
class ServiceHarness:
    """A service, and everything it uses at hand."""

    clock: Clock = field(default_factory=Clock)
    wait_timeout: float = 10.0
    blank_retry: BlankRetry = BlankRetry.LOCAL

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.clock)
        self.records, self.masters = CountingCache(self.clock), CountingCache(self.clock)
        self.locks, self.storage, self.target_checker = ThreadLocks(), MemoryStorage(clock=self.clock), FakeLookup()
        self.service = self.new_worker()

    def new_worker(self) -> ThumbnailService:
        """Another process of the same node: it shares caches, locks and storage."""
        return ThumbnailService(
            engine=self.engine,
            records=self.records,
            masters=self.masters,
            locks=self.locks,
            storage=self.storage,
            target_checker=self.target_checker,
            wait_timeout=self.wait_timeout,
            blank_retry=self.blank_retry,
            clock=self.clock,
        )

    def state(self, freshness: Freshness = FRESHNESS, **options: Any) -> CacheState:
        """Request a thumbnail; the cache state of the result."""
        return self.service.get(capture_request(**options), freshness).cache

    def body(self, freshness: Freshness = FRESHNESS, **options: Any) -> bytes:
        """Request a thumbnail; its bytes."""
        return self.service.get(capture_request(**options), freshness).thumbnail.body

    def wait_idle(self) -> None:
        """Wait until all refreshes and background captures have ended."""
        assert self.service.wait_idle(10)

    def count_reads(self, send: Callable[[], object]) -> int:
        """The number of cache reads of a request, without those of the background work it starts."""
        self.records.reads.clear()
        self.masters.reads.clear()
        send()
        return len(self.records.reads) + len(self.masters.reads)


def run_concurrently(harness: ServiceHarness, calls: list[Callable[[], str]]) -> list[str]:
    """The results of calls that all wait for a lock while the first captures the page."""
    harness.engine.released.clear()
    harness.locks.requested.clear()
    with ThreadPoolExecutor(len(calls)) as pool:
        pending = [pool.submit(call) for call in calls]
        assert eventually(lambda: len(harness.locks.requested) >= len(calls))
        harness.engine.released.set()
        return [str(call.result(10)) for call in pending]


def show(harness: ServiceHarness, page: dict[str, Any]) -> None:
    """Let the next captures be good, or as in ``page``."""
    vars(harness.engine).update({**GOOD, **page})


def count_captures(page: dict[str, Any]) -> int:
    """One capture of a good page and one of ``page``, or two if that is blank."""
    return 3 if "blank_captures" in page else 2
