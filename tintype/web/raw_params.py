"""Reads the raw parameters of a Flask request: query string, JSON body, accepted media types."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from flask import Request

from tintype import signing
from tintype.errors import InvalidParameter, InvalidRequest, UnsupportedMedia
from tintype.options import Options
from tintype.request_parser import MAX_PARAMETERS, Pairs, parse_leniently, too_many_parameters
from tintype.web.request_body import MAX_BODY, BodyReader

MAX_QUERY = 1 << 16
"""Bytes of a query string."""
MAX_DEPTH = 8
"""Nested objects and lists of a JSON body, itself included. The deepest option is a list of cookies with 3."""
MAX_ENTRIES = 1000
"""Entries of one JSON list or object inside the body. The longest option is a list of about 700 selectors."""
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)
"""A JSON string; one that is not closed ends with the text."""
_AS_SQUARE_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

_BODY_KEY = "tintype.body_pairs"
"""The key of the WSGI environment under which the pairs of a parsed body are kept."""


def option_pairs(request: Request, **fixed: str) -> Pairs:
    """The options of a query string without those of its signature, and ``fixed`` ones of the route.

    Raises InvalidRequest.
    """
    sent = [pair for pair in query_pairs(request.query_string) if pair[0] not in signing.PARAMETERS]
    return [*sent, *fixed.items()]


def has_signature(request: Request) -> bool:
    """Whether the URL has a parameter of a signature; raises InvalidRequest for a malformed query string."""
    return any(name in signing.PARAMETERS for name, _ in query_pairs(request.query_string))


def accepted_types(request: Request) -> dict[str, float]:
    """Media ranges of the Accept header with their quality; their parameters are ignored, as no format has any.

    A range without parameters has priority over the same range with parameters.
    """
    plain: dict[str, float] = {}
    parametrised: dict[str, float] = {}
    for item, quality in request.accept_mimetypes:
        media_range, separator, _ = item.partition(";")
        found = parametrised if separator else plain
        name = media_range.strip().lower()
        found[name] = max(quality, found.get(name, 0.0))
    return {**parametrised, **plain}


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
    if len(raw) > MAX_QUERY:
        raise InvalidRequest(InvalidParameter("query", f"must have at most {MAX_QUERY} bytes; send a POST"))
    if raw.count(b"&") >= MAX_PARAMETERS:
        raise too_many_parameters("query")
    try:
        return list(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise InvalidRequest(InvalidParameter("query", "must be percent-encoded UTF-8")) from None


def named_texts(request: Request, accepted: tuple[str, ...]) -> dict[str, str]:
    """The query parameters by name, each at most once; raises InvalidRequest that lists every invalid one."""
    found: dict[str, str] = {}
    invalid = []
    for name, value in query_pairs(request.query_string):
        if name not in accepted:
            hint = f"this route accepts {', '.join(accepted)}" if accepted else "this route accepts no parameters"
            invalid.append(InvalidParameter(name[:64], f"is not a parameter; {hint}"))
        elif name in found:
            invalid.append(InvalidParameter(name, "must be given once"))
        found[name] = value
    if invalid:
        raise InvalidRequest(*invalid)
    return found


def body_pairs(request: Request, reader: BodyReader) -> Pairs:
    """Members of a JSON object; null means absent. Raises UnsupportedMedia, and the errors of ``BodyReader.read``."""
    pairs = _json_members(request, reader, MAX_BODY, MAX_ENTRIES)
    request.environ[_BODY_KEY] = pairs
    return pairs


def body_members(request: Request, reader: BodyReader, *, max_bytes: int, max_entries: int) -> dict[str, Any]:
    """Members of a JSON object that may be longer than one of options; a repeated name is an error."""
    pairs = _json_members(request, reader, max_bytes, max_entries)
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _invalid_body("must contain each member once")
    return members


def _json_members(request: Request, reader: BodyReader, max_bytes: int, max_entries: int) -> Pairs:
    if not request.is_json:
        raise UnsupportedMedia("send a JSON object with Content-Type: application/json")
    members = _decode(reader.read(request, max_bytes))
    if not isinstance(members, _JsonObject):
        raise _invalid_body('must be a JSON object such as {"url": "https://example.com/"}')
    if len(members) > MAX_PARAMETERS:
        raise too_many_parameters("body")
    return [(name, _to_plain(value, max_entries)) for name, value in members if value is not None]


def received_pairs(request: Request) -> Pairs:
    """The pairs of a body that was already parsed. An error response must not wait for a slow client.

    A view has no variable for them: the traceback of an unexpected error shows variables, and pairs may be credentials.
    """
    pairs: Pairs = request.environ.get(_BODY_KEY, [])
    return pairs


class _JsonObject(list[tuple[str, Any]]):
    """The members of a JSON object, repeated names included."""


def _to_plain(value: Any, max_entries: int) -> Any:
    """Convert nested objects to dictionaries, except one that repeats a name: no option accepts it."""
    if isinstance(value, list) and len(value) > max_entries:
        raise _invalid_body(f"must not contain a list or an object of more than {max_entries} entries")
    if isinstance(value, _JsonObject):
        names = [name for name, _ in value]
        is_plain = len(set(names)) == len(names)
        return {name: _to_plain(inner, max_entries) for name, inner in value} if is_plain else value
    return [_to_plain(inner, max_entries) for inner in value] if isinstance(value, list) else value


def _decode(raw: bytes) -> Any:
    """The value of a JSON text; its depth is checked first, because the parser of the standard library recurses."""
    if not _is_shallow(raw):
        raise _invalid_body(f"must be well-formed JSON with at most {MAX_DEPTH} nested objects and lists")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_JsonObject, parse_constant=_reject_constant)
    except ValueError:
        raise _invalid_body("must be well-formed JSON in UTF-8") from None


def _is_shallow(raw: bytes) -> bool:
    """Whether a JSON text has at most ``MAX_DEPTH`` nested objects and lists; each step is linear in its size."""
    brackets = _JSON_STRING.sub(b"", raw).translate(_AS_SQUARE_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _invalid_body(message: str) -> InvalidRequest:
    return InvalidRequest(InvalidParameter("body", message))


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON (RFC 8259, 6)
