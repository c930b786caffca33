"""Binary encoding of captures, thumbnails and errors: a JSON header and a raw body.

Layout: ``TT``, version (1 byte), header length (4 bytes, big endian), CRC-32 of header and body (4 bytes), header,
body. Headers are decoded by msgspec against the fields of the value and never run code, as pickle would. Anything else
raises :class:`CorruptValue`; a cache treats that as a miss.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from tintype import errors
from tintype.model import Capture, Thumbnail
from tintype.problems import from_problem

_VERSION = 1
_PREFIX = struct.Struct(">2sBII")
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode

Value = TypeVar("Value", Capture, Thumbnail)


class CorruptValue(ValueError):
    """The bytes are truncated, damaged, of another kind or of another version."""


def pack(header: Any, body: bytes = b"") -> bytes:
    """Encode a header, which is a JSON object or a msgspec Struct, and a body."""
    text = _encode(header)
    crc = zlib.crc32(body, zlib.crc32(text))
    return b"".join((_PREFIX.pack(b"TT", _VERSION, len(text), crc), text, body))


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and body of :func:`pack`; raises CorruptValue."""
    text, body = split(data)
    try:
        return _decode_object(text), body
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise CorruptValue("the header is not a JSON object") from None


def split(data: bytes) -> tuple[bytes, bytes]:
    """Verify prefix and checksum and return the undecoded header and the body; raises CorruptValue."""
    if len(data) < _PREFIX.size:
        raise CorruptValue("too short")
    magic, version, length, crc = _PREFIX.unpack_from(data)
    if magic != b"TT" or version != _VERSION:
        raise CorruptValue("not a value of this version")
    text, body = data[_PREFIX.size : _PREFIX.size + length], data[_PREFIX.size + length :]
    if zlib.crc32(body, zlib.crc32(text)) != crc:
        raise CorruptValue("wrong checksum")
    return text, body


def pack_capture(capture: Capture) -> bytes:
    """Encode a capture."""
    return _CAPTURES.pack(capture)


def unpack_capture(data: bytes) -> Capture:
    """Decode a capture; raises CorruptValue."""
    return _CAPTURES.unpack(data)


def pack_thumbnail(thumbnail: Thumbnail) -> bytes:
    """Encode a thumbnail."""
    return _THUMBNAILS.pack(thumbnail)


def unpack_thumbnail(data: bytes) -> Thumbnail:
    """Decode a thumbnail; raises CorruptValue."""
    return _THUMBNAILS.unpack(data)


def pack_problem(error: errors.TintypeError) -> bytes:
    """Encode an error."""
    return pack({"kind": "problem", **error.problem()})


def unpack_problem(data: bytes) -> errors.TintypeError:
    """Decode an error; raises CorruptValue."""
    header, _ = unpack(data)
    if header.get("kind") != "problem":
        raise CorruptValue("not a problem")
    return from_problem(header)


def _encode(header: Any) -> bytes:
    try:
        return msgspec.json.encode(header)
    except UnicodeEncodeError:  # lone surrogates, which texts from a page's script can contain
        return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


class _ValueCodec(Generic[Value]):
    """Encodes the fields of a dataclass but ``body`` as the header, with its name as ``kind``."""

    def __init__(self, kind: type[Value]) -> None:
        hints = get_type_hints(kind)
        listed = [field for field in dataclasses.fields(kind) if field.name != "body"]
        self._kind: type[Value] = kind
        self._tag = kind.__name__.lower()
        self._names = [field.name for field in listed]
        self._values = attrgetter(*self._names)
        header = msgspec.defstruct(
            f"{kind.__name__}Header",
            [(field.name, hints[field.name], _default(field)) for field in listed],
            kw_only=True,
            forbid_unknown_fields=True,
            tag_field="kind",
            tag=self._tag,
        )
        self._decode = msgspec.json.Decoder(header).decode

    def pack(self, value: Value) -> bytes:
        fields = dict(zip(self._names, self._values(value), strict=True))
        return pack({"kind": self._tag, **fields}, value.body)

    def unpack(self, data: bytes) -> Value:
        text, body = split(data)
        try:
            fields = msgspec.structs.asdict(self._decode(text))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise CorruptValue(str(error)) from None
        value: Value = self._kind(body=body, **fields)
        return value


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.NODEFAULT


_CAPTURES = _ValueCodec(Capture)
_THUMBNAILS = _ValueCodec(Thumbnail)
