"""Values of query parameters and headers that several routes read; each mistake is an InvalidRequest."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeVar

from flask import request

from tintype.errors import InvalidParameter, InvalidRequest
from tintype.web import raw_params

Word = TypeVar("Word", bound=StrEnum)

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")


def parameters(*accepted: str) -> dict[str, str]:
    """The query parameters of this request by name; raises InvalidRequest for others and repeated ones."""
    return raw_params.named_texts(request, accepted)


def number(texts: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number; raises InvalidRequest."""
    text = texts.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and least <= int(text[:9]) <= most):
        raise InvalidRequest(InvalidParameter(name, f"must be a whole number from {least} to {most}"))
    return int(text)


def one_of(kind: type[Word], texts: dict[str, str], name: str) -> Word | None:
    """One of the words of a type; None if it was not sent. Raises InvalidRequest."""
    text, accepted = texts.get(name), [each.value for each in kind]
    if text is not None and text not in accepted:
        raise InvalidRequest(InvalidParameter(name, f"must be one of {', '.join(accepted)}"))
    return kind(text) if text else None


def idempotency_key() -> str:
    """The header ``Idempotency-Key`` of this request; empty without one. Raises InvalidRequest."""
    text = request.headers.get("Idempotency-Key", "")
    if text and not IDEMPOTENCY_KEY.fullmatch(text):
        message = "must have 1 to 128 printable ASCII characters without spaces"
        raise InvalidRequest(InvalidParameter("Idempotency-Key", message))
    return text
