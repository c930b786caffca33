"""Types of credential options: headers, cookies and basic auth, each parsed into one canonical form.

Rejected header names are those that a script cannot set (Fetch standard, forbidden request-header) and those that
metadata services of clouds require.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

MAX_HEADERS = 20
MAX_HEADER_LENGTH = 4096
"""Characters of one header value."""
MAX_COOKIES = 50
MAX_COOKIE_LENGTH = 4096
"""Characters of name and value of one cookie (RFC 6265, 6.1)."""
MAX_CREDENTIAL_LENGTH = 500
"""Characters of a user name or a password."""
MAX_PAIR_LENGTH = 4500
"""Characters of a name and a value with their separators, on average over all pairs of one text."""

_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")  # RFC 6265, 4.1.1
_COOKIE_VALUE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")
_COOKIE_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]{0,255}")
_DOMAIN = re.compile(r"[A-Za-z0-9_.:\[\]-]{0,253}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")
_FORBIDDEN_HEADERS = frozenset(
    (
        "accept-charset", "accept-encoding", "connection", "content-length", "content-type", "cookie", "cookie2",
        "date", "expect", "host", "http2-settings", "keep-alive", "metadata", "metadata-flavor", "origin", "range",
        "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via",
    )
)  # fmt: skip
_FORBIDDEN_PREFIXES = ("proxy-", "sec-", "access-control-", "if-", "x-aws-ec2-metadata-", "x-google-metadata-")
_IGNORED_COOKIE_MEMBERS = frozenset(
    (
        "secure", "httpOnly", "http_only", "sameSite", "same_site", "expires", "expirationDate", "hostOnly",
        "session", "storeId",
    )
)  # fmt: skip
"""Members of exported cookies without effect here: a cookie is sent to one host, for one capture."""

_COOKIE_COUNT = f"from 1 to {MAX_COOKIES} cookies, each name and path once"

Pair = tuple[str, str]
Cookie = tuple[str, str, str, str]
"""Name, value, path and domain; an empty domain is the host of url."""


def _headers(value: Any) -> tuple[Pair, ...]:
    """``{"Name": "value"}``, pairs, or lines of ``Name: value``."""
    pairs = [_header(name, text) for name, text in _pairs(value, ":", "\n", MAX_HEADERS)]
    names = [name for name, _ in pairs]
    if not pairs or len(set(names)) != len(names):
        raise ValueError(f"from 1 to {MAX_HEADERS} headers, each name once")
    return tuple(sorted(pairs))


def _header(name: str, text: str) -> Pair:
    lower = name.lower()
    if not _NAME.fullmatch(name) or lower in _FORBIDDEN_HEADERS or lower.startswith(_FORBIDDEN_PREFIXES):
        raise ValueError("a header name is invalid or reserved")
    if not 0 < len(text) <= MAX_HEADER_LENGTH or not _VALUE.fullmatch(text):
        raise ValueError(f"a header value is empty, longer than {MAX_HEADER_LENGTH} or not printable ASCII")
    return lower, text


def _cookies(value: Any) -> tuple[Cookie, ...]:
    """``{"name": "value"}``, a list of objects as browsers export them, or ``name=value; other=value``."""
    if isinstance(value, list | tuple) and len(value) > MAX_COOKIES:
        raise ValueError(_COOKIE_COUNT)
    if isinstance(value, list | tuple) and all(isinstance(entry, dict) for entry in value):
        entries = [_cookie_object(entry) for entry in value]
    elif isinstance(value, list | tuple):
        entries = [_cookie_sequence(entry) for entry in value]
    else:
        entries = [_cookie(name, text, "/", "") for name, text in _pairs(value, "=", ";", MAX_COOKIES)]
    if not entries or len({(name, path) for name, _, path, _ in entries}) != len(entries):
        raise ValueError(_COOKIE_COUNT)
    return tuple(sorted(entries))


def _cookie_object(entry: dict[str, Any]) -> Cookie:
    if not {"name", "value"} <= entry.keys() <= {"name", "value", "path", "domain", *_IGNORED_COOKIE_MEMBERS}:
        raise ValueError("a cookie is an object with name, value and optionally path and domain")
    return _cookie_sequence((entry["name"], entry["value"], entry.get("path") or "/", entry.get("domain") or ""))


def _cookie_sequence(entry: Any) -> Cookie:
    if not isinstance(entry, list | tuple) or len(entry) != 4 or not all(isinstance(each, str) for each in entry):  # noqa: PLR2004
        raise ValueError("a cookie is an object with name, value and optionally path and domain")
    return _cookie(*entry)


def _cookie(name: str, text: str, path: str, domain: str) -> Cookie:
    if len(name) + len(text) > MAX_COOKIE_LENGTH:
        raise ValueError(f"name and value of a cookie have at most {MAX_COOKIE_LENGTH} characters")
    fits = _COOKIE_NAME.fullmatch(name) and _COOKIE_VALUE.fullmatch(text) and _COOKIE_PATH.fullmatch(path)
    if not fits or not _DOMAIN.fullmatch(domain):
        raise ValueError("a cookie has an invalid name, value, path or domain")
    return name, text, path, domain.lower().removeprefix(".")


def _basic_auth(value: Any) -> Pair:
    """``user:password``, a pair, or an object (RFC 7617, 2)."""
    if isinstance(value, dict) and value.keys() == {"user", "password"}:
        value = (value["user"], value["password"])
    pair = value.partition(":")[::2] if isinstance(value, str) and ":" in value else value
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):  # noqa: PLR2004
        raise ValueError("user and password must be separated by a colon")
    user, password = pair
    if max(len(user), len(password)) > MAX_CREDENTIAL_LENGTH:
        raise ValueError(f"user and password have at most {MAX_CREDENTIAL_LENGTH} characters")
    if not user or ":" in user or not all(_PRINTABLE.fullmatch(each) for each in pair):
        raise ValueError("the user is empty or contains a colon, or there are control characters")
    return user, password


def _pairs(value: Any, separator: str, delimiter: str, most: int) -> list[Pair]:
    """At most ``most`` names and values of an object, of a list of pairs, or of one text."""
    if isinstance(value, str):
        return _split_pairs(value, separator, delimiter, most)
    if not isinstance(value, dict | list | tuple) or len(value) > most:
        raise ValueError(f"at most {most} names, each with one text as its value")
    entries = [*value.items()] if isinstance(value, dict) else value
    if not all(_is_pair(entry) for entry in entries):
        raise ValueError("every name must have one text as its value")
    return [(name.strip(), text.strip()) for name, text in entries]


def _split_pairs(text: str, separator: str, delimiter: str, most: int) -> list[Pair]:
    if len(text) > most * MAX_PAIR_LENGTH or text.count(delimiter) > 2 * most:  # empty parts count too
        raise ValueError(f"at most {most} names and values")
    parts = [part.partition(separator) for part in text.split(delimiter) if part.strip()]
    if len(parts) > most:
        raise ValueError(f"at most {most} names and values")
    if not all(separator for _, separator, _ in parts):
        raise ValueError(f"name and value must be separated by {separator!r}")
    return [(name.strip(), value.strip()) for name, _, value in parts]


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, list | tuple) and len(entry) == 2 and all(isinstance(each, str) for each in entry)  # noqa: PLR2004


_HEADERS = {
    "type": "object",
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_HEADER_LENGTH},
    "minProperties": 1,
    "maxProperties": MAX_HEADERS,
}
_COOKIE_TEXT = {"type": "string", "maxLength": MAX_COOKIE_LENGTH}
_COOKIE_MAP = {
    "type": "object", "additionalProperties": _COOKIE_TEXT, "minProperties": 1, "maxProperties": MAX_COOKIES
}  # fmt: skip
_COOKIE = {
    "type": "object",
    "required": ["name", "value"],
    "properties": dict.fromkeys(("name", "value", "path", "domain"), _COOKIE_TEXT),
}
_COOKIE_LIST = {"type": "array", "items": _COOKIE, "minItems": 1, "maxItems": MAX_COOKIES}
_BASIC_AUTH = {"type": "string", "pattern": "^[^:]+:", "maxLength": 2 * MAX_CREDENTIAL_LENGTH + 1, "writeOnly": True}

Headers = Annotated[tuple[Pair, ...], BeforeValidator(_headers), WithJsonSchema(_HEADERS)]
Cookies = Annotated[
    tuple[Cookie, ...], BeforeValidator(_cookies), WithJsonSchema({"anyOf": [_COOKIE_MAP, _COOKIE_LIST]})
]
BasicAuth = Annotated[Pair, BeforeValidator(_basic_auth), WithJsonSchema(_BASIC_AUTH)]
