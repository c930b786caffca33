"""In-process cache bounded by entries and by bytes, for values under keys that clients choose."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

ENTRY_OVERHEAD = 200
"""Bytes counted for each entry besides its key and value."""


class BoundedCache(Generic[Key, Value]):
    """Evicts the least recently used entry beyond ``max_entries`` entries or ``max_bytes`` bytes. Thread-safe.

    ``size_of`` returns the bytes of a value. Keys are text, or tuples of it and of numbers.
    """

    def __init__(self, max_entries: int, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size_of = size_of
        self._entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """The value, if it is cached."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Key, value: Value) -> None:
        """Store a value; one that exceeds the bound alone is not stored."""
        size = key_bytes(key) + self._size_of(value) + ENTRY_OVERHEAD
        with self._lock:
            self._drop(key)
            if size > self._max_bytes:
                return
            self._entries[key] = value, size
            self._bytes += size
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Delete all entries."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """Bytes of all entries."""
        return self._bytes

    def _drop(self, key: Key) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self._bytes -= size


def key_bytes(key: Hashable) -> int:
    """Bytes of a key: a text, or a tuple of texts and numbers."""
    parts = key if isinstance(key, tuple) else (key,)
    return sys.getsizeof(key) + sum(sys.getsizeof(part) for part in parts if part is not key)
