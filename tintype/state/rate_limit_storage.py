"""Counters for the ``limits`` library on one machine: ``shm:///path/to/file``, exact over all processes.

Importing this module registers the scheme. Failures are OSError, or StorageError with ``wrap_exceptions``.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from limits.errors import StorageError
from limits.storage import SlidingWindowCounterSupport, Storage

from tintype.state import counter_table, sliding_window
from tintype.state.counter_table import Row, table_at

LOCK_MARGIN = counter_table.COLUMNS
"""So near to the limit one counts under the lock: as many may be adding at the same moment."""


@dataclass(slots=True)  # not frozen, nor a named tuple: every hit makes one, and those take three times as long
class WindowPosition:
    """Where in time one counts: the number of the window, and how much of it is left; seconds."""

    window: int
    remaining: float
    period: int

    @classmethod
    def now(cls, period: int) -> WindowPosition:
        """Now, by the clock that all processes share."""
        now = time.time()
        window = int(now // period)
        return cls(window, (window + 1) * period - now, period)

    @property
    def expires(self) -> float:
        """When what is counted now may be forgotten, in seconds since the epoch."""
        return float((self.window + 2) * self.period)

    def weighted(self, previous: int, current: int) -> float:
        """The previous window counts as much as there is left of the current one."""
        return previous * self.remaining / self.period + current

    def as_tuple(self, previous: int, current: int) -> tuple[int, float, int, float]:
        """Counts and lives in seconds, as the library wants them."""
        return previous, self.remaining if previous else 0.0, current, self.remaining + self.period


@dataclass(slots=True)
class _CachedRow:
    """Where a row was, and in which window little was left of the allowance."""

    row: int
    digest: int
    near_limit_window: int


class SharedMemoryStorage(Storage, SlidingWindowCounterSupport):
    """Fixed windows and sliding window counters; ``expiry`` is the length of a window in seconds."""

    STORAGE_SCHEME: list[str] | None = ["shm"]  # noqa: RUF012 - as the library declares it

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._table = table_at(Path(uri.partition("://")[2]))
        self._cached_rows: dict[str, _CachedRow] = {}

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What a file that cannot be had raises; a mapping of one that shrank raises ValueError."""
        return OSError, ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count into the fixed window, which begins with its first hit; the new count."""
        with self._fixed(key) as slot:
            now = time.time()  # not before one's turn: the window of another, begun while we waited, would look damaged
            row = slot.get_or_create()
            end, count = self._table.ends[row + 2], sliding_window.get_fixed(self._table, row)
            # An end too far away was written by a clock that was put back since, or is damage.
            if not now < end <= now + expiry:
                sliding_window.set_expiry(self._table, row, now + expiry)
                count = 0
            sliding_window.set_fixed(self._table, row, count + amount)
        return count + amount

    def get(self, key: str) -> int:
        """The count of the fixed window."""
        with self._fixed(key) as slot:
            alive = slot.start and self._table.ends[slot.start + 2] > time.time()
            return sliding_window.get_fixed(self._table, slot.start) if alive else 0

    def get_expiry(self, key: str) -> float:
        """When the fixed window ends, in seconds since the epoch; now when there is none."""
        with self._fixed(key) as slot:
            return max(self._table.ends[slot.start + 2] if slot.start else 0.0, time.time())

    def clear(self, key: str) -> None:
        """Forget a fixed window."""
        with self._fixed(key) as slot:
            slot.clear()

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count if the weighted sum of the previous and the current window allows it; whether it did."""
        return self._acquire_locked(key, limit, WindowPosition.now(expiry), amount)[0]

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and life in seconds of the previous window, then of the current one."""
        moment = WindowPosition.now(expiry)
        with self._row(key) as slot:
            return (
                moment.as_tuple(*self._window_counts(slot.start, moment.window))
                if slot.start
                else moment.as_tuple(0, 0)
            )

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Acquire one entry: whether it was acquired, then the window. Raises StorageError.

        As long as the limit is far away this asks the system for nothing.
        """
        moment = WindowPosition.now(period)
        try:
            acquired = self._acquire_lock_free(key, limit, moment) or self._acquire_locked(key, limit, moment, 1)
        except self.base_exceptions as error:
            raise StorageError(error) from error
        admitted, previous, current = acquired
        return admitted, *moment.as_tuple(previous, current)

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - the library's signature
        """Forget a sliding window."""
        with self._row(key) as slot:
            slot.clear()

    def check(self) -> bool:
        """Whether the file can be had."""
        try:
            self.get("check")
        except (StorageError, OSError, ValueError):
            return False
        return True

    def reset(self) -> int | None:
        """Forget everything; how many windows there were."""
        return self._table.reset()

    def _acquire_lock_free(self, key: str, limit: int, moment: WindowPosition) -> tuple[bool, int, int] | None:
        """Acquire one entry in our own column, if the row is known and so much is left that others do not matter.

        One adds first and looks then: of two who do so at the same moment, at least one sees the other.
        """
        known, shared = self._cached_rows.get(key), self._table
        if known is None or known.near_limit_window == moment.window:
            return None
        with shared.lock:
            row = known.row
            if time.monotonic() >= shared.valid_until or shared.words[row] != known.digest:
                return None
            previous, current = sliding_window.increment(shared, row, moment.window)
            if moment.weighted(previous, current) > limit - LOCK_MARGIN:
                sliding_window.add(shared, row, moment.window, -1)
                known.near_limit_window = moment.window
                return None
            sliding_window.set_expiry(shared, row, moment.expires)
        return True, previous, current

    def _acquire_locked(self, key: str, limit: int, moment: WindowPosition, amount: int) -> tuple[bool, int, int]:
        """Acquire entries under the lock: whether they were acquired, and the counts of both windows."""
        with self._row(key) as slot:
            row = slot.get_or_create()
            previous, current = self._window_counts(row, moment.window)
            admitted = math.floor(moment.weighted(previous, current)) + amount <= limit
            if admitted:
                sliding_window.add(self._table, row, moment.window, amount)
                current += amount
            sliding_window.set_expiry(self._table, row, moment.expires)
            scarce = moment.weighted(previous, current) > limit - 2 * LOCK_MARGIN
            if self._table.column:
                self._cache_row(key, _CachedRow(row, slot.key.first, moment.window if scarce else -1))
        return admitted, previous, current

    def _cache_row(self, key: str, known: _CachedRow) -> None:
        if len(self._cached_rows) >= counter_table.MAX_CACHED_KEYS:
            self._cached_rows.clear()
        self._cached_rows[key] = known

    def _window_counts(self, row: int, now: int) -> tuple[int, int]:
        """The counts of the previous and the current window."""
        return sliding_window.total(self._table, row, now - 1), sliding_window.total(self._table, row, now)

    def _fixed(self, key: str) -> Row:
        return self._table.row(f"fixed {key}")

    def _row(self, key: str) -> Row:
        return self._table.row(f"sliding {key}")
