"""Names and values as a caller wrote them, from a query string or a JSON body, before any of it is judged."""

from __future__ import annotations

import json
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from tintype.errors import BodyTooLarge, InvalidParameter, InvalidRequest, UnsupportedMedia

MAX_PARAMETERS = 64
MAX_BODY = 1 << 20
"""Bytes of a request body."""
_MAX_DRAIN = 16 << 20
"""Bytes of a body that is refused and read all the same: a client that still sends may not hear why, if we hang up."""
_CHUNK = 1 << 16

Pairs = list[tuple[str, Any]]

_BODY_KEY = "tintype.heard"
"""Where a request keeps what its body said."""


def query_pairs(raw: bytes) -> Pairs:
    """Names and texts of a query string, repeated ones included; raises InvalidRequest."""
    try:
        text = raw.decode("utf-8")
        return list(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS))
    except ValueError:
        message = f"must be percent-encoded UTF-8 with at most {MAX_PARAMETERS} parameters"
        raise InvalidRequest(InvalidParameter("query", message)) from None


def body_pairs(request: Request) -> Pairs:
    """Members of a JSON object; null is the same as absent. Raises UnsupportedMedia, BodyTooLarge or InvalidRequest."""
    if not request.is_json:
        raise UnsupportedMedia("send a JSON object with Content-Type: application/json")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise _too_large(request) from None
    if request.content_length is None and len(raw) >= MAX_BODY:
        # werkzeug cuts a chunked body at the limit, and refuses only one that announces its length
        raise _too_large(request)
    members = _decode(raw)
    if not isinstance(members, _JsonObject):
        raise InvalidRequest(InvalidParameter("body", 'must be a JSON object such as {"url": "https://example.com/"}'))
    pairs = [(name, _to_plain(value)) for name, value in members if value is not None]
    request.environ[_BODY_KEY] = pairs
    return pairs


def received_pairs(request: Request) -> Pairs:
    """What was read of a JSON body so far; for an error, which must not wait for a client that sends slowly."""
    heard: Pairs = request.environ.get(_BODY_KEY, [])
    return heard


def _too_large(request: Request) -> BodyTooLarge:
    """Hear the client out, unless it waits to be asked for its body (RFC 9110, 10.1.1)."""
    if "Expect" not in request.headers:
        left = min(request.content_length or _MAX_DRAIN, _MAX_DRAIN)
        while left > 0 and (heard := request.environ["wsgi.input"].read(min(left, _CHUNK))):
            left -= len(heard)
    return BodyTooLarge("the request body may hold at most 1 MB")


class _JsonObject(list[tuple[str, Any]]):
    """A JSON object with its repetitions."""


def _to_plain(value: Any) -> Any:
    """Objects inside as dictionaries. One that repeats a name is left as it is: no option takes that."""
    if isinstance(value, _JsonObject):
        names = [name for name, _ in value]
        return {name: _to_plain(inner) for name, inner in value} if len(set(names)) == len(names) else value
    return [_to_plain(inner) for inner in value] if isinstance(value, list) else value


def _decode(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_JsonObject, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest(InvalidParameter("body", "must be well-formed JSON in UTF-8")) from None


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are Python's, not JSON's (RFC 8259, section 6)
