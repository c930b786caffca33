"""Pages of benchmarks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.pages import Connection, ResponseCache
from tests.support.concurrency import async_test


class Writes(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Queue[bytes]()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.put_nowait(bytes(data))


@async_test
async def test_latency_delays_a_response(tmp_path: Path) -> None:
    transport, connection = Writes(), Connection(ResponseCache((), tmp_path), latency=0.01)
    connection.connection_made(transport)
    connection.data_received(b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n")
    assert transport.written.empty()
    assert (await transport.written.get()).startswith(b"HTTP/1.1 404 ")
