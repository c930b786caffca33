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
HEAD, BUCKETS, ROWS, COLUMNS = 4096, 2048, 16, 16
WORD = 8
"""Bytes; a word is read and written in one piece."""
CELLS = 4
"""Words of a row before its cells: digest, end, one to spare. Two rounds of columns follow, for windows in turn."""
ROW = CELLS + 2 * COLUMNS
"""Words."""
_LENGTH = ROWS * ROW * WORD
SIZE = HEAD + BUCKETS * _LENGTH
_USED = 2048 // WORD
"""The word that says how many columns were ever owned, the first included."""
_OWNERS = 1024
"""One byte for each column, locked for life by its process; the first byte is locked to choose one."""
_ALL = HEAD, BUCKETS * _LENGTH

MOST_KNOWN = 8192
"""Names whose place is remembered."""
TRUST = 1.0
"""Seconds until a process looks again whether its file is still the one at the path."""


class HashedKey(NamedTuple):
    """A digest in two words, and the byte where its bucket starts."""

    first: int
    second: int
    start: int


class CounterTable:
    """The counters at a path; use :func:`table_at`, for a process may open the file only once.

    Range locks belong to a process and are lost when it closes *any* descriptor of the file.
    """

    words: memoryview[int]
    """The file as unsigned words of eight bytes; to be touched in one's turn only."""
    ends: memoryview[float]
    """The same as floats."""
    turn: threading.Lock
    """Excludes other threads of this process."""
    column: int
    """The column of this process; 0 as long as it has none."""
    trusted_until: float
    """By ``time.monotonic``: until then the file is ours without another look."""

    def __init__(self, path: Path) -> None:
        self._place = SharedFile(path)
        self._descriptor = -1
        self._inode: Inode | None = None
        self.after_fork()

    def slot(self, name: str) -> Row:
        """The place of a name's row, to be entered once; raises OSError when the file cannot be had."""
        return Row(self, name_of(name, BUCKETS))

    @property
    def used(self) -> int:
        """Columns in which something may be."""
        used = self.words[_USED]
        return used if 0 < used <= COLUMNS else COLUMNS

    def reset(self) -> int:
        """Forget every row; how many were alive."""
        now, rows = time.time(), range(HEAD // WORD, SIZE // WORD, ROW)
        self.lock(*_ALL)
        try:
            alive = sum(self.ends[row + 2] > now for row in rows)
            self._bytes[HEAD:SIZE] = bytes(SIZE - HEAD)
        finally:
            self.unlock(*_ALL)
        return alive

    def lock(self, start: int, length: int = 1) -> None:
        """Exclude threads of this process and other processes from a range of bytes."""
        self.turn.acquire()
        try:
            self._verify()
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, start)
        except BaseException:
            self.turn.release()
            raise

    def unlock(self, start: int, length: int = 1) -> None:
        """Let others in again."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, start)
        finally:
            self.turn.release()

    def find(self, name: HashedKey) -> int:
        """The word where a name's row starts; 0 when there is none."""
        digest = name.first.to_bytes(WORD, "little") + name.second.to_bytes(WORD, "little")
        at = self._bytes.find(digest, name.start, name.start + _LENGTH)
        return at // WORD if at >= 0 and (at - name.start) % (ROW * WORD) == 0 else 0

    def make(self, name: HashedKey) -> int:
        """Under its bucket's lock, a row for a name that has none; in a full bucket the first to end gives way."""
        first = name.start // WORD
        row = min(range(first, first + ROWS * ROW, ROW), key=lambda row: self.ends[row + 2])
        self.clear(row)
        self.words[row], self.words[row + 1] = name.first, name.second
        return row

    def clear(self, row: int) -> None:
        """Under its bucket's lock, empty a row."""
        self._bytes[row * WORD : (row + ROW) * WORD] = bytes(ROW * WORD)

    def after_fork(self) -> None:
        """Begin anew in a child. File and mapping go on.

        A lock that a thread of the parent held would never be released, and the parent's column is not ours.
        """
        self.turn = threading.Lock()
        self.trusted_until = float("-inf")
        self.column = 0

    def _verify(self) -> None:
        """Open the file unless it was looked at lately and is the one at the path; see to a column."""
        now = time.monotonic()
        if now < self.trusted_until:
            return
        if self._descriptor < 0 or self._inode != self._place.inode() or self._place.path.stat().st_size != SIZE:
            self._open()
        if not self.column:
            self.column = self._claim()
        self.trusted_until = now + TRUST

    def _open(self) -> None:
        self._close()
        self._place.prepare()
        with self._place.alone():
            if not self._is_whole():
                self._place.set_aside(self._place.inode(), "not a table of counters of this version")
                self._create()
            self._descriptor = os.open(self._place.path, os.O_RDWR | os.O_CLOEXEC)
            self._inode = self._place.inode()
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
            with self._place.path.open("rb") as file:
                return file.read(len(MAGIC)) == MAGIC and os.fstat(file.fileno()).st_size == SIZE
        except FileNotFoundError:
            return False

    def _create(self) -> None:
        # Every block is written: a hole that a full disk cannot fill would kill whoever touches it through the mapping.
        fresh = Path(f"{self._place.path}.new")
        try:
            fresh.write_bytes(MAGIC.ljust(SIZE, b"\0"))
            fresh.replace(self._place.path)
        except BaseException:
            with suppress(FileNotFoundError):
                fresh.unlink()
            raise


@functools.lru_cache(MOST_KNOWN)
def name_of(text: str, buckets: int) -> HashedKey:
    """Where a name's row may be."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    first, second = int.from_bytes(digest[:WORD], "little"), int.from_bytes(digest[WORD:], "little")
    return HashedKey(first, second, HEAD + int.from_bytes(digest[:2]) % buckets * _LENGTH)


class Row:
    """A name's row; inside the block other processes stay out, but for what they add to their own columns."""

    __slots__ = ("_table", "name", "row")

    def __init__(self, table: CounterTable, name: HashedKey) -> None:
        self._table = table
        self.name = name
        self.row = 0
        """The word where it starts; 0 when there is none."""

    def __enter__(self) -> Self:
        self._table.lock(self.name.start)
        self.row = self._table.find(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self._table.unlock(self.name.start)

    def made(self) -> int:
        """The row, made if there was none."""
        self.row = self.row or self._table.make(self.name)
        return self.row

    def forget(self) -> None:
        """Empty the row, if there is one."""
        if self.row:
            self._table.clear(self.row)


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
