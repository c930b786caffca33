"""Entries of a batch: a URL with options and a file name; removes duplicates and collects invalid entries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tintype.batch.record import Record, failed_record
from tintype.errors import InvalidParameter, InvalidRequest, TargetDenied
from tintype.request_parser import ThumbnailRequest

MAX_URLS = 100_000
"""Entries of one batch."""


class ListError(Exception):
    """The list as a whole cannot be used. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list as written; ``line`` is its line in the list, or its number in a sitemap, from 1."""

    line: int
    url: str
    options: tuple[tuple[str, Any], ...] = ()
    """Options of this entry only; they replace those of the command line."""
    output: str = ""
    """File name; empty: made of the URL."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A page to capture, and the first line of the list that contains it."""

    line: int
    url: str
    request: ThumbnailRequest
    output: str = ""

    @property
    def key(self) -> str:
        """Digest of the URL and all options, and of the file name if the list names one."""
        key = self.request.capture_request.key
        return hashlib.sha256(f"{key}\n{self.output}".encode()).hexdigest() if self.output else key


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlList:
    """``invalid`` maps line numbers (from 1) to records of the error; ``duplicates`` counts repeated pages."""

    items: tuple[BatchItem, ...]
    invalid: Mapping[int, Record]
    duplicates: int


def text_entries(lines: Iterable[str]) -> Iterator[Entry]:
    """One URL per line; empty lines and lines that begin with ``#`` are ignored."""
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            yield Entry(number, line)


def parse_entries(entries: Iterable[Entry], parse: Callable[[Entry], ThumbnailRequest]) -> UrlList:
    """Parse entries; the record of an invalid one has its error. Raises ListError for too many."""
    items: dict[str, BatchItem] = {}
    invalid: dict[int, Record] = {}
    outputs: dict[str, int] = {}
    duplicates = 0
    for number, entry in enumerate(entries, 1):
        if number > MAX_URLS:
            raise ListError(f"more than {MAX_URLS:,} URLs; split the list")
        try:
            item = BatchItem(entry.line, entry.url, parse(entry), entry.output)
            _claim_output(outputs, item, is_new=item.key not in items)
        except (InvalidRequest, TargetDenied) as error:
            invalid[entry.line] = failed_record(entry.url, error)
        else:
            duplicates += item.key in items
            items.setdefault(item.key, item)
    return UrlList(items=tuple(items.values()), invalid=invalid, duplicates=duplicates)


def _claim_output(outputs: dict[str, int], item: BatchItem, *, is_new: bool) -> None:
    """Raise InvalidRequest if another entry writes the same file; file systems may ignore case."""
    if not item.output or not is_new:
        return
    first = outputs.setdefault(item.output.casefold(), item.line)
    if first != item.line:
        raise InvalidRequest(InvalidParameter("output", f"{item.output} is already the file of line {first}"))
