"""How do bytes get from one connection to another? Both ways, with back pressure and half-closes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from tintype.network.egress import Address

_ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried beside one that has not answered (RFC 8305, section 5)."""
_BUFFER_BYTES = 512 * 1024
"""Bytes waiting for a slow reader before the writer is held back."""


class RelayEnd(asyncio.Protocol):
    """One end of a tunnel. Nothing is read from it before it has a peer, unless a subclass wants to."""

    transport: asyncio.Transport

    def __init__(self, add_bytes: Callable[[int], None]) -> None:
        self.peer: RelayEnd | None = None
        self._add_bytes = add_bytes
        self._ended = False
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the peer: a server that speaks first must not overtake the handshake's reply."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers and clients give
        transport.set_write_buffer_limits(_BUFFER_BYTES)
        transport.pause_reading()
        self.transport = transport

    def connect(self, peer: RelayEnd) -> None:
        """Become a tunnel with another end."""
        self.peer, peer.peer = peer, self
        self.transport.resume_reading()
        peer.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the other end."""
        if self.peer:
            self._add_bytes(len(data))
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """Close one direction; the other stays open until its own end."""
        self._ended = True
        if self.peer is None or self.peer._ended:  # noqa: SLF001 - of this very class
            self._close_both()
            return False
        if not self.peer.transport.is_closing():
            self.peer.transport.write_eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Take the other end along: flushed after a proper close, at once after an error."""
        self._lost = True
        if self.peer is None or self.peer._lost:  # noqa: SLF001 - of this very class
            for end in (self, self.peer):
                if end:
                    end.on_closed()
        elif error is None:
            self.peer.transport.close()
        else:
            self.peer.transport.abort()

    def on_closed(self) -> None:
        """Both ends are gone, or there never was another one. For subclasses."""

    def pause_writing(self) -> None:
        """Hold the other end back: this one does not keep up."""
        if self.peer and not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        if self.peer and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def abort(self) -> None:
        """End the tunnel now, whatever is still under way in it."""
        for end in (self, self.peer):
            if end:
                end.transport.abort()

    def _close_both(self) -> None:
        for end in (self, self.peer):
            if end:
                end.transport.close()


async def dial(addresses: Sequence[Address], port: int, end: RelayEnd, time_limit: float) -> None:
    """Connect an end to the first address that answers, within seconds in all; raises OSError or TimeoutError."""
    async with asyncio.timeout(time_limit):
        connection = await _first(addresses, port)
    try:
        await asyncio.get_running_loop().create_connection(lambda: end, sock=connection)
    except BaseException:
        connection.close()
        raise


async def _first(addresses: Sequence[Address], port: int) -> socket.socket:
    """The first connection that comes about; attempts overlap so that one dead address costs little."""
    waiting, attempts = list(addresses), set[asyncio.Task[socket.socket]]()
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(asyncio.ensure_future(_connect(waiting.pop(0), port)))
            stagger = _ATTEMPT_DELAY if waiting else None
            done, _ = await asyncio.wait(attempts, timeout=stagger, return_when=asyncio.FIRST_COMPLETED)
            failed = {attempt for attempt in done if attempt.exception()}
            attempts -= failed
            for winner in done - failed:
                attempts.discard(winner)
                return winner.result()
        raise ConnectionError("no address answered")
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_discard)
            attempt.cancel()


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and not attempt.exception():
        attempt.result().close()


async def _connect(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection
