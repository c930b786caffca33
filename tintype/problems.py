"""Reads problem documents (RFC 9457) of this service back into errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tintype.errors import ALL, InvalidParameter, InvalidRequest, TintypeError

_MAX_RETRY_AFTER = 1e9  # seconds; math.ceil fails on infinity and on integers too large for a float
_BY_CODE: dict[str, type[TintypeError]] = {error.code: error for error in ALL}


def from_problem(problem: Mapping[str, Any]) -> TintypeError:
    """The error that ``problem()`` described. Never raises: an unknown code becomes a plain ``TintypeError``."""
    kind, detail = _BY_CODE.get(str(problem.get("error")), TintypeError), str(problem.get("detail") or "")
    if issubclass(kind, InvalidRequest):
        listed = problem.get("errors")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        texts = ([str(entry.get(name, "")) for name in ("parameter", "message")] for entry in entries)
        return kind(*(InvalidParameter(*text) for text in texts), detail=detail)
    seconds = problem.get("retry_after")
    is_valid = isinstance(seconds, int | float) and 0 <= seconds <= _MAX_RETRY_AFTER
    return kind(detail, retry_after=seconds if is_valid else None)
