"""Rate limit storage in a file shared by the processes of one machine: counts requests in sliding windows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from limits.errors import StorageError

from tintype.shared_memory import NO_COLUMN
from tintype.state import counter_table, sliding_window
from tintype.state.counter_table import table_at

LOCK_MARGIN = counter_table.COLUMNS
"""Requests left under a limit at which counting requires the lock: one per process that may count concurrently."""


_Position = tuple[int, float, int]
"""The number of the current window, its remaining seconds, its period. Every hit makes one: classes take longer."""


def _weighted(position: _Position, previous: int, current: int) -> float:
    """The count of the sliding window: the previous window is weighted by the remainder of the current one."""
    _, remaining, period = position
    return previous * remaining / period + current


def _expiry(position: _Position) -> float:
    """Time from which counts of this window have no effect, in seconds since the epoch."""
    window, _, period = position
    return float((window + 2) * period)


@dataclass(slots=True)
class _CachedRow:
    """Position and digest of a row, the window in which its count came near the limit, the last one it is kept for."""

    row: int
    digest: int
    near_limit_window: int
    kept_window: int


class SharedMemoryRateLimitStorage:
    """Sliding window counters in a file. Safe to share between threads and over forks."""

    def __init__(self, path: Path) -> None:
        self._table = table_at(path)
        self._weight = partial(sliding_window.weight, self._table)
        self._cached_rows: dict[str, _CachedRow] = {}

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Count one request if the limit allows it: whether it was counted, then the windows.

        These are count and remaining seconds of the previous window, then of the current one. Makes no system call
        while the count is far from the limit. Raises StorageError if the file is unusable.
        """
        now = time.time()  # which all processes share
        window = int(now // period)
        remaining = (window + 1) * period - now
        position = window, remaining, period
        try:
            acquired = self._acquire_lock_free(key, limit, position) or self._acquire_locked(key, limit, position)
        except (OSError, ValueError) as error:  # ValueError: the file has been truncated since it was mapped
            raise StorageError(error) from error
        admitted, previous, current = acquired
        return admitted, previous, remaining if previous else 0.0, current, remaining + period

    def _acquire_lock_free(self, key: str, limit: int, position: _Position) -> tuple[bool, int, int] | None:
        """Count in this process's column, if the row is cached and the limit is far; None requires the lock.

        It increments first and reads then, so that of two concurrent processes at least one sees the other.
        """
        cached, table, window = self._cached_rows.get(key), self._table, position[0]
        if cached is None or cached.near_limit_window == window:
            return None
        with table.lock:
            row = cached.row
            if time.monotonic() >= table.valid_until or table.words[row] != cached.digest:
                return None
            previous, current = sliding_window.increment(table, row, window)
            if _weighted(position, previous, current) > limit - LOCK_MARGIN:
                sliding_window.add(table, row, window, -1)
                cached.near_limit_window = window
                return None
            if cached.kept_window != window:
                sliding_window.set_expiry(table, row, _expiry(position))
                cached.kept_window = window
        return True, previous, current

    def _acquire_locked(self, key: str, limit: int, position: _Position) -> tuple[bool, int, int]:
        """Count under the lock of the bucket: whether the request was counted, and the counts of both windows."""
        table, window = self._table, position[0]
        with table.row(key) as slot:
            row = slot.get_or_create(self._weight)
            previous = sliding_window.total(table, row, window - 1)
            current = sliding_window.total(table, row, window)
            admitted = int(_weighted(position, previous, current)) + 1 <= limit
            if admitted:
                sliding_window.add(table, row, window, 1)
                current += 1
            sliding_window.set_expiry(table, row, _expiry(position))
            sliding_window.set_limit(table, row, limit, rejected=not admitted)
            is_near = _weighted(position, previous, current) > limit - 2 * LOCK_MARGIN
            if table.column != NO_COLUMN:
                self._cache_row(key, _CachedRow(row, slot.key.first, window if is_near else -1, window))
        return admitted, previous, current

    def _cache_row(self, key: str, cached: _CachedRow) -> None:
        if len(self._cached_rows) >= counter_table.MAX_CACHED_KEYS:
            self._cached_rows.clear()
        self._cached_rows[key] = cached
