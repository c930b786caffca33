"""The TCP connections that a server of this process has accepted, and their state as Linux reports it (TCP_INFO)."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

_DESCRIPTORS = "/proc/self/fd"
_INFO_BYTES = 208
_TIMES = struct.Struct("=I4xI")
"""Milliseconds since data was sent and received: ``tcpi_last_data_sent``, ``tcpi_last_data_recv``."""
_BYTES = struct.Struct("=QQ")
"""``tcpi_bytes_acked``, ``tcpi_bytes_received``."""
_TIMES_AT, _BYTES_AT = 44, 120
"""Offsets in ``struct tcp_info`` of include/uapi/linux/tcp.h, which only grows at its end."""
_ESTABLISHED, _CLOSE_WAIT = 1, 8
"""States in which a response can be sent."""


class TcpState(NamedTuple):
    """State of a connection: seconds since data was sent and received, bytes acknowledged, received, unsent."""

    since_sent: float
    since_received: float
    acked: int
    received: int
    unsent: int

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for the first or the next request."""
        return not self.received or self.since_sent <= self.since_received


class Endpoint(NamedTuple):
    """An accepted connection: its descriptor, which identifies it together with the inode, and its peer."""

    descriptor: int
    inode: int
    family: int
    peer: str
    port: int


@dataclass(slots=True)
class ServerSockets:
    """Connections to the ports on which this process listens."""

    _accepted: dict[int, Endpoint] = field(default_factory=dict)
    _other: set[int] = field(default_factory=set)
    """Inodes of sockets that are neither listening nor accepted, such as those of database clients."""

    def connections(self) -> Iterator[tuple[Endpoint, TcpState]]:
        """Accepted connections and their states; none on systems without Linux's TCP_INFO."""
        found = dict(_sockets())
        self._accepted = {inode: each for inode, each in self._accepted.items() if inode in found}
        self._other &= found.keys()
        unknown = {inode: found[inode] for inode in found.keys() - self._accepted.keys() - self._other}
        if unknown:
            self._classify(unknown)
        for endpoint in tuple(self._accepted.values()):
            with suppress(OSError):
                state = _read_state(endpoint)
                if state:
                    yield endpoint, state

    def shut_down(self, endpoint: Endpoint, how: int) -> bool:
        """Shut a connection down unless it has been closed; returns whether it was open. Raises OSError."""
        duplicate = os.dup(endpoint.descriptor)  # cannot be reused for another file before it is checked
        with socket.socket(endpoint.family, socket.SOCK_STREAM, fileno=duplicate) as connection:
            if _inode(duplicate) != endpoint.inode:
                return False
            connection.shutdown(how)
        return True

    def _classify(self, unknown: dict[int, int]) -> None:
        """Sort sockets by inode and descriptor into accepted ones and others."""
        sockets = {inode: details for inode, descriptor in unknown.items() if (details := _details(descriptor))}
        listening = {details.port for details in sockets.values() if details.is_listening} | self._ports()
        for inode, details in sockets.items():
            if details.is_listening or not details.peer:
                continue  # a socket without a peer may listen or connect later
            if details.port in listening:
                self._accepted[inode] = Endpoint(unknown[inode], inode, details.family, details.peer, details.port)
            else:
                self._other.add(inode)
        self._other |= unknown.keys() - sockets.keys()

    def _ports(self) -> set[int]:
        return {endpoint.port for endpoint in self._accepted.values()}


class _Details(NamedTuple):
    family: int
    port: int
    peer: str
    is_listening: bool


def _sockets() -> Iterator[tuple[int, int]]:
    """Inode and descriptor of every socket of this process."""
    with suppress(OSError):
        for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - faster than pathlib
            inode = _inode(int(name))
            if inode:
                yield inode, int(name)


def _inode(descriptor: int) -> int:
    """Inode of a descriptor's socket; 0 if it is none."""
    with suppress(OSError):
        kind, _, number = os.readlink(f"{_DESCRIPTORS}/{descriptor}").partition(":[")  # noqa: PTH115 - as above
        if kind == "socket":
            return int(number.rstrip("]"))
    return 0


def _details(descriptor: int) -> _Details | None:
    """Addresses of a TCP socket; None for other sockets."""
    with suppress(OSError, ValueError), socket.socket(fileno=os.dup(descriptor)) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
            return None
        is_listening = bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        peer = ""
        with suppress(OSError):
            peer = str(found.getpeername()[0])
        return _Details(found.family, found.getsockname()[1], peer, is_listening)
    return None


def _read_state(endpoint: Endpoint) -> TcpState | None:
    """The state of a connection; None if it is closing or TCP_INFO is too short. Raises OSError."""
    connection = socket.socket(endpoint.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=endpoint.descriptor)
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    finally:
        connection.detach()
    if len(info) < _INFO_BYTES or info[0] not in (_ESTABLISHED, _CLOSE_WAIT):
        return None
    since_sent, since_received = _TIMES.unpack_from(info, _TIMES_AT)
    acked, received = _BYTES.unpack_from(info, _BYTES_AT)
    queued = array.array("i", [0])
    fcntl.ioctl(endpoint.descriptor, termios.TIOCOUTQ, queued)
    return TcpState(since_sent / 1000, since_received / 1000, acked, received, queued[0])
