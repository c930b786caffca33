"""The manifest of a batch folder: locks the folder and records each finished page as a JSON line."""

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
    """Another run holds the lock of the same folder."""


class Manifest:
    """Context manager that locks the folder; ``records`` holds the records of all runs by key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, Record] = {}

    def __enter__(self) -> Self:
        """Raises ManifestLocked if another run holds the lock, OSError if the folder cannot be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = (self.folder / MANIFEST_FILE).open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ManifestLocked(str(self.folder)) from None
        self.records = {record.key: record for record in self._read_records()}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, record: Record) -> None:
        """Append a record; it is kept if this process is killed."""
        self._file.write(f"{record.to_json()}\n".encode())
        self._file.flush()
        self.records[record.key] = record

    def has_file(self, record: Record) -> bool:
        """Whether the file of the record exists with the recorded size."""
        try:
            size = (self.folder / record.file).stat().st_size if record.file else -1
        except OSError:
            return False
        return record.state is RecordStatus.CAPTURED and size == record.bytes

    def _read_records(self) -> Iterator[Record]:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        if lines[-1]:
            self._file.write(b"\n")  # a partial line: the machine stopped while it was written
        for number, line in enumerate(lines, 1):
            try:
                if line.strip():
                    yield Record.from_json(line.decode())
            except ValueError:
                log.warning("manifest_line_skipped", file=str(self.folder / MANIFEST_FILE), line=number)
