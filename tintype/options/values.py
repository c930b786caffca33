"""How is one value of an option understood? Texts of a query string and values of JSON become one type."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tintype.options.devices import DEVICES, slug

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,6})?")
_TOO_LARGE = 1e9
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in _BOOLEANS or not isinstance(value, str | int):
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
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _TOO_LARGE:
        return float(value)
    raise ValueError("not a number")


def _line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("control characters")
    return value.strip()


def _device(value: Any) -> str:
    name = slug(value) if isinstance(value, str) else ""
    if name not in DEVICES:
        raise ValueError("unknown device")
    return name


def _format(value: Any) -> Any:
    return "jpeg" if value == "jpg" else value


Bool = Annotated[bool, BeforeValidator(_boolean)]
Int = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(_number)]
Device = Annotated[str, BeforeValidator(_device)]
Selector = Annotated[str, AfterValidator(_line), Field(min_length=1, max_length=500)]
FormatName = Literal["png", "jpeg", "webp", "avif"]
Format = Annotated[FormatName, BeforeValidator(_format)]
FormatOrAuto = Annotated[Literal["png", "jpeg", "webp", "avif", "auto"], BeforeValidator(_format)]
Fit = Literal["cover", "contain", "inside", "fill"]
