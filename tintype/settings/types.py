"""Types of settings: durations, sizes, lists, networks, rates, keys. Each is checked by pydantic.

Types of pydantic are used where they accept the same text. These do not, so they are parsed here: ``ByteSize`` reads
``1g`` as 10⁹ bytes, ``timedelta`` requires ISO 8601, ``IPvAnyNetwork`` rejects a network with host bits set, and
``HttpUrl`` rewrites the operator's text. The parser of rates in limits would be imported by every command.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from tintype import rates
from tintype.api_keys import ApiKey
from tintype.webhook_secrets import check_secret

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
MAX_DURATION = 10 * 365 * 86400
"""Seconds; a longer duration exceeds the range of some timers."""
_MAX_QUANTITY = 1e18
_MAX_QUANTITY_LENGTH = 40
"""Characters of a duration or a size."""
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)")
_ADMIN_KEY = re.compile(r"([\w.-]{1,40}):[!-9;-~]{16,200}", re.ASCII)
_API_KEY = re.compile(rf"{_ADMIN_KEY.pattern}(?::.*)?", re.ASCII)
_HASHED_KEY = re.compile(r"sha256-[0-9a-f]{64}")
_MIN_KEY_LENGTH = 16


def parse_duration(value: Any) -> float:
    """Seconds of a duration such as ``10m``; a number without a unit is seconds. Raises ValueError."""
    return _parse_quantity(value, _SECONDS)


def _parse_size(value: Any) -> int:
    """Bytes of a size such as ``512m``: the units are powers of 1024, with or without a ``b``."""
    return int(_parse_quantity(value, _BYTES))


def _parse_quantity(value: Any, units: Mapping[str, float]) -> float:
    text = str(value).strip()
    match = _QUANTITY.fullmatch(text.lower()) if len(text) <= _MAX_QUANTITY_LENGTH else None
    if not match:
        raise ValueError("not a number with a unit")
    unit = match[2].removesuffix("b") if match[2].removesuffix("b") in units else match[2]
    if unit not in units:
        raise ValueError("unknown unit")
    quantity = float(match[1]) * units[unit]
    if quantity > _MAX_QUANTITY:
        raise ValueError("too large")
    return quantity


def _bound(value: Any, parse: Callable[[Any], float], none: str, least: float = 1) -> Any:
    """A bound of at least ``least``, or 0 for the word that means no bound. A plain 0 could mean both, so it fails."""
    if str(value).strip().lower() == none:
        return 0
    quantity = parse(value)
    if quantity < least:
        raise ValueError("too small")
    return quantity


def _size_or_unlimited(value: Any) -> Any:
    return _bound(value, _parse_size, "unlimited")


def _number_or_unlimited(value: Any) -> Any:
    return _bound(value, int, "unlimited")


def _duration_or_off(value: Any) -> Any:
    return _bound(value, parse_duration, "off", 60)


def _split_commas(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        ipaddress.ip_network(value, strict=False)
    return values


def _split_entries(value: Any) -> Any:
    """Entries separated by commas or line ends, as in a file; a line that starts with # is a comment."""
    if not isinstance(value, str):
        return value
    lines = (line for line in value.splitlines() if not line.lstrip().startswith("#"))
    return _split_commas(",".join(lines))


def _thumb_limit(value: str) -> str:
    if rates.normalize(value) == rates.OFF:
        raise ValueError("there is no other limit that could apply")
    return rates.normalize(value)


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("not an http:// or https:// URL")
    return value.rstrip("/")


def _broker_url(value: str) -> str:
    parts = urlsplit(value)
    has_place = parts.path if parts.scheme == "unix" else parts.hostname
    if value and not (parts.scheme in ("amqp", "amqps", "redis", "rediss", "unix") and has_place):
        raise ValueError("not a URL of RabbitMQ or Redis")
    _ = parts.port  # raises ValueError for what is no number
    return value


def _count_or_auto(value: Any) -> Any:
    return None if str(value).strip().lower() in ("auto", "none") else value


def _api_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    values = _named_keys(_API_KEY, values)
    for value in values:
        ApiKey.parse(value)  # checks the options
    return values


def _admin_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    return _named_keys(_ADMIN_KEY, values)


def _named_keys(notation: re.Pattern[str], values: tuple[str, ...]) -> tuple[str, ...]:
    matches = [notation.fullmatch(value) for value in values]
    names = [match[1] for match in matches if match]
    if len(set(names)) != len(values):
        raise ValueError("invalid key, or a name given twice")
    for key in (value.split(":")[1] for value in values):
        if key.startswith("sha256-") and not _HASHED_KEY.fullmatch(key):
            raise ValueError("invalid SHA-256 digest")
    return values


def _signing_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(value) < _MIN_KEY_LENGTH for value in values):
        raise ValueError("too short")
    return values


def _webhook_secrets(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(check_secret, values))


def _header_text(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("not printable ASCII")
    return value


def _shared_secret(value: str) -> str:
    if value and len(value) < _MIN_KEY_LENGTH:
        raise ValueError("too short")
    return value


AnyCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
"""Accept a word in any case."""
BlankRetry = Annotated[Literal["local", "always", "never"], AnyCase]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
HeaderText = Annotated[str, AfterValidator(_header_text)]
"""A secret that is sent in a header field, where other characters have no common encoding (RFC 9110, 5.5)."""
Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, le=MAX_DURATION)]
CaptureTime = Annotated[float, BeforeValidator(parse_duration), Field(ge=1, le=600)]
Age = Annotated[float, BeforeValidator(parse_duration), Field(ge=1, le=7 * 86_400)]
Size = Annotated[int, BeforeValidator(_parse_size), Field(ge=0)]
SizeOrUnlimited = Annotated[int, BeforeValidator(_size_or_unlimited)]
"""0: unlimited."""
NumberOrUnlimited = Annotated[int, BeforeValidator(_number_or_unlimited)]
"""0: unlimited."""
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
CountOrAuto = Annotated[Annotated[int, Field(ge=0, le=256)] | None, BeforeValidator(_count_or_auto)]
"""None: auto."""
DurationOrOff = Annotated[float, BeforeValidator(_duration_or_off)]
"""0: off."""
CommaList = Annotated[tuple[str, ...], BeforeValidator(_split_commas)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_networks)]
Rate = Annotated[str, AfterValidator(rates.normalize)]
ThumbRate = Annotated[str, AfterValidator(_thumb_limit)]
ApiKeys = Annotated[tuple[str, ...], BeforeValidator(_split_entries), AfterValidator(_api_keys)]
AdminKeys = Annotated[tuple[str, ...], BeforeValidator(_split_entries), AfterValidator(_admin_keys)]
SharedSecret = Annotated[str, AfterValidator(_shared_secret)]
SigningKeys = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_signing_keys)]

WebhookSecrets = Annotated[tuple[str, ...], BeforeValidator(_split_commas), AfterValidator(_webhook_secrets)]

SWITCH = "1 or 0"
BLANK_RETRY = "local, always or never"
DURATION = "a duration such as 30s, 10m, 1d"
CAPTURE_TIME = "a duration from 1s to 10m"
AGE = "a duration from 1s to 7d"
SIZE = "a size such as 512m, 2g"
SIZE_OR_UNLIMITED = "a size such as 512m, 2g, or unlimited"
NUMBER_OR_UNLIMITED = "a number from 1, or unlimited"
DURATION_OR_OFF = "a duration of at least 1m such as 12h, 90d, or off"
RATE = "a rate such as 30 per minute, unlimited, closed, or off (the limit of /thumb applies)"
THUMB_RATE = "a rate such as 30 per minute, unlimited or closed"
HEADER_NAME = "X-Forwarded-For, Forwarded (RFC 7239) or another name of letters, digits and hyphens"
NETWORKS = "IP networks, comma-separated"
HOSTS = "host names, comma-separated"
API_KEYS = (
    "name:key or name:key:600 per minute, comma-separated; each name once, keys of at least 16 ASCII characters;"
    " options thumb=, hit=, meta=, persist=, quota=, hosts=, webhook_secret=, each after a colon:"
    " name:key:quota=1000:hosts=example.com"
)
ADMIN_KEYS = "name:key, comma-separated; each name once, keys of at least 16 ASCII characters"
SIGNING_KEYS = "keys of at least 16 characters, comma-separated"
WEBHOOK_SECRETS = "whsec_ and 24 to 64 bytes in base64, comma-separated; tintype webhooks secret generates one"
HEADER_TEXT = "printable ASCII text"
LONG_TEXT = "text of at least 16 characters"
BROKER_URL = "amqp://, amqps://, redis://, rediss:// or unix://"
HTTP_URL = "an http:// or https:// URL"


def describe_problem(name: str, value: str | None, accepts: str, error_type: str) -> str:
    """The error of a setting, with the value as the operator wrote it; None: the value is secret."""
    quoted = "" if value is None else f" {value[:80]!r}"
    bound = ", above 0" if accepts == SIZE and error_type == "greater_than_equal" else ""
    return f"{name}: invalid value{quoted}; expected {accepts}{bound}"
