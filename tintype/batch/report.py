"""How does a list end up on paper? Its entries as CSV or as JSON."""

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
"""Without the key, which means nothing to anybody else."""


def write(path: Path, records: Iterable[Record]) -> None:
    """Write a report of the kind that the file's name says; raises OSError, or KeyError for another kind."""
    write_atomically(path, FORMATS[path.suffix.lower()](records).encode())


def _as_csv(records: Iterable[Record]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(entry) for entry in records)
    return text.getvalue()


def _as_json(records: Iterable[Record]) -> str:
    listed = [{name: getattr(entry, name) for name in _COLUMNS} for entry in records]
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Iterable[Record]], str]] = {".csv": _as_csv, ".json": _as_json}
