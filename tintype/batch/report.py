"""The report of a batch run, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tintype.batch.files import write_atomically
from tintype.batch.record import FIELD_NAMES, Record

_OF_IMAGES = ("width", "height", "bytes", "status")
_COLUMNS = FIELD_NAMES[:-1]
"""All fields except the key, which is internal."""


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a report in the format of the file's suffix; raises OSError, or KeyError for an unknown suffix."""
    write_atomically(path, FORMATS[path.suffix.lower()](records).encode())


def row_of(record: Record) -> dict[str, Any]:
    """The members of a row. Of a page without an image, sizes and status are None: an empty cell, or null."""
    row = {name: getattr(record, name) for name in _COLUMNS}
    return row if record.file else {**row, **dict.fromkeys(_OF_IMAGES)}


def _as_csv(records: Iterable[Record]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(map(row_of, records))
    return text.getvalue()


def _as_json(records: Iterable[Record]) -> str:
    return json.dumps([*map(row_of, records)], indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Iterable[Record]], str]] = {".csv": _as_csv, ".json": _as_json}
