"""Cache, locks and rate limit storage in Redis, shared by all machines.

While Redis is down, the cache is empty, locks do not exclude and the rate limit storage raises, each after at most 2 s.

The cache keeps its own LRU index (``lru_index.lua``), because several caches with separate budgets, locks, rate limits
and jobs share one Redis; ``maxmemory-policy allkeys-lru`` would evict from all of them, also jobs.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import redis
import structlog
from limits.errors import StorageError
from redis.exceptions import LockError
from redis.lock import Lock

from tintype.errors import BackendUnavailable
from tintype.state.purges import PURGE_FAILED, TOMBSTONE_SECONDS
from tintype.state.redis_client import PREFIX, client_for
from tintype.state.striped_locks import StripedLocks, acquire

log = structlog.get_logger("tintype.state")

POLL_INTERVAL = 0.05
"""Seconds between two attempts to acquire a lock; one thread per process polls."""
MAX_EVICTION_ROUNDS = 64
"""Further evictions after one put; the next put continues."""
DELETE_BATCH = 500
"""Keys deleted by one script, which blocks Redis while it runs."""
MAX_TOUCHED = 20_000
"""Keys whose last use a process remembers; with more keys, some uses are sent too often."""


class RedisCache:
    """Expiring values within a budget of bytes; evicts the least recently used.

    A use is sent to Redis at most once in ``touch_after`` seconds per value and process.
    """

    def __init__(self, url: str, name: str, budget: int, touch_after: float = 60.0, prefix: str = PREFIX) -> None:
        self._client = client_for(url)
        self._prefix = f"{prefix}:{name}:"
        self._budget = budget
        self._touch_after = touch_after
        self._touched: dict[str, float] = {}
        self._put_script, self._evict_script, self._delete_script, self._purge_script, self._related_script = (
            self._client.script("lru_index", name) for name in ("put", "evict", "delete", "purge", "related")
        )

    def get(self, key: str) -> bytes | None:
        """The value; None if it is missing or expired, or if Redis fails."""
        value: bytes | None = self._client.call_or_default(lambda: self._client.get(f"{self._prefix}v:{key}"), None)
        if value is not None:
            self._touch(key)
        return value

    def put(self, key: str, value: bytes, ttl: float, tags: Sequence[str] = (), begun_at: float | None = None) -> None:
        """Store a value for ``ttl`` seconds, unless it was begun before a purge of one of its tags.

        A value larger than the budget is deleted instead.
        """
        if len(value) > self._budget or ttl <= 0:
            self._client.call_or_default(lambda: self._delete_all([key]), 0)
            return
        begun = "" if begun_at is None else int(begun_at * 1e6)
        args = (key, value, max(1, int(ttl * 1000)), self._budget, begun, *tags)
        self._record_touch(key, time.time())
        held = self._client.call_or_default(lambda: self._put_script(keys=[self._prefix], args=args), 0)
        for _ in range(MAX_EVICTION_ROUNDS):
            if held <= self._budget:
                return
            held = self.size()

    def purge(self, *tags: str) -> int:
        """Delete every value with one of the tags; returns how many there were. Raises BackendUnavailable."""
        tags = tuple(filter(None, tags))
        if not tags:
            return 0
        with self._raising_errors():
            self._remember_purge(*tags)
            names = (f"{self._prefix}t:{tag}" for tag in tags)
            return sum(self._delete_all(self._client.sscan_iter(name, count=DELETE_BATCH)) for name in names)

    def related_tags(self, tag: str) -> set[str]:
        """The tags of all values with a tag. Raises BackendUnavailable."""
        with self._raising_errors():
            lists = self._related_script(keys=[self._prefix], args=[tag])
            return {name for names in lists for name in names.decode().split("\n")}

    def now(self) -> float:
        """Seconds since the epoch by the clock of Redis, which all machines share; while it is down, by this one's."""
        seconds, microseconds = self._client.call_or_default(self._client.time, (time.time(), 0))
        return float(seconds + microseconds / 1e6)

    def clear(self) -> int:
        """Delete all values; returns how many there were. Raises BackendUnavailable."""
        start = f"{self._prefix}v:"
        with self._raising_errors():
            self._remember_purge("")
            names = self._client.scan_iter(match=f"{start}*", count=DELETE_BATCH)
            return self._delete_all(name[len(start.encode()) :] for name in names)

    def size(self) -> int:
        """Bytes of all values."""
        return self._client.call_or_default(lambda: self._evict_script(keys=[self._prefix], args=[self._budget]), 0)

    def entries(self) -> int:
        """Number of values; those that Redis evicted itself count until they would have expired."""
        return self._client.call_or_default(lambda: int(self._client.zcard(f"{self._prefix}used")), 0)

    def _remember_purge(self, *tags: str) -> None:
        """Keep tombstones, so that work that has begun before this moment stores nothing under these tags."""
        self._purge_script(keys=[self._prefix], args=[int(TOMBSTONE_SECONDS * 1000), *tags])

    @contextmanager
    def _raising_errors(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            self._client.report(error)
            raise BackendUnavailable(PURGE_FAILED, retry_after=1) from error

    def is_available(self) -> bool:
        """False from a failure of Redis until a call succeeds."""
        return not self._client.breaker.is_open

    def _delete_all(self, keys: Iterable[str | bytes]) -> int:
        deleted, keys = 0, iter(keys)
        while chunk := list(islice(keys, DELETE_BATCH)):
            deleted += self._delete_script(keys=[self._prefix], args=chunk)
        return deleted

    def _touch(self, key: str) -> None:
        now = time.time()
        if now - self._touched.get(key, 0.0) >= self._touch_after:
            self._record_touch(key, now)
            self._client.call_or_default(
                lambda: self._client.zadd(f"{self._prefix}used", {key: int(now * 1e6)}, xx=True), 0
            )

    def _record_touch(self, key: str, now: float) -> None:
        if len(self._touched) >= MAX_TOUCHED:
            self._touched.clear()
        self._touched[key] = now


class RedisLocks:
    """Mutual exclusion between machines. A lock has a lease of ``lease`` seconds, extended while it is held."""

    def __init__(self, url: str, lease: float = 10.0, prefix: str = PREFIX) -> None:
        self._client = client_for(url)
        self._prefix = f"{prefix}:lock:"
        self._lease = lease
        self._thread_locks = StripedLocks(4096)

    @contextmanager
    def hold(self, name: str, wait: float) -> Iterator[bool]:
        """Hold the lock inside the block, waiting up to ``wait`` seconds; yields whether it is held."""
        until = time.monotonic() + wait
        thread_lock = self._thread_locks.lock(self._thread_locks.index(name))
        if not acquire(thread_lock, wait):
            yield False
            return
        try:
            with self._hold_key(name, max(0.0, until - time.monotonic())) as held:
                yield held
        finally:
            thread_lock.release()

    @contextmanager
    def _hold_key(self, name: str, wait: float) -> Iterator[bool]:
        lock = Lock(self._client, f"{self._prefix}{name}", timeout=self._lease, sleep=POLL_INTERVAL, thread_local=False)
        done = threading.Event()

        def acquire_lease() -> bool:
            return bool(lock.acquire(blocking=wait > 0, blocking_timeout=wait))

        held = self._client.call_or_default(acquire_lease, None)
        if held:
            threading.Thread(
                target=self._extend_lease, args=(lock, name, done), name="tintype-lock", daemon=True
            ).start()
        try:
            # None if Redis fails: the block runs without the lock, because duplicate work is better than an error
            yield held is not False
        finally:
            done.set()
            if held:
                self._client.call_or_default(functools.partial(_release, lock), None)

    def _extend_lease(self, lock: Lock, name: str, done: threading.Event) -> None:
        while not done.wait(self._lease / 3):
            try:
                lock.reacquire()
            except LockError:
                if not done.is_set():
                    log.warning("lock_lost", lock=name, effect="another worker may do the same work")
                return
            except redis.RedisError as error:
                self._client.breaker.report(error)


def _release(lock: Lock) -> None:
    with suppress(LockError):
        lock.release()


class RedisRateLimitStorage:
    """Sliding window counters in Redis, counted in one round trip where the ``limits`` library needs two.

    Keys and values are those of the library's sliding window counter. The braces keep both windows of a key in one
    hash slot.
    """

    def __init__(self, url: str, prefix: str = PREFIX) -> None:
        self._client = client_for(url)
        self._prefix = f"{prefix}:limits:"
        self._script = self._client.script("sliding_window")

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Count one request if the limit allows it. Raises StorageError.

        Returns whether it was counted, then count and remaining seconds of the previous and of the current window.
        """
        counted, previous, previous_life, current, current_life = self.reserve(key, limit, period, 1)
        return bool(counted), previous, previous_life, current, current_life

    def reserve(self, key: str, limit: int, period: int, size: int) -> tuple[int, int, float, int, float]:
        """Count up to ``size`` requests, at most a sixteenth of what the limit leaves or one. Raises StorageError.

        Returns how many were counted, then count and remaining seconds of the previous and of the current window.
        """
        current_key = f"{self._prefix}{{{key}}}"
        try:
            reply = self._evaluate([f"{current_key}/-1", current_key], limit, period, size)
        except redis.RedisError as error:
            raise StorageError(error) from error
        counted, previous, previous_ms, current, current_ms = reply
        return counted, previous, previous_ms / 1000, current, current_ms / 1000

    def _evaluate(self, keys: Sequence[str], *arguments: int) -> Any:
        try:
            return self._client.execute_fast("EVALSHA", self._script.sha, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return self._script(keys=keys, args=arguments)
