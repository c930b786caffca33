"""Shared store of metrics for all processes of a node: a memory-mapped file with one column per process.

Only the owner of a column writes it. A column whose process exited keeps its counts and is continued by the next
process, so sums never decrease. A list of names in the header maps each series to the cells of a column; any process
may append to it, under a lock.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tintype.shared_memory import (
    NO_COLUMN,
    WORD_BYTES,
    ForkAware,
    Layout,
    MappedFile,
    register_fork_hooks,
    single_instance,
)
from tintype.telemetry.definitions import METRICS

HEADER_BYTES, NAME_BYTES, COLUMN_WORDS, COLUMNS = 4096, 1 << 18, 4096, 64
"""Bytes of the header and of the names, words of a column, columns."""
_BUCKETS = "-".join(str(len(metric.buckets)) + f"x{sum(metric.buckets):g}" for metric in METRICS if metric.buckets)
LAYOUT = Layout(
    magic=f"tintype metrics, version 1, {_BUCKETS}\n".encode(),
    size=HEADER_BYTES + NAME_BYTES + COLUMNS * COLUMN_WORDS * WORD_BYTES,
    columns=COLUMNS,
    lock_offset=8,
)
_LENGTH, _PIDS, _STARTS = 2048 // WORD_BYTES, 2560 // WORD_BYTES, 3072 // WORD_BYTES
"""Words of the header: bytes of names, then for each column the process and its start (seconds since the epoch)."""
DROPPED_CELL, OVERFLOW_CELL, FIRST_CELL = 0, 8, 64
"""The cell that counts names without room, the cells that such names write to, the first cell of all other names."""

Name = tuple[str, ...]
"""The name of a metric and the values of its labels."""


class ColumnOwner(NamedTuple):
    """A running process that owns a column."""

    pid: int
    started_at: float
    column: int


class SharedMetrics(ForkAware):
    """The metrics of a node, or without a path those of this process. Raises OSError if the file is unusable.

    Processes beyond the 63rd share column 0, where an increment may be lost when two of them count concurrently.
    """

    cells: memoryview[int]
    """The column of this process as unsigned words of 8 bytes."""
    lock: threading.Lock
    """Excludes other threads of this process from the cells."""

    def __init__(self, path: Path | None = None) -> None:
        if path:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = MappedFile(LAYOUT, path)
        self._words = self._file.words
        self._cell_of: dict[Name, int] = {}
        self._widths: dict[Name, int] = {}
        self._read, self._next = 0, FIRST_CELL
        self.after_fork()
        register_fork_hooks(self)

    def allocate(self, name: Name, width: int = 1) -> int:
        """The first of the ``width`` cells of a name; ``OVERFLOW_CELL`` if the file has no room for a new name."""
        found = self._cell_of.get(name)
        if found is not None:
            return found
        with self.lock, self._file.exclusive():
            self._read_names()
            if name not in self._cell_of:
                self._add(name, width)
            self.cells[DROPPED_CELL] += name not in self._cell_of
            return self._cell_of.get(name, OVERFLOW_CELL)

    def sums(self) -> dict[Name, list[int]]:
        """Cells by name, summed over all processes, including those that exited."""
        return self._sums(range(COLUMNS))

    def gauges(self) -> dict[Name, list[int]]:
        """Cells by name, summed over running processes."""
        return self._sums([owner.column for owner in self.owners()])

    def owners(self) -> list[ColumnOwner]:
        """Running processes with a column, this one included."""
        with self.lock, self._file.exclusive():
            columns = [n for n in range(1, COLUMNS) if n == self._column or self._file.is_claimed(n)]
        return [ColumnOwner(self._words[_PIDS + each], float(self._words[_STARTS + each]), each) for each in columns]

    def after_fork(self) -> None:
        """Claim a column for this process."""
        self.lock = threading.Lock()
        self._column = self._file.claim_column()
        start = (HEADER_BYTES + NAME_BYTES) // WORD_BYTES + self._column * COLUMN_WORDS
        self.cells = self._words[start : start + COLUMN_WORDS]
        self._words[_PIDS + self._column] = os.getpid()
        self._words[_STARTS + self._column] = int(time.time())
        if self._column != NO_COLUMN:
            self._reset_gauges()

    def _reset_gauges(self) -> None:
        """Discard the gauges of the previous owner of the column."""
        gauges = {metric.name for metric in METRICS if metric.kind == "gauge"}
        with self.lock, self._file.exclusive():
            self._read_names()
        for name, cell in self._cell_of.items():
            if name[0] in gauges:
                self.cells[cell] = 0

    def _sums(self, columns: range | list[int]) -> dict[Name, list[int]]:
        with self.lock, self._file.exclusive():
            self._read_names()
        start, sums = (HEADER_BYTES + NAME_BYTES) // WORD_BYTES, [0] * self._next
        for column in columns:
            at = start + column * COLUMN_WORDS
            sums = [a + b for a, b in zip(sums, self._words[at : at + self._next], strict=True)]
        cells = {name: sums[cell : cell + self._widths[name]] for name, cell in self._cell_of.items()}
        return {("tintype_series_dropped_total",): [sums[DROPPED_CELL]], **cells}

    def _add(self, name: Name, width: int) -> None:
        line = json.dumps([width, *name]).encode() + b"\n"
        end = self._read + len(line)
        if end > NAME_BYTES or self._next + width > COLUMN_WORDS:
            return
        self._file.bytes[HEADER_BYTES + self._read : HEADER_BYTES + end] = line
        self._words[_LENGTH] = end  # written last: a process killed before has added nothing
        self._read_names()

    def _read_names(self) -> None:
        """Read the names added since the last call. Requires ``lock`` and the exclusive lock of the file."""
        end = min(self._words[_LENGTH], NAME_BYTES)
        for line in self._file.bytes[HEADER_BYTES + self._read : HEADER_BYTES + end].splitlines():
            width, *name = json.loads(line)
            self._cell_of[tuple(name)], self._widths[tuple(name)] = self._next, width
            self._next += width
        self._read = end


def metrics_at(path: Path) -> SharedMetrics:
    """The one store of this process at a path."""
    return single_instance(SharedMetrics, path)
