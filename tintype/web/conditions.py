"""Conditional requests (RFC 9110, section 13) and byte ranges (section 14)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from flask import Request, Response
from werkzeug.datastructures import ETags
from werkzeug.http import parse_date, parse_etags

from tintype.errors import PreconditionFailed, RangeNotSatisfiable

NOT_MODIFIED, PARTIAL_CONTENT = 304, 206
_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t,]*(\d{0,18})-(\d{0,18})[ \t,]*", re.ASCII | re.IGNORECASE)
_READ_METHODS = {"GET", "HEAD"}


class ByteRange(NamedTuple):
    """Bytes of an object: the first, and their number."""

    start: int
    length: int

    def content_range(self, complete_length: int) -> str:
        """Value of Content-Range (RFC 9110, 14.4)."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{complete_length}"


def evaluate(response: Response, request: Request) -> bool:
    """Evaluate the conditions of a GET or HEAD in the order of RFC 9110, 13.2.2.

    Returns whether the client has the same representation, and then makes the response a 304. Raises
    PreconditionFailed. Validators are ETag and Last-Modified of the response.
    """
    if request.method not in _READ_METHODS:
        return False
    modified = response.last_modified
    if "If-Match" in request.headers:
        _require(_matches(request.if_match, response.get_etag(), weak=False), "If-Match")
    elif "If-Unmodified-Since" in request.headers:
        until = parse_date(request.headers["If-Unmodified-Since"])
        _require(not (modified and until and modified > until), "If-Unmodified-Since")
    if "If-None-Match" in request.headers:
        is_same = _matches(request.if_none_match, response.get_etag(), weak=True)
    else:
        since = parse_date(request.headers.get("If-Modified-Since"))
        is_same = bool(modified and since and modified <= since)
    if is_same:
        response.status_code = NOT_MODIFIED
    return is_same


def requested_range(response: Response, request: Request, complete_length: int) -> ByteRange | None:
    """The range to send, or None for the whole object; raises RangeNotSatisfiable.

    Only GET has ranges. Several ranges, other units and malformed ones are ignored, as RFC 9110, 14.2 permits, also a
    range whose If-Range names another version.
    """
    found = _ONE_RANGE.fullmatch(request.headers.get("Range", "")) if request.method == "GET" else None
    if found is None or found.groups() == ("", "") or not _holds_if_range(response, request):
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, complete_length - int(last))
    end = min(int(last) + 1, complete_length) if first and last else complete_length
    if start >= end:
        detail = f"the range begins after the last of {complete_length} bytes; send a range within them"
        raise RangeNotSatisfiable(detail, complete_length=complete_length)
    return ByteRange(start, end - start)


def http_date(seconds: float) -> datetime:
    """A time as HTTP states it, to whole seconds; ``seconds`` since the epoch."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _require(condition: bool, field: str) -> None:
    if not condition:
        raise PreconditionFailed(f"{field} does not match the current version; request it without {field}")


def _matches(held: ETags, etag: tuple[str | None, bool | None], *, weak: bool) -> bool:
    value, is_weak = etag
    if held.star_tag:
        return True
    if not value:
        return False
    return held.contains_weak(value) if weak else not is_weak and held.contains(value)


def _holds_if_range(response: Response, request: Request) -> bool:
    condition = request.headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.startswith(('"', "W/")):
        return _matches(parse_etags(condition), response.get_etag(), weak=False)
    return response.last_modified is not None and parse_date(condition) == response.last_modified
