"""Reads the raw parameters of a Flask request: query string, JSON body, accepted media types."""

from __future__ import annotations

import json
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from tintype import signing
from tintype.errors import BodyTooLarge, InvalidParameter, InvalidRequest, UnsupportedMedia
from tintype.options import Options
from tintype.protocols import RequestLimit
from tintype.request_parser import Pairs, parse_leniently

MAX_PARAMETERS = 64
MAX_BODY = 1 << 20
"""Bytes of a request body."""
_MAX_DRAIN = 16 << 20
"""Bytes read of a rejected body: a client that is still sending may miss a response on a closed connection."""
_CHUNK = 1 << 16

_BODY_KEY = "tintype.body_pairs"
"""The key of the WSGI environment under which the pairs of a parsed body are kept."""


def option_pairs(request: Request, **fixed: str) -> Pairs:
    """The options of a query string without those of its signature, and ``fixed`` ones of the route.

    Raises InvalidRequest.
    """
    sent = [pair for pair in query_pairs(request.query_string) if pair[0] not in signing.PARAMETERS]
    return [*sent, *fixed.items()]


def accepted_types(request: Request) -> dict[str, float]:
    """The acceptable media types of the Accept header with their quality, which is above 0."""
    return {media.lower(): quality for media, quality in request.accept_mimetypes if quality > 0}


def valid_options(request: Request) -> Options:
    """The options of a request that are valid by themselves, for drawing an error image."""
    from_body = request.method == "POST"
    try:
        pairs = received_pairs(request) if from_body else query_pairs(request.query_string)
    except InvalidRequest:
        pairs = []
    return parse_leniently(pairs, from_body=from_body)


def query_pairs(raw: bytes) -> Pairs:
    """Names and values of a query string, repeated names included; raises InvalidRequest."""
    try:
        text = raw.decode("utf-8")
        return list(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS))
    except ValueError:
        message = f"must be percent-encoded UTF-8 with at most {MAX_PARAMETERS} parameters"
        raise InvalidRequest(InvalidParameter("query", message)) from None


def body_pairs(request: Request) -> Pairs:
    """Members of a JSON object; null means absent. Raises UnsupportedMedia, BodyTooLarge or InvalidRequest."""
    if not request.is_json:
        raise UnsupportedMedia("send a JSON object with Content-Type: application/json")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise _too_large(request) from None
    if request.content_length is None and len(raw) >= MAX_BODY:
        # werkzeug truncates a chunked body at the limit; it rejects only a body with a Content-Length above it
        raise _too_large(request)
    members = _decode(raw)
    if not isinstance(members, _JsonObject):
        raise InvalidRequest(InvalidParameter("body", 'must be a JSON object such as {"url": "https://example.com/"}'))
    pairs = [(name, _to_plain(value)) for name, value in members if value is not None]
    request.environ[_BODY_KEY] = pairs
    return pairs


def limited_body_pairs(request: Request, waiting_limit: RequestLimit) -> Pairs:
    """Read the body as ``body_pairs``, counted by the waiting limit; raises Overloaded before anything is read."""
    with waiting_limit.acquire():
        return body_pairs(request)


def received_pairs(request: Request) -> Pairs:
    """The pairs of a body that was already parsed. An error response must not wait for a slow client."""
    pairs: Pairs = request.environ.get(_BODY_KEY, [])
    return pairs


def _too_large(request: Request) -> BodyTooLarge:
    """Drain the body, unless the client waits for 100 Continue before sending it (RFC 9110, 10.1.1)."""
    if "Expect" not in request.headers:
        left = min(request.content_length or _MAX_DRAIN, _MAX_DRAIN)
        while left > 0 and (chunk := request.environ["wsgi.input"].read(min(left, _CHUNK))):
            left -= len(chunk)
    return BodyTooLarge("the request body may hold at most 1 MB")


class _JsonObject(list[tuple[str, Any]]):
    """The members of a JSON object, repeated names included."""


def _to_plain(value: Any) -> Any:
    """Convert nested objects to dictionaries, except one that repeats a name: no option accepts it."""
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
    raise ValueError(constant)  # NaN and Infinity are not JSON (RFC 8259, 6)
