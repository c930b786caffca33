"""Both sides of the egress proxy under test: a SOCKS5 client and target servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from tests.support.concurrency import at_test_end
from tintype.chromium.proxy.server import EgressProxy

GREETING, METHOD_ACCEPTED = b"\x05\x01\x00", b"\x05\x00"

INTERNAL = (
    "0.0.0.0", "10.0.0.5", "100.64.0.1", "127.0.0.1", "127.9.9.9", "168.63.129.16", "169.254.169.254", "172.16.0.1",
    "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1",
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:5", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:a00:5::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip


def request(host: str, port: int, command: int = 1) -> bytes:
    """A request by name, as Chromium makes it for addresses too."""
    name = host.encode("latin-1")
    return bytes((5, command, 0, 3, len(name))) + name + struct.pack("!H", port)


def request_address(address: str, port: int) -> bytes:
    """A request by address."""
    family, kind = (socket.AF_INET6, 4) if ":" in address else (socket.AF_INET, 1)
    return bytes((5, 1, 0, kind)) + socket.inet_pton(family, address) + struct.pack("!H", port)


class FakeDns:
    """A resolver with scripted answers. Of a list of lists, each is one answer and the last is repeated."""

    def __init__(self, answers: Mapping[str, Sequence[Any]]) -> None:
        self.answers = {host: list(answer) for host, answer in answers.items()}
        self.queries: list[str] = []

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.queries.append(host)
        answer = self.answers.get(host)
        if answer is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if answer and isinstance(answer[0], list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return [(0, socket.SOCK_STREAM, 6, "", (address, 0)) for address in answer]


class Socks5Client:
    """One connection through the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __init__(self, filter_: EgressProxy, address: str = "127.0.0.1") -> None:
        self.filter = filter_
        self.address = address

    async def dial(self) -> Socks5Client:
        self.reader, self.writer = await asyncio.open_connection(self.address, self.filter.port)
        at_test_end(partial(_abort, self.writer))
        return self

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
        await self.writer.drain()

    async def receive(self, size: int) -> bytes:
        return await self.reader.readexactly(size)

    async def receive_all(self) -> bytes:
        """Receive until the other side closes; a reset counts as closed."""
        received = bytearray()
        with suppress(ConnectionError):
            while part := await self.reader.read(1 << 16):
                received += part
        return bytes(received)

    async def request(self, wanted: bytes) -> bytes:
        """Connect, send a request and return the reply of the proxy."""
        await self.dial()
        await self.send(GREETING)
        assert await self.receive(2) == METHOD_ACCEPTED
        await self.send(wanted)
        return await self.receive(10)

    async def connect(self, host: str, port: int) -> bytes:
        return await self.request(request(host, port))

    async def fetch(self, host: str, port: int, path: bytes = b"/") -> bytes:
        """Return the whole reply of a target, or nothing if denied."""
        reply = await self.connect(host, port)
        if reply[1] != 0:
            return b""
        await self.send(path + b"\n")
        received = await self.receive_all()
        self.writer.close()
        return received


class TargetServer:
    """A server that sends its address and closes; ``/echo`` returns what it receives until the client closes."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = self.visits = self.sent = 0

    @classmethod
    @asynccontextmanager
    async def running(cls, address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[TargetServer]:
        site = cls(address)
        listener = socket.create_server((address, port), backlog=1024)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        server = await asyncio.start_server(site._answer, sock=listener)
        site.port = server.sockets[0].getsockname()[1]
        try:
            yield site
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        at_test_end(partial(_abort, writer))
        try:
            await getattr(self, "_" + (await reader.readline()).decode().strip("/\n"), self._hello)(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _hello(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"hello from {self.address}".encode())
        await writer.drain()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await reader.read(-1)
        writer.write(received)
        await writer.drain()

    async def _flood(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.sent < 200_000_000:
            writer.write(bytes(100_000))
            await writer.drain()
            self.sent += 100_000

    async def _unread(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Closes its half and reads no more."""
        writer.write_eof()
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        await asyncio.Future()


def _abort(writer: asyncio.StreamWriter) -> None:
    with suppress(AttributeError):  # asyncio's abort fails on a transport that has just been closed
        writer.transport.abort()
