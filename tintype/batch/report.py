"""The report of a batch run, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from tintype.batch import write_atomically
from tintype.batch.record import FIELD_NAMES, Record

_COLUMNS = FIELD_NAMES[:-1]
"""All fields except the key, which is internal."""


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a report in the format of the file's suffix; raises OSError, or KeyError for an unknown suffix."""
    write_atomically(path, FORMATS[path.suffix.lower()](records).encode())


def _as_csv(records: Iterable[Record]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(record) for record in records)
    return text.getvalue()


def _as_json(records: Iterable[Record]) -> str:
    rows = [{name: getattr(record, name) for name in _COLUMNS} for record in records]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Iterable[Record]], str]] = {".csv": _as_csv, ".json": _as_json}
