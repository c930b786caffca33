"""SOCKS5 handshake parser (RFC 1928): bytes in, replies and one request out; no I/O.

Only CONNECT without authentication is supported. Every denied request gets the same reply, so a page learns nothing
from it.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

SUCCEEDED = b"\x05\x00\x00\x01" + bytes(6)
GENERAL_FAILURE = b"\x05\x01\x00\x01" + bytes(6)
"""General failure, whatever the reason was (RFC 1928, section 6)."""

MAX_HANDSHAKE = 257 + 262
"""Bytes after which a handshake is complete or malformed: the methods, and a request by name."""

_VERSION, _NO_AUTHENTICATION, _NONE_ACCEPTABLE = 5, 0, b"\x05\xff"
_CONNECT, _IPV4, _NAME, _IPV6 = 1, 1, 3, 4
_LENGTHS = {_IPV4: 4, _IPV6: 16}


class MalformedHandshake(ValueError):
    """Not a supported handshake; ``reply`` is to be sent before closing."""

    def __init__(self, message: str, reply: bytes = b"") -> None:
        super().__init__(message)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Socks5Request:
    """The target: a name or the text of an address, as the client sent it."""

    host: str
    port: int


@dataclass(slots=True)
class Socks5Handshake:
    """One client's handshake. Once :attr:`request` is set, :attr:`buffer` holds the bytes that followed it."""

    buffer: bytes = b""
    request: Socks5Request | None = None
    _methods_read: bool = field(default=False, repr=False)

    def feed(self, data: bytes) -> bytes:
        """Process received bytes and return the reply to send; raises MalformedHandshake."""
        self.buffer += data
        reply = b""
        if not self._methods_read:
            reply = self._read_methods()
        if self._methods_read and self.request is None:
            self.request = self._read_request()
        return reply

    def _read_methods(self) -> bytes:
        if self.buffer[:1] not in {b"", b"\x05"}:
            raise MalformedHandshake("not SOCKS5")
        if len(self.buffer) < 2 or len(self.buffer) < 2 + self.buffer[1]:  # noqa: PLR2004 - version and count
            return b""
        end = 2 + self.buffer[1]
        methods, self.buffer = self.buffer[2:end], self.buffer[end:]
        if _NO_AUTHENTICATION not in methods:
            raise MalformedHandshake("requires authentication", _NONE_ACCEPTABLE)
        self._methods_read = True
        return bytes((_VERSION, _NO_AUTHENTICATION))

    def _read_request(self) -> Socks5Request | None:
        head = self.buffer[:4]
        if len(head) < 4:  # noqa: PLR2004 - version, command, reserved, address type
            return None
        version, command, _, kind = head
        if version != _VERSION or command != _CONNECT or kind not in {_IPV4, _NAME, _IPV6}:
            raise MalformedHandshake("only CONNECT is supported", GENERAL_FAILURE)
        start = 5 if kind == _NAME else 4
        if len(self.buffer) < start:
            return None
        end = start + (self.buffer[4] if kind == _NAME else _LENGTHS[kind])
        if len(self.buffer) < end + 2:
            return None
        host, (port,) = self.buffer[start:end], struct.unpack("!H", self.buffer[end : end + 2])
        self.buffer = self.buffer[end + 2 :]
        return Socks5Request(_text(kind, host), port)


def _text(kind: int, host: bytes) -> str:
    if kind == _NAME:
        # Bytes that are not ASCII become a character that no rule accepts.
        return host.decode("ascii", errors="replace")
    return socket.inet_ntop(socket.AF_INET if kind == _IPV4 else socket.AF_INET6, host)
