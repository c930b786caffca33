"""Mutual authentication of client and daemon by a shared secret (HMAC-SHA256, RFC 2104) over TCP.

The client sends :data:`MAGIC` and a nonce; the server a nonce and its proof; the client its proof; the server
:data:`OK`. The secret is never sent. The handshake is that of ``multiprocessing.connection``. It neither encrypts nor
signs the frames that follow; TLS does, see :mod:`tintype.rpc.tls`.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

import structlog

from tintype.rpc import framing

if TYPE_CHECKING:
    import socket

log = structlog.get_logger("tintype.rpc")

MAGIC = b"tintype1"
"""Read as a frame length, it exceeds the maximum, so a peer without authentication closes the connection."""
NONCE_SIZE = PROOF_SIZE = 32
"""Bytes."""
OK = b"\x01"
AUTH_TIMEOUT = 5.0
"""Seconds."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class AuthenticationFailed(ConnectionError):
    """The peer did not prove that it has the secret."""


def authenticate_to_server(connection: socket.socket, secret: str, timeout: float = AUTH_TIMEOUT) -> None:
    """Authenticate a client's blocking socket, and the server to it, within seconds; raises OSError."""
    deadline, own_nonce = time.monotonic() + timeout, make_nonce()
    connection.sendall(MAGIC + own_nonce)
    answer = framing.receive_exactly(connection, NONCE_SIZE + PROOF_SIZE, deadline)
    peer_nonce, proof = answer[:NONCE_SIZE], answer[NONCE_SIZE:]
    if not verify_proof(proof, compute_proof(secret, "server", own_nonce, peer_nonce)):
        raise AuthenticationFailed("the capture daemon has another TINTYPE_ENGINE_SECRET; set the same on both sides")
    connection.sendall(compute_proof(secret, "client", own_nonce, peer_nonce))
    framing.receive_exactly(connection, len(OK), deadline)


async def authenticate_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: str) -> None:
    """Authenticate a connected client; raises AuthenticationFailed, or IncompleteReadError if it disconnects."""
    if await reader.readexactly(len(MAGIC)) != MAGIC:
        raise AuthenticationFailed
    client_nonce, server_nonce = await reader.readexactly(NONCE_SIZE), make_nonce()
    writer.write(server_nonce + compute_proof(secret, "server", client_nonce, server_nonce))
    expected = compute_proof(secret, "client", client_nonce, server_nonce)
    if not verify_proof(await reader.readexactly(PROOF_SIZE), expected):
        raise AuthenticationFailed
    writer.write(OK)
    await writer.drain()


class AuthenticatedServer:
    """Authenticates each client before the handler gets it; rejected clients are disconnected without a reply."""

    def __init__(self, secret: str, handler: Handler, timeout: float = AUTH_TIMEOUT) -> None:
        self._secret = secret
        self._handler = handler
        self._timeout = timeout

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it disconnects."""
        try:
            async with asyncio.timeout(self._timeout):
                await authenticate_client(reader, writer, self._secret)
        except asyncio.CancelledError:
            writer.close()
            raise
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError) as error:
            is_port_probe = isinstance(error, asyncio.IncompleteReadError) and not error.partial
            if not is_port_probe:
                log.warning("client_rejected", peer=writer.get_extra_info("peername"), reason=type(error).__name__)
            writer.close()
            return
        await self._handler(reader, writer)


def make_nonce() -> bytes:
    """Return fresh random bytes."""
    return os.urandom(NONCE_SIZE)


def compute_proof(secret: str, role: Literal["client", "server"], client_nonce: bytes, server_nonce: bytes) -> bytes:
    """Return the MAC that only a peer with the secret can compute; it differs by role, so it cannot be reflected."""
    return hmac.digest(secret.encode(), b"\n".join((MAGIC, role.encode(), client_nonce + server_nonce)), "sha256")


def verify_proof(proof: bytes, expected: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(proof, expected)
