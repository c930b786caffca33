"""Shared store of metrics for all processes of a node: a memory-mapped file with one column per process.

Only the owner of a column writes it. A column whose process exited keeps its counts and is continued by the next
process, so sums never decrease. A list of names in the header maps each series to the cells of a column; any process
may append to it, under a lock. The kernel writes the pages of the file in any order, so a power failure can lose some
of them: each name has a checksum, and a file whose parts do not belong together is replaced.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import structlog

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

log = structlog.get_logger("tintype.telemetry")

HEADER_BYTES, NAME_BYTES, COLUMN_WORDS, COLUMNS = 4096, 1 << 18, 4096, 64
"""Bytes of the header and of the names, words of a column, columns."""
_BUCKETS = "-".join(str(len(metric.buckets)) + f"x{sum(metric.buckets):g}" for metric in METRICS if metric.buckets)
LAYOUT = Layout(
    magic=f"tintype metrics, version 2, {_BUCKETS}\n".encode(),
    size=HEADER_BYTES + NAME_BYTES + COLUMNS * COLUMN_WORDS * WORD_BYTES,
    columns=COLUMNS,
    lock_offset=8,
)
_PIDS, _STARTS = 2560 // WORD_BYTES, 3072 // WORD_BYTES
"""Words of the header: for each column the process and its start (seconds since the epoch)."""
DROPPED_CELL, OVERFLOW_CELL, FIRST_CELL = 0, 8, 64
"""The cell that counts names without room, the cells that such names write to, the first cell of all other names."""

Name = tuple[str, ...]
"""The name of a metric and the values of its labels."""


class DamagedMetrics(ValueError):
    """The names in the file are unreadable, or do not belong to its cells."""


class ColumnOwner(NamedTuple):
    """A running process that owns a column."""

    pid: int
    started_at: float
    column: int


class SharedMetrics(ForkAware):
    """The metrics of a node, or without a path those of this process. Raises OSError if no file can be used.

    A damaged file is quarantined and replaced. Damage that appears later ends no request: the known names are counted
    on, and new names are counted as dropped.

    Processes beyond the 63rd share column 0, where an increment may be lost when two of them count concurrently.
    """

    cells: memoryview[int]
    """The column of this process as unsigned words of 8 bytes."""
    lock: threading.Lock
    """Excludes other threads of this process from the cells."""

    def __init__(self, path: Path | None = None) -> None:
        if path:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open(MappedFile(LAYOUT, path))
        try:
            self._verify()
        except DamagedMetrics as damage:
            assert path  # noqa: S101 - fresh memory has no damage
            self._open(self._file.replaced(path, damage))
        self.after_fork()
        register_fork_hooks(self)

    def allocate(self, name: Name, width: int = 1) -> int:
        """The first of the ``width`` cells of a name; ``OVERFLOW_CELL`` if the file has no room for a new name."""
        found = self._cell_of.get(name)
        if found is not None:
            return found
        with self.lock, self._file.exclusive():
            self._read_known_names()
            if name not in self._cell_of and not self._is_damaged:
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
        """Running processes with a column, this one included; not gunicorn's master, which forks workers."""
        with self.lock, self._file.exclusive():
            columns = [n for n in range(1, COLUMNS) if n == self._column or self._file.is_claimed(n)]
        pids = {each: self._words[_PIDS + each] for each in columns}
        return [ColumnOwner(pid, float(self._words[_STARTS + each]), each) for each, pid in pids.items() if pid]

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

    def after_fork_in_parent(self) -> None:
        """Keep the column without counting as a worker."""
        self._words[_PIDS + self._column] = 0

    def _reset_gauges(self) -> None:
        """Discard the gauges of the previous owner of the column."""
        gauges = {metric.name for metric in METRICS if metric.kind == "gauge"}
        with self.lock, self._file.exclusive():
            self._read_known_names()
        for name, cell in self._cell_of.items():
            if name[0] in gauges:
                self.cells[cell] = 0

    def _sums(self, columns: Iterable[int]) -> dict[Name, list[int]]:
        with self.lock, self._file.exclusive():
            self._read_known_names()
            end, cell_of = self._next, dict(self._cell_of)  # other threads add names meanwhile
        start, sums = (HEADER_BYTES + NAME_BYTES) // WORD_BYTES, [0] * end
        for column in columns:
            at = start + column * COLUMN_WORDS
            sums = [a + b for a, b in zip(sums, self._words[at : at + end], strict=True)]
        cells = {name: sums[cell : cell + self._widths[name]] for name, cell in cell_of.items()}
        return {("tintype_series_dropped_total",): [sums[DROPPED_CELL]], **cells}

    def _open(self, file: MappedFile) -> None:
        self._file, self._words = file, file.words
        self._cell_of: dict[Name, int] = {}
        self._widths: dict[Name, int] = {}
        self._read, self._next, self._is_damaged = 0, FIRST_CELL, False

    def _verify(self) -> None:
        """Raise DamagedMetrics unless the names are readable and only cells with a name have counts."""
        with self._file.exclusive():
            self._read_names()
            end = self._file.bytes.find(b"\0", HEADER_BYTES + self._read)
            if not _is_zero(self._file.bytes[end : HEADER_BYTES + NAME_BYTES]):
                raise DamagedMetrics("it has names after the end of the list")
            for column in range(COLUMNS):
                start = HEADER_BYTES + NAME_BYTES + column * COLUMN_WORDS * WORD_BYTES
                if not _is_zero(self._file.bytes[start + self._next * WORD_BYTES : start + COLUMN_WORDS * WORD_BYTES]):
                    raise DamagedMetrics("it has counts without a name")

    def _add(self, name: Name, width: int) -> None:
        line = _pack_name(name, width)
        end = self._read + len(line)
        if end >= NAME_BYTES or self._next + width > COLUMN_WORDS:
            return
        self._file.bytes[HEADER_BYTES + self._read : HEADER_BYTES + end] = line
        self._read_known_names()

    def _read_known_names(self) -> None:
        """Read new names unless the list is damaged. Requires ``lock`` and the exclusive lock of the file."""
        if self._is_damaged:
            return
        try:
            self._read_names()
        except DamagedMetrics as damage:
            self._is_damaged = True
            log.error("metrics_damaged", reason=str(damage), effect="new series are not counted", remedy="restart")

    def _read_names(self) -> None:
        """Read the names added since the last call; raises DamagedMetrics. Requires the locks as above.

        The list ends at a zero byte. A line without a line break was left by a process killed while it wrote.
        """
        start = HEADER_BYTES + self._read
        end = self._file.bytes.find(b"\0", start, HEADER_BYTES + NAME_BYTES)
        if end < 0:
            raise DamagedMetrics("its list of names has no end")
        lines = [line for line in self._file.bytes[start:end].splitlines(keepends=True) if line.endswith(b"\n")]
        for line in lines:
            width, name = _unpack_name(line)
            if self._next + width > COLUMN_WORDS:
                raise DamagedMetrics("it has more names than cells")
            self._cell_of[name], self._widths[name] = self._next, width
            self._next += width
            self._read += len(line)


def _is_zero(content: bytes) -> bool:
    return not content.lstrip(b"\0")


def _pack_name(name: Name, width: int) -> bytes:
    text = json.dumps([width, *name]).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _unpack_name(line: bytes) -> tuple[int, Name]:
    """Width and name in a line; raises DamagedMetrics. A matching checksum proves that we wrote the line."""
    checksum, _, text = line.removesuffix(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        raise DamagedMetrics("a name in it does not match its checksum")
    width, *name = json.loads(text)
    return int(width), tuple(name)


def metrics_at(path: Path) -> SharedMetrics:
    """The one store of this process at a path."""
    return single_instance(SharedMetrics, path)
