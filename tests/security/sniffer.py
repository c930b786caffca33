"""Records the IP packets that leave a network interface, read below TCP and UDP."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

_ALL_PROTOCOLS = 0x0003  # ETH_P_ALL, linux/if_ether.h
_OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h
_IPV4, _IPV6 = 0x0800, 0x86DD
_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
_RCVBUFFORCE = 33  # SO_RCVBUFFORCE, asm-generic/socket.h


@dataclass(frozen=True, slots=True)
class Packet:
    """The destination of a packet."""

    protocol: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.address} {self.port}"


class Sniffer:
    """Counts the outgoing packets of an interface that a predicate selects."""

    def __init__(self, interface: str, is_relevant: Callable[[Packet], bool]) -> None:
        self.packets: dict[Packet, int] = {}
        self._is_relevant = is_relevant
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, 64 << 20)
        self._socket.bind((interface, _ALL_PROTOCOLS))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._record_outgoing, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _record_outgoing(self) -> None:
        while not self._stopping.is_set():
            while select.select([self._socket], [], [], 0.1)[0]:
                data, (_, protocol, kind, *_) = self._socket.recvfrom(64)
                packet = read(protocol, data) if kind == _OUTGOING else None
                if packet and self._is_relevant(packet):
                    self.packets[packet] = self.packets.get(packet, 0) + 1


def read(protocol: int, data: bytes) -> Packet | None:
    """The destination of an IP packet; None for packets of the kernel, such as neighbour discovery."""
    if protocol == _IPV4:
        kind, address, rest = data[9], ip_address(data[16:20]), data[(data[0] & 15) * 4 :]
    elif protocol == _IPV6:
        kind, address, rest = data[6], ip_address(data[24:40]), data[40:]
    else:
        return None
    name = _PROTOCOLS.get(kind, str(kind))
    # The kernel sends the others: ICMP errors, neighbour discovery, group membership (IGMP, MLD).
    if name not in {"TCP", "UDP"}:
        return None
    return Packet(name, str(address), int.from_bytes(rest[2:4], "big"))
