"""Types of option values: parse text of a query string and JSON values into one canonical form.

Every type checks the length of a value before its content, so that validation takes at most linear time in the size of
the value.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from tintype.model import Verdict
from tintype.options.devices import DEVICES, slug

MAX_SHORT = 100
"""Characters of a value that is a name, a number or a list of these: device, locale, time zone, clip, verdicts."""
TAG = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
TAG_FORM = "1 to 64 letters, digits or . _ : / -"
MAX_TAGS = 8
"""Tags of one thumbnail."""
MAX_TAGS_TEXT = 1000
"""Characters of a list of tags, commas and spaces included."""
MAX_SELECTOR = 500
"""Characters of a CSS selector."""
MAX_SELECTORS = 2000
"""Characters of a list of CSS selectors, commas included."""
MAX_USER_AGENT = 500
"""Characters of a user agent."""
MAX_SOURCE = 50_000
"""Characters of a style sheet or a script."""
MAX_HTML = 1_000_000
"""Characters of a page sent as HTML."""
MAX_COORDINATE = 100_000
"""CSS pixels from the upper left corner of a page."""
MAX_SIDE = 16_000
"""CSS pixels of a side of a clip."""

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,6})?")
_MAX_NUMBER = 1e9
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
_DEFAULT_ACCURACY = 10.0


def _short(parse: Callable[[Any], Any]) -> BeforeValidator:
    """Parse a value with this function, if it is a text or a list of at most ``MAX_SHORT`` characters or members."""

    def parse_short(value: Any) -> Any:
        if isinstance(value, str | list | tuple | dict) and len(value) > MAX_SHORT:
            raise ValueError("too long")
        return parse(value)

    return BeforeValidator(parse_short)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower() if isinstance(value, str | int) else ""
    if text not in _BOOLEANS:
        raise ValueError("not a boolean")
    return _BOOLEANS[text]


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not a whole number")


def _number(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER:
        return float(value)
    raise ValueError("not a number")


def _single_line(value: str) -> str:
    text = value.strip()
    if not text or _CONTROL.search(value):
        raise ValueError("empty, or contains control characters")
    return text


def _nonblank_text(value: str) -> str:
    if not value.strip() or _LONE_SURROGATE.search(value) or "\0" in value:
        raise ValueError("empty, or not valid text")
    return value


def _selectors(value: Any) -> Any:
    """Join a list of selectors by commas, as CSS does."""
    if not isinstance(value, list | tuple):
        return value
    if not 0 < len(value) <= MAX_SELECTORS or not all(isinstance(part, str) and part.strip() for part in value):
        raise ValueError("not a list of selectors")
    return ", ".join(part.strip() for part in value)


def _scroll_target(value: Any) -> str:
    """A number of pixels or a selector; no CSS selector is a number."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    is_text = isinstance(value, str) and len(value) <= MAX_SELECTOR
    text = _single_line(str(value)) if is_number or is_text else ""
    if _INTEGER.fullmatch(text):
        pixels = int(text)
        if not 0 <= pixels <= MAX_COORDINATE:
            raise ValueError("out of range")
        return str(pixels)
    return text


def _user_agent(value: str) -> str:
    text = value.strip()
    if not text or not value.isascii() or not value.isprintable():
        raise ValueError("empty, or not printable ASCII")
    return text


def _locale(value: Any) -> str:
    """A language tag in its canonical case (RFC 5646, 2.1.1)."""
    if not isinstance(value, str) or not _LANGUAGE_TAG.fullmatch(value):
        raise ValueError("not a language tag")
    language, *rest = value.split("-")
    cases: dict[int, Callable[[str], str]] = {2: str.upper, 4: str.title}
    return "-".join((language.lower(), *(cases.get(len(part), str.lower)(part) for part in rest)))


def _timezone(value: Any) -> str:
    if not isinstance(value, str) or not _ZONE_NAME.fullmatch(value):
        raise ValueError("not a time zone name")
    try:
        return zoneinfo.ZoneInfo(value).key
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError("unknown time zone") from error


def _split_values(value: Any, names: tuple[str, ...], required: int) -> list[Any]:
    """The members of ``1,2,3``, of ``[1, 2, 3]`` or of an object with these names, of which the first are required."""
    if isinstance(value, dict):
        if not set(names[:required]) <= value.keys() <= set(names):
            raise ValueError("missing or unknown members")
        return [value[name] for name in names if name in value]
    parts = value.split(",", len(names)) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not required <= len(parts) <= len(names):
        raise ValueError("wrong number of values")
    return [part.strip() if isinstance(part, str) else part for part in parts]


def _clip(value: Any) -> tuple[int, int, int, int]:
    x, y, width, height = (_integer(part) for part in _split_values(value, ("x", "y", "width", "height"), 4))
    within = all(0 <= corner <= MAX_COORDINATE for corner in (x, y)) and all(
        1 <= n <= MAX_SIDE for n in (width, height)
    )
    if not within:
        raise ValueError("out of range")
    return x, y, width, height


def _geolocation(value: Any) -> tuple[float, float, float]:
    members = _split_values(value, ("latitude", "longitude", "accuracy"), 2)
    latitude, longitude, accuracy = (*(_number(part) for part in members), _DEFAULT_ACCURACY)[:3]
    if abs(latitude) > 90 or abs(longitude) > 180 or not 0 < accuracy <= MAX_COORDINATE:  # noqa: PLR2004 - degrees
        raise ValueError("out of range")
    return latitude, longitude, accuracy


def _device(value: Any) -> str:
    name = slug(value) if isinstance(value, str) else ""
    if name not in DEVICES:
        raise ValueError("unknown device")
    return name


def _verdicts(value: Any) -> tuple[Verdict, ...]:
    """Each verdict once, in a fixed order, so that equal options are equal values."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words:
        raise ValueError("not a list")
    chosen = {Verdict(str(word).strip().lower()) for word in words}
    if Verdict.OK in chosen:
        raise ValueError("ok is not a failure")
    return tuple(verdict for verdict in Verdict if verdict in chosen)


def _tags(value: Any) -> tuple[str, ...]:
    """Each tag once, in the order of the client."""
    if isinstance(value, str) and len(value) > MAX_TAGS_TEXT:
        raise ValueError("too long")
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not 0 < len(words) <= MAX_TAGS:
        raise ValueError("not a list of tags")
    found = tuple(dict.fromkeys(word.strip() if isinstance(word, str) else "" for word in words))
    if not all(TAG.fullmatch(word) for word in found):
        raise ValueError("not a tag")
    return found


def _paper(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _format(value: Any) -> Any:
    return "jpeg" if value == "jpg" else value


def _pattern_schema(pattern: re.Pattern[str]) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern.pattern})$", "maxLength": MAX_SHORT}


def _array_schema(low: int, *members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": [*members], "items": False, "minItems": low, "maxItems": len(members)}


_TAGS = {"type": "array", "items": _pattern_schema(TAG), "minItems": 1, "maxItems": MAX_TAGS}
_COORDINATE = {"type": "integer", "minimum": 0, "maximum": MAX_COORDINATE}
_SIDE = {"type": "integer", "minimum": 1, "maximum": MAX_SIDE}
_CLIP = _array_schema(4, _COORDINATE, _COORDINATE, _SIDE, _SIDE)
_GEOLOCATION = _array_schema(
    2,
    {"type": "number", "minimum": -90, "maximum": 90},
    {"type": "number", "minimum": -180, "maximum": 180},
    {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_COORDINATE},
)
_FAILED_VERDICTS = [verdict.value for verdict in Verdict if verdict is not Verdict.OK]
_VERDICTS = {
    "type": "array",
    "items": {"type": "string", "enum": _FAILED_VERDICTS},
    "minItems": 1,
    "maxItems": MAX_SHORT,
}

Bool = Annotated[bool, _short(_boolean)]
Int = Annotated[int, _short(_integer)]
Number = Annotated[float, _short(_number)]
DeviceName = Annotated[str, _short(_device), WithJsonSchema({"type": "string", "enum": [*DEVICES]})]
Selector = Annotated[str, Field(min_length=1, max_length=MAX_SELECTOR), AfterValidator(_single_line)]
Selectors = Annotated[
    str, BeforeValidator(_selectors), Field(min_length=1, max_length=MAX_SELECTORS), AfterValidator(_single_line)
]
ScrollTarget = Annotated[str, BeforeValidator(_scroll_target), Field(min_length=1, max_length=MAX_SELECTOR)]
SourceCode = Annotated[str, Field(min_length=1, max_length=MAX_SOURCE), AfterValidator(_nonblank_text)]
InlineHtml = Annotated[str, Field(min_length=1, max_length=MAX_HTML), AfterValidator(_nonblank_text)]
UserAgent = Annotated[str, Field(min_length=1, max_length=MAX_USER_AGENT), AfterValidator(_user_agent)]
Locale = Annotated[str, _short(_locale), WithJsonSchema(_pattern_schema(_LANGUAGE_TAG))]
Timezone = Annotated[str, _short(_timezone), WithJsonSchema(_pattern_schema(_ZONE_NAME))]
Clip = Annotated[tuple[int, int, int, int], _short(_clip), WithJsonSchema(_CLIP)]
Geolocation = Annotated[tuple[float, float, float], _short(_geolocation), WithJsonSchema(_GEOLOCATION)]
FormatName = Literal["png", "jpeg", "webp", "avif"]
Format = Annotated[Literal["png", "jpeg", "webp", "avif", "pdf", "json"], _short(_format)]
FormatOrAuto = Annotated[Literal["png", "jpeg", "webp", "avif", "pdf", "json", "auto"], _short(_format)]
Paper = Annotated[Literal["a3", "a4", "a5", "letter", "legal", "tabloid"], _short(_paper)]
Verdicts = Annotated[tuple[Verdict, ...], _short(_verdicts), WithJsonSchema(_VERDICTS)]
Tags = Annotated[tuple[str, ...], BeforeValidator(_tags), WithJsonSchema(_TAGS)]
Fit = Literal["cover", "contain", "inside", "fill"]
