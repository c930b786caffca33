"""Values as bytes and back: a small JSON header plus a raw body. Never pickle.

Layout: ``TT``, version (1 byte), header length (4 bytes, big endian), CRC-32 of header and body
(4 bytes), header, body. Anything else is :class:`Corrupt`: to a cache that is a miss.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from typing import Any, get_origin, get_type_hints

from tintype import errors
from tintype.model import Capture, Thumbnail, Verdict

_VERSION = 1
_HEAD = struct.Struct(">2sBII")


class CorruptValue(ValueError):
    """The bytes are torn, foreign or of another version."""


def pack(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One value as bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    crc = zlib.crc32(body, zlib.crc32(text))
    return b"".join((_HEAD.pack(b"TT", _VERSION, len(text), crc), text, body))


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and body of :func:`pack`; raises Corrupt."""
    if len(data) < _HEAD.size:
        raise CorruptValue("too short")
    magic, version, length, crc = _HEAD.unpack_from(data)
    if magic != b"TT" or version != _VERSION:
        raise CorruptValue("not a value of this version")
    text, body = data[_HEAD.size : _HEAD.size + length], data[_HEAD.size + length :]
    if zlib.crc32(body, zlib.crc32(text)) != crc:
        raise CorruptValue("checksum")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise CorruptValue("header is not JSON") from None
    if not isinstance(header, dict):
        raise CorruptValue("header is not an object")
    return header, body


def pack_capture(capture: Capture) -> bytes:
    """A capture as bytes."""
    return _pack_fields("capture", capture)


def unpack_capture(data: bytes) -> Capture:
    """A capture from bytes; raises Corrupt."""
    return Capture(**_unpack_fields(Capture, data))


def pack_thumbnail(thumbnail: Thumbnail) -> bytes:
    """A thumbnail as bytes."""
    return _pack_fields("thumbnail", thumbnail)


def unpack_thumbnail(data: bytes) -> Thumbnail:
    """A thumbnail from bytes; raises Corrupt."""
    return Thumbnail(**_unpack_fields(Thumbnail, data))


def pack_problem(error: errors.TintypeError) -> bytes:
    """A failure as bytes."""
    return pack({"kind": "problem", **error.problem()})


def unpack_problem(data: bytes) -> errors.TintypeError:
    """A failure from bytes; raises Corrupt."""
    header, _ = unpack(data)
    if header.get("kind") != "problem":
        raise CorruptValue("not a problem")
    return errors.from_problem(header)


def _pack_fields(kind: str, value: Capture | Thumbnail) -> bytes:
    names = [f.name for f in dataclasses.fields(value) if f.name != "body"]
    return pack({"kind": kind, **{name: getattr(value, name) for name in names}}, value.body)


def _unpack_fields(kind: type[Capture | Thumbnail], data: bytes) -> dict[str, Any]:
    header, body = unpack(data)
    if header.pop("kind", None) != kind.__name__.lower():
        raise CorruptValue("not a value of this kind")
    wanted = _TYPES[kind]
    if not (wanted.keys() >= header.keys() >= _REQUIRED[kind]):
        raise CorruptValue("fields of another version")
    if not all(isinstance(value, wanted[name]) for name, value in header.items()):
        raise CorruptValue("a field of another type")
    try:
        return {**header, "verdict": Verdict(header.get("verdict", Verdict.OK)), "body": body}
    except ValueError:
        raise CorruptValue("a verdict of another version") from None


def _types_of(kind: type[Capture | Thumbnail]) -> dict[str, Any]:
    hints = {name: get_origin(hint) or hint for name, hint in get_type_hints(kind).items() if name != "body"}
    written = {float: (int, float), Verdict: str}
    return {name: written.get(hint, hint) for name, hint in hints.items()}


def _required_of(kind: type[Capture | Thumbnail]) -> set[str]:
    unset = (f for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING)
    return {f.name for f in unset} - {"body"}


_TYPES = {kind: _types_of(kind) for kind in (Capture, Thumbnail)}
_REQUIRED = {kind: _required_of(kind) for kind in (Capture, Thumbnail)}
