"""Authentication by a shared secret: other clients are disconnected without a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.concurrency import async_test
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import BackendUnavailable
from tintype.rpc import auth
from tintype.rpc.auth import AuthenticatedServer
from tintype.rpc.tls import TransportSecurity

SECRET = "correct horse battery staple"
NONCE = b"n" * auth.NONCE_SIZE


@asynccontextmanager
async def connected(serve: Callable[..., Any]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def serve_greeting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"inside")
    writer.close()


class TestAuthenticatedServer:
    @async_test
    async def test_serves_a_client_that_has_the_secret(self) -> None:
        async with connected(AuthenticatedServer(SECRET, serve_greeting).serve) as (reader, writer):
            writer.write(auth.MAGIC + NONCE)
            server_nonce = await reader.readexactly(auth.NONCE_SIZE)
            proof = await reader.readexactly(auth.PROOF_SIZE)
            assert proof == auth.compute_proof(SECRET, "server", NONCE, server_nonce)
            writer.write(auth.compute_proof(SECRET, "client", NONCE, server_nonce))
            assert await reader.read() == auth.OK + b"inside"

    @async_test
    async def test_rejects_its_own_proof_reflected(self) -> None:
        async with connected(AuthenticatedServer(SECRET, serve_greeting).serve) as (reader, writer):
            writer.write(auth.MAGIC + NONCE)
            await reader.readexactly(auth.NONCE_SIZE)
            writer.write(await reader.readexactly(auth.PROOF_SIZE))
            assert await reader.read() == b""

    @async_test
    async def test_rejects_a_proof_for_another_nonce(self) -> None:
        async with connected(AuthenticatedServer(SECRET, serve_greeting).serve) as (reader, writer):
            writer.write(auth.MAGIC + NONCE + auth.compute_proof(SECRET, "client", NONCE, b"o" * auth.NONCE_SIZE))
            await reader.readexactly(auth.NONCE_SIZE + auth.PROOF_SIZE)
            assert await reader.read() == b""

    @pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: captures\r\n\r\n", b"\x00\x00\x00\x02{}" + b"." * 99])
    def test_sends_nothing_to_a_client_of_another_protocol(self, data: bytes) -> None:
        @async_test
        async def scenario() -> None:
            async with connected(AuthenticatedServer(SECRET, serve_greeting).serve) as (reader, writer):
                writer.write(data)
                with suppress(ConnectionResetError):  # disconnected while part of it was unread
                    assert await reader.read() == b""

        scenario()

    @async_test
    async def test_disconnects_a_silent_client_at_the_timeout(self) -> None:
        async with connected(AuthenticatedServer(SECRET, serve_greeting, timeout=0.05).serve) as (reader, _):
            assert await reader.read() == b""

    @async_test
    async def test_re_raises_cancellation_and_logs_no_rejected_client(self) -> None:
        started: asyncio.Future[asyncio.Task[Any] | None] = asyncio.get_running_loop().create_future()
        server = AuthenticatedServer(SECRET, serve_greeting)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            started.set_result(asyncio.current_task())
            await server.serve(reader, writer)

        with capture_logs() as logged:
            async with connected(serve) as (reader, _):
                handshake = await started
                assert handshake
                handshake.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await handshake
                assert await reader.read() == b""
        assert logged == []


class TestClient:
    def test_rejects_a_server_that_lacks_the_secret(self, tmp_path: Path) -> None:
        async def impostor(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"x" * (auth.NONCE_SIZE + auth.PROOF_SIZE) + auth.OK)

        @async_test
        async def scenario() -> None:
            server = await asyncio.start_server(impostor, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            engine = ChromiumEngine(
                f"tcp://127.0.0.1:{port}", None, tmp_path, timeout=10, security=TransportSecurity(secret=SECRET)
            )
            with pytest.raises(BackendUnavailable):
                await asyncio.to_thread(engine.status)
            server.close()

        scenario()
