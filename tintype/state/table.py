"""Where does a machine keep its counters? In a mapped file of small rows, found by a digest of their name.

Rows lie in buckets; a range lock per bucket excludes other processes, and the kernel frees it when one dies.
A process killed in mid-write leaves at worst one wrong row. When a bucket is full its oldest row gives way.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import mmap
import os
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from tintype.state.place import Inode, Place

MAGIC = b"tintype counters, version 1\n"
HEAD, BUCKETS, ROWS = 4096, 4096, 16
_ROW = struct.Struct("<16sdII")
_ENDS = struct.Struct("<" + "16xd8x" * ROWS)
_LENGTH = ROWS * _ROW.size
SIZE = HEAD + BUCKETS * _LENGTH
_MOST = 0xFFFF_FFFF
_ALL = HEAD, BUCKETS * _LENGTH

MOST_KNOWN = 8192
"""Names whose place is remembered."""
TRUST = 1.0
"""Seconds until a process looks again whether its file is still the one at the path."""


class Row(NamedTuple):
    """``end`` is when the row may be forgotten, in seconds since the epoch."""

    end: float = 0.0
    current: int = 0
    previous: int = 0


class Table:
    """The counters at a path; use :func:`table_at`, for a process may open the file only once.

    Range locks belong to a process and are lost when it closes *any* descriptor of the file.
    """

    def __init__(self, path: Path) -> None:
        self._place = Place(path)
        self._descriptor = -1
        self._inode: Inode | None = None
        self._trusted_until = float("-inf")
        self._after_fork()

    def slot(self, name: str) -> Slot:
        """The place of a name's row, to be entered once; raises OSError when the file cannot be had."""
        return Slot(self, *_home(name, BUCKETS))

    def reset(self) -> int:
        """Forget every row; how many were alive."""
        now = time.time()
        self.lock(*_ALL)
        try:
            alive = [row for row in _ROW.iter_unpack(self.rows[HEAD:SIZE]) if row[1] > now]
            self.rows[HEAD:SIZE] = bytes(SIZE - HEAD)
        finally:
            self.unlock(*_ALL)
        return len(alive)

    def lock(self, start: int, length: int = 1) -> None:
        """Exclude threads of this process and other processes from a range."""
        if self._pid != os.getpid():
            self._after_fork()
        self._turn.acquire()
        try:
            self._verify()
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, start)
        except BaseException:
            self._turn.release()
            raise

    def unlock(self, start: int, length: int = 1) -> None:
        """Let others in again."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, start)
        finally:
            self._turn.release()

    def _after_fork(self) -> None:
        # The file and its mapping go on in the child; a lock that a thread of the parent held would never be released.
        self._pid = os.getpid()
        self._turn = threading.Lock()

    def _verify(self) -> None:
        """Open the file unless it was looked at lately and is the one at the path."""
        now = time.monotonic()
        if now < self._trusted_until:
            return
        if self._descriptor < 0 or self._inode != self._place.inode() or self._place.path.stat().st_size != SIZE:
            self._open()
        self._trusted_until = now + TRUST

    def _open(self) -> None:
        self._close()
        self._place.prepare()
        with self._place.alone():
            if not self._is_whole():
                self._place.set_aside(self._place.inode(), "not a table of counters of this version")
                self._create()
            self._descriptor = os.open(self._place.path, os.O_RDWR | os.O_CLOEXEC)
            self._inode = self._place.inode()
            self.rows = mmap.mmap(self._descriptor, SIZE)

    def _close(self) -> None:
        if self._descriptor >= 0:
            self.rows.close()
            os.close(self._descriptor)
            self._descriptor = -1

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
def _home(name: str, buckets: int) -> tuple[bytes, int]:
    """The digest of a name, and where its bucket starts."""
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return digest, HEAD + int.from_bytes(digest[:2]) % buckets * _LENGTH


class Slot:
    """A name's row; inside the block it is ours alone."""

    __slots__ = ("_at", "_digest", "_start", "_table")

    def __init__(self, table: Table, digest: bytes, start: int) -> None:
        self._table = table
        self._digest = digest
        self._start = start

    def __enter__(self) -> Self:
        self._table.lock(self._start)
        at = self._table.rows.find(self._digest, self._start, self._start + _LENGTH)
        self._at = at if (at - self._start) % _ROW.size == 0 else -1
        return self

    def __exit__(self, *_: object) -> None:
        self._table.unlock(self._start)

    def read(self) -> Row:
        """The row; all zeros when there is none."""
        return Row(*_ROW.unpack_from(self._table.rows, self._at)[1:]) if self._at >= 0 else Row()

    def write(self, row: Row) -> None:
        """Replace the row; in a full bucket the one that ends first gives way."""
        if self._at < 0:
            ends = _ENDS.unpack_from(self._table.rows, self._start)
            self._at = self._start + ends.index(min(ends)) * _ROW.size
        end, current, previous = row
        _ROW.pack_into(self._table.rows, self._at, self._digest, end, min(current, _MOST), min(previous, _MOST))

    def forget(self) -> None:
        """Empty the row, if there is one."""
        if self._at >= 0:
            self._table.rows[self._at : self._at + _ROW.size] = bytes(_ROW.size)


_TABLES: dict[Path, Table] = {}
_OPENING = threading.Lock()


def table_at(path: Path) -> Table:
    """The one table of this process at a path."""
    with _OPENING:
        return _TABLES.setdefault(path.absolute(), Table(path.absolute()))
