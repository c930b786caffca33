"""What became of a page? One line of the ledger and of the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tintype.errors import TintypeError
from tintype.model import ThumbnailResult


class RecordStatus(StrEnum):
    """How a page stands."""

    CAPTURED = "taken"
    """Its picture was written in this run."""
    SKIPPED = "kept"
    """Its picture is there since an earlier run."""
    FAILED = "failed"
    """There is none, and ``error`` says why."""
    PENDING = "left"
    """Its turn did not come: the run ended before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The members of a report, in order. ``error`` is a code of the errors table, ``status`` that of the page."""

    url: str
    """As the list has it."""
    state: RecordStatus
    file: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    status: int = 0
    verdict: str = ""
    final_url: str = ""
    taken_at: str = ""
    """When the picture was taken, ISO 8601 in UTC; earlier than the run if it was remembered."""
    cache: str = ""
    seconds: float = 0.0
    error: str = ""
    detail: str = ""
    key: str = ""
    """The page with all options, as a digest."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read a line; raises ValueError. Members that it does not know are left out."""
        members: Any = json.loads(line)
        if not isinstance(members, dict):
            raise ValueError("not an object")  # noqa: TRY004 - a wrong value, not a wrong call
        known = {field.name: members[field.name] for field in fields(cls) if field.name in members}
        try:
            entry = cls(**{**known, "state": RecordStatus(known.get("state", ""))})
        except TypeError as error:
            raise ValueError(str(error)) from None
        if not isinstance(entry.key, str) or not isinstance(entry.bytes, int) or not _is_file_name(entry.file):
            raise ValueError("not an entry")
        return entry


FIELD_NAMES = tuple(field.name for field in fields(Record))


def captured_record(url: str, result: ThumbnailResult, *, key: str, file: str, seconds: float) -> Record:
    """A page with its picture."""
    picture = result.thumbnail
    return Record(
        url=url,
        state=RecordStatus.CAPTURED,
        file=file,
        width=picture.width,
        height=picture.height,
        bytes=len(picture.body),
        status=picture.status,
        verdict=str(picture.verdict),
        final_url=picture.final_url,
        taken_at=datetime.fromtimestamp(picture.taken_at, UTC).isoformat(timespec="seconds"),
        cache=str(result.cache),
        seconds=round(seconds, 3),
        key=key,
    )


def failed_record(url: str, error: TintypeError, *, key: str = "", seconds: float = 0.0) -> Record:
    """A page without one."""
    return Record(
        url=url, state=RecordStatus.FAILED, error=error.code, detail=error.detail, key=key, seconds=round(seconds, 3)
    )


def _is_file_name(name: Any) -> bool:
    """Whether a name stays in its folder."""
    return isinstance(name, str) and not set(name) & {"/", "\\", "\0"} and name not in {".", ".."}
