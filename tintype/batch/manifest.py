"""What is done already? A line of JSON for each page, written as soon as it is known, in the folder of the pictures."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import structlog

from tintype.batch.record import Record, RecordStatus

log = structlog.get_logger("tintype.batch")

MANIFEST_FILE = "batch.jsonl"


class ManifestLocked(Exception):
    """Another run writes into the same folder."""


class Manifest:
    """A context manager: one run at a time, and what earlier ones left, in ``known`` by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, Record] = {}

    def __enter__(self) -> Self:
        """Raises LedgerInUse, or OSError where the folder cannot be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = (self.folder / MANIFEST_FILE).open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ManifestLocked(str(self.folder)) from None
        self.records = {entry.key: entry for entry in self._read_records()}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, record: Record) -> None:
        """Note what became of a page; it outlives this process."""
        self._file.write(f"{record.to_json()}\n".encode())
        self._file.flush()
        self.records[record.key] = record

    def has_file(self, record: Record) -> bool:
        """Whether the picture lies where the entry says, as long as it says."""
        try:
            found = (self.folder / record.file).stat().st_size if record.file else -1
        except OSError:
            return False
        return record.state is RecordStatus.CAPTURED and found == record.bytes

    def _read_records(self) -> Iterator[Record]:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        if lines[-1]:
            self._file.write(b"\n")  # half a line: the machine went down while it was written
        for number, line in enumerate(lines, 1):
            try:
                if line.strip():
                    yield Record.from_json(line.decode())
            except ValueError:
                log.warning("manifest_line_skipped", file=str(self.folder / MANIFEST_FILE), line=number)
