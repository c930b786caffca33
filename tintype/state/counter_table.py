"""Where does a machine keep its counters? In a mapped file of rows, found by a digest of their name.

Rows lie in buckets; a range lock per bucket excludes other processes, and the kernel frees it when one dies. A lock
costs two calls of the system, so a row has a column for each process, where only that one writes, and may do so
without a lock: what a name counts is the sum of its columns. The first column is everybody's, under the lock.
A column whose process died counts on, and goes to the next one that asks. When a bucket is full its oldest row gives
way; who was adding to it at that moment leaves one count with a stranger.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import mmap
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from tintype.state.shared_file import Inode, SharedFile

MAGIC = b"tintype counters, version 2\n"
HEADER_BYTES, BUCKETS, ROWS, COLUMNS = 4096, 2048, 16, 16
WORD_BYTES = 8
"""Bytes; a word is read and written in one piece."""
CELL_OFFSET = 4
"""Words of a row before its cells: digest, end, one to spare. Two rounds of columns follow, for windows in turn."""
ROW_WORDS = CELL_OFFSET + 2 * COLUMNS
"""Words."""
_BUCKET_BYTES = ROWS * ROW_WORDS * WORD_BYTES
SIZE = HEADER_BYTES + BUCKETS * _BUCKET_BYTES
_USED = 2048 // WORD_BYTES
"""The word that says how many columns were ever owned, the first included."""
_OWNERS = 1024
"""One byte for each column, locked for life by its process; the first byte is locked to choose one."""
_ALL = HEADER_BYTES, BUCKETS * _BUCKET_BYTES

MAX_CACHED_KEYS = 8192
"""Names whose place is remembered."""
REVALIDATE_AFTER = 1.0
"""Seconds until a process looks again whether its file is still the one at the path."""


class HashedKey(NamedTuple):
    """A digest in two words, and the byte where its bucket starts."""

    first: int
    second: int
    bucket: int


class CounterTable:
    """The counters at a path; use :func:`table_at`, for a process may open the file only once.

    Range locks belong to a process and are lost when it closes *any* descriptor of the file.
    """

    words: memoryview[int]
    """The file as unsigned words of eight bytes; to be touched in one's turn only."""
    ends: memoryview[float]
    """The same as floats."""
    lock: threading.Lock
    """Excludes other threads of this process."""
    column: int
    """The column of this process; 0 as long as it has none."""
    valid_until: float
    """By ``time.monotonic``: until then the file is ours without another look."""

    def __init__(self, path: Path) -> None:
        self._file = SharedFile(path)
        self._descriptor = -1
        self._inode: Inode | None = None
        self.after_fork()

    def row(self, name: str) -> Row:
        """The place of a name's row, to be entered once; raises OSError when the file cannot be had."""
        return Row(self, hash_key(name, BUCKETS))

    @property
    def used(self) -> int:
        """Columns in which something may be."""
        used = self.words[_USED]
        return used if 0 < used <= COLUMNS else COLUMNS

    def reset(self) -> int:
        """Forget every row; how many were alive."""
        now, rows = time.time(), range(HEADER_BYTES // WORD_BYTES, SIZE // WORD_BYTES, ROW_WORDS)
        self.lock_range(*_ALL)
        try:
            alive = sum(self.ends[row + 2] > now for row in rows)
            self._bytes[HEADER_BYTES:SIZE] = bytes(SIZE - HEADER_BYTES)
        finally:
            self.unlock_range(*_ALL)
        return alive

    def lock_range(self, start: int, length: int = 1) -> None:
        """Exclude threads of this process and other processes from a range of bytes."""
        self.lock.acquire()
        try:
            self._verify()
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, start)
        except BaseException:
            self.lock.release()
            raise

    def unlock_range(self, start: int, length: int = 1) -> None:
        """Let others in again."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, start)
        finally:
            self.lock.release()

    def find(self, name: HashedKey) -> int:
        """The word where a name's row starts; 0 when there is none."""
        digest = name.first.to_bytes(WORD_BYTES, "little") + name.second.to_bytes(WORD_BYTES, "little")
        at = self._bytes.find(digest, name.bucket, name.bucket + _BUCKET_BYTES)
        return at // WORD_BYTES if at >= 0 and (at - name.bucket) % (ROW_WORDS * WORD_BYTES) == 0 else 0

    def create(self, name: HashedKey) -> int:
        """Under its bucket's lock, a row for a name that has none; in a full bucket the first to end gives way."""
        first = name.bucket // WORD_BYTES
        row = min(range(first, first + ROWS * ROW_WORDS, ROW_WORDS), key=lambda row: self.ends[row + 2])
        self.clear(row)
        self.words[row], self.words[row + 1] = name.first, name.second
        return row

    def clear(self, row: int) -> None:
        """Under its bucket's lock, empty a row."""
        self._bytes[row * WORD_BYTES : (row + ROW_WORDS) * WORD_BYTES] = bytes(ROW_WORDS * WORD_BYTES)

    def after_fork(self) -> None:
        """Begin anew in a child. File and mapping go on.

        A lock that a thread of the parent held would never be released, and the parent's column is not ours.
        """
        self.lock = threading.Lock()
        self.valid_until = float("-inf")
        self.column = 0

    def _verify(self) -> None:
        """Open the file unless it was looked at lately and is the one at the path; see to a column."""
        now = time.monotonic()
        if now < self.valid_until:
            return
        if self._descriptor < 0 or self._inode != self._file.inode() or self._file.path.stat().st_size != SIZE:
            self._open()
        if not self.column:
            self.column = self._claim()
        self.valid_until = now + REVALIDATE_AFTER

    def _open(self) -> None:
        self._close()
        self._file.prepare()
        with self._file.exclusive():
            if not self._is_whole():
                self._file.quarantine(self._file.inode(), "not a table of counters of this version")
                self._create()
            self._descriptor = os.open(self._file.path, os.O_RDWR | os.O_CLOEXEC)
            self._inode = self._file.inode()
            self._bytes = mmap.mmap(self._descriptor, SIZE)
            self.words, self.ends = memoryview(self._bytes).cast("Q"), memoryview(self._bytes).cast("d")

    def _close(self) -> None:
        if self._descriptor >= 0:
            self.words.release()
            self.ends.release()
            self._bytes.close()
            os.close(self._descriptor)
            self._descriptor, self.column = -1, 0

    def _claim(self) -> int:
        """Own a column as long as this process lives; 0 when all are taken."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, _OWNERS)
        try:
            for column in range(1, COLUMNS):
                with suppress(BlockingIOError, PermissionError):
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _OWNERS + column)
                    self.words[_USED] = max(self.words[_USED], column + 1)
                    return column
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _OWNERS)
        return 0

    def _is_whole(self) -> bool:
        try:
            with self._file.path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC and os.fstat(file.fileno()).st_size == SIZE
        except FileNotFoundError:
            return False

    def _create(self) -> None:
        # Every block is written: a hole that a full disk cannot fill would kill whoever touches it through the mapping.
        fresh = Path(f"{self._file.path}.new")
        try:
            fresh.write_bytes(MAGIC.ljust(SIZE, b"\0"))
            fresh.replace(self._file.path)
        except BaseException:
            with suppress(FileNotFoundError):
                fresh.unlink()
            raise


@functools.lru_cache(MAX_CACHED_KEYS)
def hash_key(text: str, buckets: int) -> HashedKey:
    """Where a name's row may be."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    first, second = int.from_bytes(digest[:WORD_BYTES], "little"), int.from_bytes(digest[WORD_BYTES:], "little")
    return HashedKey(first, second, HEADER_BYTES + int.from_bytes(digest[:2]) % buckets * _BUCKET_BYTES)


class Row:
    """A name's row; inside the block other processes stay out, but for what they add to their own columns."""

    __slots__ = ("_table", "key", "start")

    def __init__(self, table: CounterTable, name: HashedKey) -> None:
        self._table = table
        self.key = name
        self.start = 0
        """The word where it starts; 0 when there is none."""

    def __enter__(self) -> Self:
        self._table.lock_range(self.key.bucket)
        self.start = self._table.find(self.key)
        return self

    def __exit__(self, *_: object) -> None:
        self._table.unlock_range(self.key.bucket)

    def get_or_create(self) -> int:
        """The row, made if there was none."""
        self.start = self.start or self._table.create(self.key)
        return self.start

    def clear(self) -> None:
        """Empty the row, if there is one."""
        if self.start:
            self._table.clear(self.start)


_TABLES: dict[Path, CounterTable] = {}
_OPENING = threading.Lock()


def _after_fork() -> None:
    for table in _TABLES.values():
        table.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def table_at(path: Path) -> CounterTable:
    """The one table of this process at a path."""
    with _OPENING:
        return _TABLES.setdefault(path.absolute(), CounterTable(path.absolute()))
