"""How operators write durations, sizes, lists, networks and rates; each a type pydantic can check."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_MAX_QUANTITY = 1e18
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def _parse_quantity(value: Any, units: Mapping[str, float]) -> float:
    found = _QUANTITY.fullmatch(str(value).strip().lower())
    unit = found[2].removesuffix("b") if found and found[2].removesuffix("b") in units else found and found[2]
    if not found or unit not in units:
        raise ValueError("unit")
    measured = float(found[1]) * units[str(unit)]
    if measured > _MAX_QUANTITY:
        raise ValueError("too large")
    return measured


def parse_duration(value: Any) -> float:
    """A duration such as ``10m``; raises ValueError."""
    return _parse_quantity(value, _SECONDS)


def _parse_size(value: Any) -> int:
    return int(_parse_quantity(value, _BYTES))


def _split_commas(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _switch(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError("switch")
    return text in _TRUE


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        ipaddress.ip_network(value, strict=False)
    return values


_RATE = re.compile(r"[1-9][0-9]*\s*(per|/)\s*([0-9]+\s*)?(second|minute|hour|day)s?", re.IGNORECASE)


def _rate(value: str) -> str:
    if value.strip().lower() not in ("", "off") and not _RATE.fullmatch(value.strip()):
        raise ValueError("rate")
    return "" if value.strip().lower() == "off" else value.strip()


AnyCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("web address")
    return value.rstrip("/")


_API_KEY = re.compile(rf"([\w.-]{{1,40}}):[^\s:]{{16,200}}(?::{_RATE.pattern})?", re.ASCII | re.IGNORECASE)
_HASHED_KEY = re.compile(r"sha256-[0-9a-f]{64}")
_MIN_KEY_LENGTH = 16


def _api_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    found = [_API_KEY.fullmatch(value) for value in values]
    names = [match[1] for match in found if match]
    if len(set(names)) != len(values):
        raise ValueError("keys")
    for key in (value.split(":")[1] for value in values):
        if key.startswith("sha256-") and not _HASHED_KEY.fullmatch(key):
            raise ValueError("digest")
    return values


def _signing_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(value) < _MIN_KEY_LENGTH for value in values):
        raise ValueError("too short")
    return values


def _shared_secret(value: str) -> str:
    if value and len(value) < _MIN_KEY_LENGTH:
        raise ValueError("too short")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Size = Annotated[int, BeforeValidator(_parse_size), Field(ge=0)]
CommaList = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_networks)]
Rate = Annotated[str, AfterValidator(_rate)]
ApiKeys = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_api_keys)]
SharedSecret = Annotated[str, AfterValidator(_shared_secret)]
SigningKeys = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_signing_keys)]

DURATION = "a duration such as 30s, 10m, 1d"
SIZE = "a size such as 512m, 2g"
RATE = "a rate such as 30 per minute, or off"
API_KEYS = "name:key or name:key:600 per minute, by commas; names once, keys of 16 characters or more"
SIGNING_KEYS = "texts of 16 characters or more, by commas"
LONG_TEXT = "a text of 16 characters or more"
HTTP_URL = "an http:// or https:// address"
