"""Who may come in from other machines? Clients that prove to know the secret, each within a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tintype.rpc import auth

log = structlog.get_logger("tintype.chromium")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
AUTH_TIMEOUT = 5.0
"""Seconds."""


class AuthenticatedServer:
    """In front of a server's conversation: whoever is not admitted is hung up on and told nothing."""

    def __init__(self, secret: str, handler: Serve, timeout: float = AUTH_TIMEOUT) -> None:
        self._secret = secret
        self._handler = handler
        self._timeout = timeout

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client until it is gone."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._authenticate(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError) as error:
            if not (isinstance(error, asyncio.IncompleteReadError) and not error.partial):  # a probe of the port
                log.warning("client_rejected", peer=writer.get_extra_info("peername"), reason=type(error).__name__)
            writer.close()
            return
        await self._handler(reader, writer)

    async def _authenticate(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Raises ConnectionError for whoever does not know the secret, IncompleteReadError for whoever leaves."""
        if await reader.readexactly(len(auth.MAGIC)) != auth.MAGIC:
            raise auth.AuthenticationFailed
        theirs, ours = await reader.readexactly(auth.NONCE_SIZE), auth.make_nonce()
        writer.write(ours + auth.compute_proof(self._secret, "server", theirs, ours))
        expected = auth.compute_proof(self._secret, "client", theirs, ours)
        if not auth.verify_proof(await reader.readexactly(auth.PROOF_SIZE), expected):
            raise auth.AuthenticationFailed
        writer.write(auth.OK)
        await writer.drain()
