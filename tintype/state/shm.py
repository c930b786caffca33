"""Counters for the ``limits`` library on one machine: ``shm:///path/to/file``, exact over all processes.

Importing this module registers the scheme. Failures are OSError, or StorageError with ``wrap_exceptions``.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

from limits.errors import StorageError
from limits.storage import SlidingWindowCounterSupport, Storage

from tintype.state.table import Row, Slot, table_at


class SharedMemoryStorage(Storage, SlidingWindowCounterSupport):
    """Fixed windows and sliding window counters; ``expiry`` is the length of a window in seconds."""

    STORAGE_SCHEME: list[str] | None = ["shm"]  # noqa: RUF012 - as the library declares it

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._table = table_at(Path(uri.partition("://")[2]))

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What a file that cannot be had raises; a mapping of one that shrank raises ValueError."""
        return OSError, ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count into the fixed window, which begins with its first hit; the new count."""
        now = time.time()
        with self._fixed(key) as slot:
            row = slot.read()
            # An end too far away was written by a clock that was put back since, or is damage.
            if not now < row.end <= now + expiry:
                row = Row(now + expiry)
            row = row._replace(current=row.current + amount)
            slot.write(row)
        return row.current

    def get(self, key: str) -> int:
        """The count of the fixed window."""
        with self._fixed(key) as slot:
            row = slot.read()
        return row.current if row.end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the fixed window ends, in seconds since the epoch; now when there is none."""
        with self._fixed(key) as slot:
            return max(slot.read().end, time.time())

    def clear(self, key: str) -> None:
        """Forget a fixed window."""
        with self._fixed(key) as slot:
            slot.forget()

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count if the weighted sum of the previous and the current window allows it; whether it did."""
        now = time.time()
        with self._sliding(key) as slot:
            row, left = _slide(slot.read(), now, expiry)
            if math.floor(row.previous * left / expiry + row.current) + amount > limit:
                return False
            slot.write(row._replace(current=row.current + amount))
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and life in seconds of the previous window, then of the current one."""
        with self._sliding(key) as slot:
            row, left = _slide(slot.read(), time.time(), expiry)
        return row.previous, left if row.previous else 0.0, row.current, left + expiry

    def count(self, key: str, limit: int, period: int) -> tuple[bool, int, float, int, float]:
        """Acquire one entry in one turn: whether it was acquired, then the window. Raises StorageError."""
        now = time.time()
        try:
            with self._sliding(key) as slot:
                (end, current, previous), left = _slide(slot.read(), now, period)
                admitted = previous * left / period + current < limit
                if admitted:
                    current += 1
                    slot.write(Row(end, current, previous))
        except self.base_exceptions as error:
            raise StorageError(error) from error
        return admitted, previous, left if previous else 0.0, current, left + period

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - the library's signature
        """Forget a sliding window."""
        with self._sliding(key) as slot:
            slot.forget()

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

    def _fixed(self, key: str) -> Slot:
        return self._table.slot(f"fixed {key}")

    def _sliding(self, key: str) -> Slot:
        return self._table.slot(f"sliding {key}")


def _slide(row: Row, now: float, expiry: int) -> tuple[Row, float]:
    """The row as of now, and the seconds left of the current window. A row ends one window after its own."""
    window_end = (now // expiry + 1) * expiry
    left, end = window_end - now, window_end + expiry
    if row.end == end:
        return row, left
    return Row(end, 0, row.current if row.end == window_end else 0), left
