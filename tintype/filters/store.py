"""Store of filter lists: a folder with a copy of each list, an index, and the compiled engine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time as now
from typing import Any

import structlog

from tintype.network import outbound
from tintype.network.egress import Policy
from tintype.network.outbound import FetchError

log = structlog.get_logger("tintype.filters")

ENGINE = "engine.dat"
_INDEX = "lists.json"
_HEADER_LINES = 60
_FIELD = re.compile(r"^[!#]\s*([A-Za-z ]{3,20}):\s*(.+?)\s*$")
_MARKUP = ("<!doctype", "<html")


@dataclass(frozen=True, slots=True)
class FilterListInfo:
    """One list: its source, its file, the fields of its header, and when it was read (Unix time)."""

    source: str
    file: str
    title: str
    licence: str
    version: str
    rules: int
    read_at: float
    failure: str = ""
    """Reason why the last update failed, so that this copy is older or missing; empty after success."""


@dataclass(frozen=True, slots=True)
class FilterListStore:
    """The filter lists in one folder."""

    folder: Path

    @property
    def engine_path(self) -> Path:
        """The file with the compiled lists."""
        return self.folder / ENGINE

    def lists(self) -> tuple[FilterListInfo, ...]:
        """The lists that were compiled last; empty before the first update, and with a warning for a broken index."""
        index = self.folder / _INDEX
        try:
            entries = json.loads(index.read_text(encoding="utf-8"))
            return tuple(FilterListInfo(**entry) for entry in entries) if self.engine_path.is_file() else ()
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, TypeError) as error:
            log.warning("filter_index_invalid", path=str(index), reason=str(error), remedy="tintype update-filters")
            return ()

    def update(self, sources: Iterable[str], read: Callable[[str], str]) -> tuple[FilterListInfo, ...]:
        """Read and compile every list, and replace the compiled file atomically.

        If a list cannot be read, its last copy is compiled. Raises FetchError if no list has a copy.
        """
        from tintype.filters.engine import compile_lists  # noqa: PLC0415 - imports the engine only to compile

        earlier = {entry.source: entry for entry in self.lists()}
        read_now = [self._read_list(source, read, earlier.get(source)) for source in sources]
        texts = [(self.folder / entry.file).read_text(encoding="utf-8") for entry in read_now if entry.file]
        if not texts:
            raise FetchError("; ".join(f"{entry.source}: {entry.failure}" for entry in read_now))
        self._write(ENGINE, compile_lists(texts))
        self._write(_INDEX, json.dumps([asdict(entry) for entry in read_now], indent=1).encode())
        self._prune({entry.file for entry in read_now})
        return tuple(read_now)

    def _read_list(self, source: str, read: Callable[[str], str], earlier: FilterListInfo | None) -> FilterListInfo:
        try:
            text = read(source)
            rules = _count_rules(text)
        except FetchError as failure:
            fields: dict[str, Any] = asdict(earlier) if earlier else _empty_info(source)
            return FilterListInfo(**{**fields, "failure": str(failure)})
        name = f"{hashlib.sha256(source.encode()).hexdigest()[:12]}.txt"
        self._write(name, text.encode())
        header = _read_header(text)
        return FilterListInfo(
            source=source,
            file=name,
            title=header.get("title", "") or source.rpartition("/")[2],
            licence=header.get("license", "") or header.get("licence", ""),
            version=header.get("version", "") or header.get("last modified", ""),
            rules=rules,
            read_at=now(),
        )

    def _write(self, name: str, body: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _prune(self, kept: set[str]) -> None:
        for path in self.folder.glob("*.txt"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def read_source(source: str, policy: Policy) -> str:
    """The text of a list from a URL, past the egress policy, or from a path; raises FetchError."""
    is_url = source.startswith(("http://", "https://"))
    body = outbound.fetch(source, policy) if is_url else _read_file(Path(source))
    return body.decode("utf-8", errors="replace")


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(outbound.MAX_BYTES + 1)
    except OSError as error:
        raise FetchError(str(error)) from error
    if len(body) > outbound.MAX_BYTES:
        raise FetchError(f"the file is longer than {outbound.MAX_BYTES >> 20} MB")
    return body


def _count_rules(text: str) -> int:
    """Count the rules of a list; raises FetchError for text that is not a list."""
    if text.lstrip()[:200].lower().startswith(_MARKUP):
        raise FetchError("the response is a web page, not a filter list")
    rules = sum(1 for line in text.splitlines() if line.strip() and not line.startswith(("!", "[", "# ")))
    if not rules:
        raise FetchError("the list contains no rules")
    return rules


def _read_header(text: str) -> dict[str, str]:
    matches = (_FIELD.match(line) for line in text.splitlines()[:_HEADER_LINES])
    fields = [match.groups() for match in matches if match and "%" not in match[2]]
    return {name.strip().lower(): value for name, value in reversed(fields)}


def _empty_info(source: str) -> dict[str, Any]:
    return {"source": source, "file": "", "title": source, "licence": "", "version": "", "rules": 0, "read_at": 0.0}
