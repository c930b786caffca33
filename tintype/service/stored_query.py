"""Conditions for stored objects as operators write them, in queries and as flags."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from tintype.errors import InvalidParameter, InvalidRequest
from tintype.service.purge import Selector, SelectorKind
from tintype.service.stored_objects import StoredFilter
from tintype.urls import TargetPolicy

CONDITIONS = ("prefix", "url", "host", "before")
_PREFIX = re.compile(r"thumbs/[0-9a-f]{0,64}(?:-[0-9a-f]{0,64}(?:\.[a-z]{0,4})?)?")
_SECONDS = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,6})?")


def parse_conditions(texts: Mapping[str, str], policy: TargetPolicy) -> StoredFilter:
    """The filter of some conditions by name; raises InvalidRequest that lists every invalid one.

    ``policy`` canonicalises URLs and denies nothing: what was stored can be found after its host was denied.
    """
    values: dict[str, str] = {}
    before = math.inf
    invalid: list[InvalidParameter] = []
    for name, text in texts.items():
        try:
            if name == "before":
                before = parse_time(text)
            else:
                values[name] = _PARSERS[name](text, policy)
        except InvalidRequest as error:
            invalid.append(InvalidParameter(name, error.invalid_parameters[0].message))
    if invalid:
        raise InvalidRequest(*invalid)
    return StoredFilter(before=before, **values)


def parse_time(text: str) -> float:
    """Seconds since the epoch of a date, of an ISO 8601 time (UTC unless it has an offset), or of such a number."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        message = "must be a date such as 2026-01-31, a time such as 2026-01-31T12:00:00Z, or seconds since 1970"
        raise InvalidRequest(InvalidParameter("before", message)) from None


def _prefix(text: str, _: TargetPolicy) -> str:
    if not _PREFIX.fullmatch(text):
        raise InvalidRequest(InvalidParameter("prefix", "must be the beginning of a key, such as thumbs/3f"))
    return text


def _url(text: str, policy: TargetPolicy) -> str:
    return Selector.parse(SelectorKind.URL, text, policy).value


def _host(text: str, policy: TargetPolicy) -> str:
    if "*" in text.removeprefix("*."):
        raise InvalidRequest(InvalidParameter("host", "must be one host, or *.example.com for all hosts below it"))
    wildcard = "*." if text.startswith("*.") else ""
    return wildcard + Selector.parse(SelectorKind.HOST, text.removeprefix(wildcard), policy).value.strip("[]")


_PARSERS: dict[str, Callable[[str, TargetPolicy], str]] = {"prefix": _prefix, "url": _url, "host": _host}
