"""Length-prefixed frames on blocking sockets and asyncio streams.

A frame is the length of its body (4 bytes, big endian) and the body.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    import socket

MAX_REQUEST = 16 << 20
"""Bytes of a request: a million characters of inline HTML, each as long as JSON can escape it."""

_LENGTH = struct.Struct(">I")
_CHUNK_SIZE = 1 << 20
_MIN_TIMEOUT = 0.001
"""Seconds; a timeout of 0 would make the socket non-blocking."""


class FrameTooLong(ConnectionError):
    """The peer announced a frame over the limit."""


async def read_frame(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    """Read one frame; raises IncompleteReadError at the end of the stream, ConnectionError, or FrameTooLong."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > max_bytes:
        raise FrameTooLong(f"a frame of {length} bytes exceeds {max_bytes}")
    return await reader.readexactly(length)


async def write_frame(writer: asyncio.StreamWriter, body: bytes) -> None:
    """Write one frame and wait until the buffer has room; raises ConnectionError."""
    writer.writelines((_LENGTH.pack(len(body)), body))
    await writer.drain()


def send_frame(connection: socket.socket, body: bytes, deadline: float) -> None:
    """Send one frame before a monotonic time; raises OSError, TimeoutError among them."""
    connection.settimeout(_time_left(deadline))
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive_frame(connection: socket.socket, deadline: float) -> bytes:
    """Receive one frame before a monotonic time; raises OSError, TimeoutError among them."""
    (length,) = _LENGTH.unpack(receive_exactly(connection, _LENGTH.size, deadline))
    return receive_exactly(connection, length, deadline)


def receive_exactly(connection: socket.socket, size: int, deadline: float) -> bytes:
    """Receive a number of bytes before a monotonic time; raises OSError, TimeoutError among them."""
    body = memoryview(bytearray(size))
    received = 0
    while received < size:
        connection.settimeout(_time_left(deadline))
        count = connection.recv_into(body[received : received + _CHUNK_SIZE])
        if not count:
            raise ConnectionResetError("the peer closed the connection")
        received += count
    return bytes(body)


def _time_left(deadline: float) -> float:
    return max(_MIN_TIMEOUT, deadline - time.monotonic())
