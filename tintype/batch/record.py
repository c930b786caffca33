"""The record of one page: a line of the manifest and a row of the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tintype.batch.filenames import is_file_name
from tintype.errors import InvalidRequest, TintypeError, UnusableCapture
from tintype.model import ThumbnailResult


class RecordStatus(StrEnum):
    """The state of a page at the end of a run."""

    CAPTURED = "captured"
    """The thumbnail was written in this run."""
    SKIPPED = "skipped"
    """The thumbnail exists since an earlier run."""
    FAILED = "failed"
    """The capture failed; ``error`` and ``detail`` give the reason."""
    PENDING = "pending"
    """The run ended before this page was captured, or the service could not capture any page at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Fields in the order of the report. ``error`` is a code of the errors table, ``status`` the page's HTTP status."""

    url: str
    """The URL as written in the list."""
    state: RecordStatus
    file: str = ""
    width: int = 0
    height: int = 0
    bytes: int = 0
    status: int = 0
    verdict: str = ""
    final_url: str = ""
    taken_at: str = ""
    """Time of the capture, ISO 8601 in UTC; before the start of the run if the capture came from the cache."""
    cache: str = ""
    seconds: float = 0.0
    """Duration, including retries."""
    error: str = ""
    detail: str = ""
    key: str = ""
    """Digest of the URL and all options."""

    def to_json(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Parse a line; raises ValueError. Ignores unknown members."""
        data: Any = json.loads(line)
        if not isinstance(data, dict):
            raise ValueError("not an object")  # noqa: TRY004 - a wrong value, not a wrong call
        values = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        try:
            record = cls(**{**values, "state": RecordStatus(values.get("state", ""))})
        except TypeError as error:
            raise ValueError(str(error)) from None
        if not isinstance(record.key, str) or not isinstance(record.bytes, int) or not _is_name_or_empty(record.file):
            raise ValueError("not a record")
        return record


FIELD_NAMES = tuple(field.name for field in fields(Record))


def captured_record(url: str, result: ThumbnailResult, *, key: str, file: str, seconds: float) -> Record:
    """The record of a captured page."""
    thumbnail = result.thumbnail
    return Record(
        url=url,
        state=RecordStatus.CAPTURED,
        file=file,
        width=thumbnail.width,
        height=thumbnail.height,
        bytes=len(thumbnail.body),
        status=thumbnail.status,
        verdict=str(thumbnail.verdict),
        final_url=thumbnail.final_url,
        taken_at=datetime.fromtimestamp(thumbnail.taken_at, UTC).isoformat(timespec="seconds"),
        cache=str(result.cache),
        seconds=round(seconds, 3),
        key=key,
    )


def failed_record(url: str, error: TintypeError, *, key: str = "", seconds: float = 0.0) -> Record:
    """The record of a page without a capture: FAILED for a failure of the page, PENDING for one of the service."""
    state = RecordStatus.FAILED if _is_page_failure(error) else RecordStatus.PENDING
    return Record(url=url, state=state, error=error.code, detail=error.detail, key=key, seconds=round(seconds, 3))


def _is_page_failure(error: TintypeError) -> bool:
    """Whether the same capture would fail again: the request or the page is the reason, not the service."""
    return error.cacheable or isinstance(error, InvalidRequest | UnusableCapture)


def _is_name_or_empty(name: Any) -> bool:
    return isinstance(name, str) and (not name or is_file_name(name))
