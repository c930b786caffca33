"""Where are counts kept? In a mapped file with a column for each process: whoever is asked knows what all counted.

A column's process alone writes there, and locks a byte as long as it lives (the kernel frees it). A column whose
process died keeps its counts and goes to the next process: sums never fall, and nothing has to be swept up. Which
word of a column means what is told by a list of names at the head, to which any process may add, under a lock.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from tintype.telemetry.definitions import METRICS

HEAD, NAMES, WORDS, COLUMNS, WORD = 4096, 1 << 18, 4096, 64, 8
"""Bytes of head and names, words of a column, columns, bytes of a word."""
SIZE = HEAD + NAMES + COLUMNS * WORDS * WORD
_EDGES = "-".join(str(len(metric.buckets)) + f"x{sum(metric.buckets):g}" for metric in METRICS if metric.buckets)
MAGIC = f"tintype metrics, version 1, {_EDGES}\n".encode()
_LENGTH, _PIDS, _BIRTHS = 2048 // WORD, 2560 // WORD, 3072 // WORD
"""Words of the head: bytes of names, then for each column its process and when that began (epoch, seconds)."""
_CHOOSING, _OWNERS = 1, 8
"""Bytes that are locked: one to choose a column or add a name, then one for each column."""
_SHARED = 0
"""The column of those who found none of their own; what they count at one instant may be counted once."""
DROPPED_CELL, OVERFLOW_CELL, FIRST_CELL = 0, 8, 64
"""The word that counts names without a place, those where such count and nobody reads, and the first of all others."""
_PATIENCE = 10.0

Name = tuple[str, ...]
"""A metric's name and its labels' values."""


class ColumnOwner(NamedTuple):
    """A living process that has a column."""

    pid: int
    started_at: float
    column: int


class SharedMetrics:
    """The counts of a node; raises OSError when the file cannot be had. Without a path: of this process alone."""

    cells: memoryview[int]
    """The column of this process as unsigned words."""
    lock: threading.Lock
    """Excludes other threads of this process from the cells."""

    def __init__(self, path: Path | None = None) -> None:
        self._descriptor = _open(path) if path else -1
        self._bytes = mmap.mmap(self._descriptor, SIZE)
        self._words = memoryview(self._bytes).cast("Q")
        self._names: dict[Name, int] = {}
        self._widths: dict[Name, int] = {}
        self._read, self._next = 0, FIRST_CELL
        self.after_fork()

    def allocate(self, name: Name, width: int = 1) -> int:
        """The first of the cells of a name, made if there are none; nobody reads them when there is no room."""
        found = self._names.get(name)
        if found is not None:
            return found
        with self.lock, self._exclusive():
            self._read_names()
            if name not in self._names:
                self._add(name, width)
            self.cells[DROPPED_CELL] += name not in self._names
            return self._names.get(name, OVERFLOW_CELL)

    def sums(self) -> dict[Name, list[int]]:
        """What every process counted, dead ones included."""
        return self._sums(range(COLUMNS))

    def gauges(self) -> dict[Name, list[int]]:
        """The same of living processes alone: what is now."""
        return self._sums([owner.column for owner in self.owners()])

    def owners(self) -> list[ColumnOwner]:
        """Living processes with a column, this one included."""
        with self.lock, self._exclusive():
            living = [column for column in range(1, COLUMNS) if column == self._column or self._is_taken(column)]
        return [ColumnOwner(self._words[_PIDS + each], float(self._words[_BIRTHS + each]), each) for each in living]

    def after_fork(self) -> None:
        """Begin in a column of one's own; the parent's is not ours."""
        self.lock = threading.Lock()
        self._column = self._claim() if self._descriptor >= 0 else 1
        start = (HEAD + NAMES) // WORD + self._column * WORDS
        self.cells = self._words[start : start + WORDS]
        self._words[_PIDS + self._column] = os.getpid()
        self._words[_BIRTHS + self._column] = int(time.time())
        if self._column != _SHARED:
            self._reset_gauges()

    def _claim(self) -> int:
        with self._exclusive():
            for column in range(1, COLUMNS):
                with suppress(BlockingIOError, PermissionError):
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _OWNERS + column)
                    return column
        return _SHARED

    def _is_taken(self, column: int) -> bool:
        """Whether another process holds a column."""
        if self._descriptor < 0:
            return False
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _OWNERS + column)
        except (BlockingIOError, PermissionError):
            return True
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _OWNERS + column)
        return False

    def _reset_gauges(self) -> None:
        """Levels of the column's last process are not ours."""
        levels = {metric.name for metric in METRICS if metric.kind == "gauge"}
        with self.lock, self._exclusive():
            self._read_names()
        for name, place in self._names.items():
            if name[0] in levels:
                self.cells[place] = 0

    def _sums(self, columns: range | list[int]) -> dict[Name, list[int]]:
        with self.lock, self._exclusive():
            self._read_names()
        start, sums = (HEAD + NAMES) // WORD, [0] * self._next
        for column in columns:
            at = start + column * WORDS
            sums = [a + b for a, b in zip(sums, self._words[at : at + self._next], strict=True)]
        places = {name: sums[place : place + self._widths[name]] for name, place in self._names.items()}
        return {("tintype_series_dropped_total",): [sums[DROPPED_CELL]], **places}

    def _add(self, name: Name, width: int) -> None:
        line = json.dumps([width, *name]).encode() + b"\n"
        end = self._read + len(line)
        if end > NAMES or self._next + width > WORDS:
            return
        self._bytes[HEAD + self._read : HEAD + end] = line
        self._words[_LENGTH] = end  # only now is it there: whoever dies before has written nothing
        self._read_names()

    def _read_names(self) -> None:
        """Read the names that were added since; in one's turn and alone."""
        end = min(self._words[_LENGTH], NAMES)
        for line in self._bytes[HEAD + self._read : HEAD + end].splitlines():
            width, *name = json.loads(line)
            self._names[tuple(name)], self._widths[tuple(name)] = self._next, width
            self._next += width
        self._read = end

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Exclude other processes."""
        if self._descriptor < 0:
            yield
            return
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, _CHOOSING)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _CHOOSING)


def _open(path: Path) -> int:
    """A descriptor of the file, made anew unless it is one of this version."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{path}.lock", timeout=_PATIENCE):
        if not _is_whole(path):
            # Every block is written: a hole that a full disk cannot fill would kill whoever touches it by the mapping.
            fresh = path.with_name(f"{path.name}.new")
            fresh.touch(mode=0o600)
            fresh.write_bytes(MAGIC.ljust(SIZE, b"\0"))
            fresh.replace(path)
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC and os.fstat(file.fileno()).st_size == SIZE
    except FileNotFoundError:
        return False


_BOARDS: dict[Path, SharedMetrics] = {}
_OPENING = threading.Lock()


def metrics_at(path: Path) -> SharedMetrics:
    """The one board of this process at a path: its locks would be lost if the file were opened again and closed."""
    with _OPENING:
        path = path.absolute()
        if path not in _BOARDS:
            _BOARDS[path] = SharedMetrics(path)
        return _BOARDS[path]


def _after_fork() -> None:
    for board in _BOARDS.values():
        board.after_fork()


os.register_at_fork(after_in_child=_after_fork)
