"""Hash table of counters in a memory-mapped file, shared by the processes of one machine.

A row is found by a 128-bit digest of its key, in a bucket of 16 rows. A range lock on the bucket excludes other
processes. It costs two system calls, so each row has a column per process that only its owner writes, without a lock;
the count of a row is the sum of its columns. Column 0 belongs to no process and is written under the lock. A full
bucket evicts an expired row, else the row of the least weight; an increment that runs concurrently may be counted for
the new key.
"""

from __future__ import annotations

import functools
import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import structlog

from tintype import telemetry
from tintype.logs import LogThrottle
from tintype.shared_memory import (
    NO_COLUMN,
    WORD_BYTES,
    ForkAware,
    Layout,
    MappedFile,
    register_fork_hooks,
    single_instance,
)
from tintype.state.shared_file import SharedFile

log = structlog.get_logger("tintype.rate_limit")

HEADER_BYTES, BUCKETS, ROWS, COLUMNS = 4096, 4096, 16, 16
"""Bytes of the header, buckets of the table, rows of a bucket, columns of a row: 65,536 clients in 19 MB."""
CELL_OFFSET = 4
"""Words of a row before its cells: digest (2), expiry, limit. Two sets of columns follow, one per window."""
ROW_WORDS = CELL_OFFSET + 2 * COLUMNS
EXPIRY_OFFSET, LIMIT_OFFSET = 2, 3
_BUCKET_BYTES = ROWS * ROW_WORDS * WORD_BYTES
SIZE = HEADER_BYTES + BUCKETS * _BUCKET_BYTES
LAYOUT = Layout(b"tintype counters, version 3\n", SIZE, COLUMNS, lock_offset=1024)
_USED_COLUMNS = 2048 // WORD_BYTES
"""The word of the header with the number of columns ever claimed, column 0 included."""
MAX_CACHED_KEYS = 8192
"""Keys whose digest is cached."""
REVALIDATE_AFTER = 1.0
"""Seconds until a process checks again whether its file is still the one at the path."""


class HashedKey(NamedTuple):
    """A digest in two words, and the byte where its bucket starts."""

    first: int
    second: int
    bucket: int


class CounterTable(ForkAware):
    """The counters at a path. Use :func:`table_at`: a process must open the file only once."""

    words: memoryview[int]
    """The file as unsigned words of 8 bytes; access only while holding ``lock``."""
    expiries: memoryview[float]
    """The same words as floats."""
    lock: threading.Lock
    """Excludes other threads of this process."""
    column: int
    """The column of this process, or ``NO_COLUMN``."""
    valid_until: float
    """By ``time.monotonic``: until then the file is used without another check."""

    def __init__(self, path: Path) -> None:
        self._file = SharedFile(path)
        self._mapped: MappedFile | None = None
        self._log_throttle = LogThrottle()
        self.after_fork()
        register_fork_hooks(self)

    def row(self, key: str) -> Row:
        """The row of a key, as a context manager that holds the lock; entering raises OSError without a file."""
        return Row(self, hash_key(key, BUCKETS))

    @property
    def used(self) -> int:
        """Columns that may contain counts, ``NO_COLUMN`` included."""
        used = self.words[_USED_COLUMNS]
        return used if 0 < used <= COLUMNS else COLUMNS

    def lock_bucket(self, bucket: int) -> None:
        """Exclude threads of this process and other processes from a bucket; raises OSError."""
        self.lock.acquire()
        try:
            self._verify().lock(bucket)
        except BaseException:
            self.lock.release()
            raise

    def unlock_bucket(self, bucket: int) -> None:
        """Release a bucket."""
        try:
            if self._mapped:
                self._mapped.unlock(bucket)
        finally:
            self.lock.release()

    def find(self, key: HashedKey) -> int:
        """The word where the row of a key starts; 0 if there is no row. Requires the lock of the bucket."""
        digest = key.first.to_bytes(WORD_BYTES, "little") + key.second.to_bytes(WORD_BYTES, "little")
        offset = self._bytes.find(digest, key.bucket, key.bucket + _BUCKET_BYTES)
        is_row = offset >= 0 and (offset - key.bucket) % (ROW_WORDS * WORD_BYTES) == 0
        return offset // WORD_BYTES if is_row else 0

    def create(self, key: HashedKey, weight: Callable[[int], float]) -> int:
        """Create the row of a key in place of an expired one, else of the one with the least ``weight``.

        Requires the lock of the bucket.
        """
        first = key.bucket // WORD_BYTES
        rows = range(first, first + ROWS * ROW_WORDS, ROW_WORDS)
        start = min(rows, key=lambda row: self.expiries[row + EXPIRY_OFFSET])
        if self.expiries[start + EXPIRY_OFFSET] > time.time():
            start = min(rows, key=weight)
            self._report_eviction()
        self._bytes[start * WORD_BYTES : (start + ROW_WORDS) * WORD_BYTES] = bytes(ROW_WORDS * WORD_BYTES)
        self.words[start], self.words[start + 1] = key.first, key.second
        return start

    def _report_eviction(self) -> None:
        telemetry.count("tintype_rate_limit_evictions_total")
        if self._log_throttle.allows():
            log.warning("rate_limit_client_evicted", clients=BUCKETS * ROWS, effect="its count starts at 0 again")

    def after_fork(self) -> None:
        """Reset lock and column in a child; file and mapping remain open."""
        self.lock = threading.Lock()
        self.valid_until = float("-inf")
        self.column = NO_COLUMN

    def _verify(self) -> MappedFile:
        """Reopen a file that was replaced, and claim a column; checked once per ``REVALIDATE_AFTER`` seconds."""
        now = time.monotonic()
        if self._mapped and now < self.valid_until:
            return self._mapped
        if not self._mapped or not self._is_current(self._mapped):
            self._mapped = self._open()
        if self.column == NO_COLUMN:
            self.column = self._mapped.claim_column()
            self.words[_USED_COLUMNS] = max(self.words[_USED_COLUMNS], self.column + 1)
        self.valid_until = now + REVALIDATE_AFTER
        return self._mapped

    def _is_current(self, mapped: MappedFile) -> bool:
        return mapped.inode == self._file.inode() and self._file.path.stat().st_size == SIZE

    def _open(self) -> MappedFile:
        if self._mapped:
            self.expiries.release()
            self._mapped.close()
            self._mapped, self.column = None, NO_COLUMN
        self._file.prepare()
        mapped = MappedFile(LAYOUT, self._file.path)
        self._bytes, self.words = mapped.bytes, mapped.words
        self.expiries = memoryview(mapped.bytes).cast("d")
        return mapped


@functools.lru_cache(MAX_CACHED_KEYS)
def hash_key(key: str, buckets: int) -> HashedKey:
    """The digest of a key, and the bucket that may contain its row."""
    digest = hashlib.blake2b(key.encode(), digest_size=2 * WORD_BYTES).digest()
    first, second = int.from_bytes(digest[:WORD_BYTES], "little"), int.from_bytes(digest[WORD_BYTES:], "little")
    return HashedKey(first, second, HEADER_BYTES + int.from_bytes(digest[:2]) % buckets * _BUCKET_BYTES)


class Row:
    """The row of a key. The block holds its lock; other processes may still add to their own columns."""

    __slots__ = ("_table", "key", "start")

    def __init__(self, table: CounterTable, key: HashedKey) -> None:
        self._table = table
        self.key = key
        self.start = 0
        """The word where the row starts; 0 if there is no row."""

    def __enter__(self) -> Self:
        self._table.lock_bucket(self.key.bucket)
        self.start = self._table.find(self.key)
        return self

    def __exit__(self, *_: object) -> None:
        self._table.unlock_bucket(self.key.bucket)

    def get_or_create(self, weight: Callable[[int], float]) -> int:
        """The word where the row starts; creates the row if necessary, as :meth:`CounterTable.create` does."""
        self.start = self.start or self._table.create(self.key, weight)
        return self.start


def table_at(path: Path) -> CounterTable:
    """The one table of this process at a path."""
    return single_instance(CounterTable, path)
