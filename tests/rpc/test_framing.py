"""Frames over real sockets: both directions, limits and deadlines."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.concurrency import async_test
from tintype.rpc import framing


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    client, server = socket.socketpair()
    with client, server:
        yield client, server


def deadline(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


class TestBlockingSockets:
    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_deliver_a_frame_whole(self, size: int, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        sender = threading.Thread(target=framing.send_frame, args=(client, body, deadline()))
        sender.start()
        assert framing.receive_frame(server, deadline()) == body
        sender.join()

    def test_report_a_closed_connection(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        client.sendall(struct.pack(">I", 10) + b"half")
        client.close()
        with pytest.raises(ConnectionResetError):
            framing.receive_frame(server, deadline())

    def test_time_out_at_the_deadline(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with pytest.raises(TimeoutError):
            framing.receive_frame(pair[1], deadline(0.05))


class TestStreams:
    @async_test
    async def test_deliver_a_frame_whole(self) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(struct.pack(">I", 4) + b"body" + struct.pack(">I", 0))
        assert await framing.read_frame(reader, 4) == b"body"
        assert await framing.read_frame(reader, 4) == b""

    @async_test
    async def test_reject_a_frame_over_the_limit(self) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(struct.pack(">I", 5) + b"bodys")
        with pytest.raises(framing.FrameTooLong):
            await framing.read_frame(reader, 4)

    @async_test
    async def test_report_the_end_of_the_stream(self) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(struct.pack(">I", 5) + b"bo")
        reader.feed_eof()
        with pytest.raises(asyncio.IncompleteReadError):
            await framing.read_frame(reader, 10)
