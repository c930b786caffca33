"""TCP relay: copies bytes between two connections, with back pressure and half-closes; dials targets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

from aiohappyeyeballs import AddrInfoType, start_connection

from tintype.network.egress import Address

_ATTEMPT_DELAY = 0.25
"""Seconds before the next address is tried while one has not accepted yet (RFC 8305, section 5)."""
_BUFFER_BYTES = 512 * 1024
"""Bytes buffered for a slow reader before reading from its peer is paused."""


class RelayEnd(asyncio.Protocol):
    """One end of a relay. Nothing is read from it before it has a peer, unless a subclass resumes reading."""

    transport: asyncio.Transport

    def __init__(self, add_bytes: Callable[[int], None]) -> None:
        self.peer: RelayEnd | None = None
        self._add_bytes = add_bytes
        self._ended = False
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pause reading until there is a peer: a server that sends first must not overtake the handshake's reply."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers and clients give
        transport.set_write_buffer_limits(_BUFFER_BYTES)
        transport.pause_reading()
        self.transport = transport

    def connect(self, peer: RelayEnd) -> None:
        """Relay between this end and another one."""
        self.peer, peer.peer = peer, self
        self.transport.resume_reading()
        peer.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Write received bytes to the peer."""
        if self.peer:
            self._add_bytes(len(data))
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """Close this direction; the other stays open until its own end."""
        self._ended = True
        if self.peer is None or self.peer._ended:  # noqa: SLF001 - of this very class
            self._close_both()
            return False
        if not self.peer.transport.is_closing():
            self.peer.transport.write_eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Close the peer too: after its buffer is written, or immediately after an error."""
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
        """Called when both ends are closed, or this one without ever having a peer. For subclasses."""

    def pause_writing(self) -> None:
        """Pause reading from the peer: this end's buffer is full."""
        if self.peer and not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """Resume reading from the peer."""
        if self.peer and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def abort(self) -> None:
        """Close both ends immediately and drop what is buffered."""
        for end in (self, self.peer):
            if end:
                end.transport.abort()

    def _close_both(self) -> None:
        for end in (self, self.peer):
            if end:
                end.transport.close()


async def dial(addresses: Sequence[Address], port: int, end: RelayEnd, time_limit: float) -> None:
    """Connect an end to the first address that accepts, within seconds; raises OSError, TimeoutError among them.

    The attempts overlap (RFC 8305, "Happy Eyeballs"), so one dead address costs little. Only these addresses are
    dialled: they are numeric and are not resolved again.
    """
    async with asyncio.timeout(time_limit):
        connection = await start_connection(
            [_address_info(address, port) for address in addresses],
            happy_eyeballs_delay=_ATTEMPT_DELAY,
            socket_factory=_create_socket,
        )
    try:
        await asyncio.get_running_loop().create_connection(lambda: end, sock=connection)
    except BaseException:
        connection.close()
        raise


def _address_info(address: Address, port: int) -> AddrInfoType:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 - IPv4
    where = (str(address), port) if family == socket.AF_INET else (str(address), port, 0, 0)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where


def _create_socket(info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)
