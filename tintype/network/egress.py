"""Egress policy: which IP addresses and host names may be connected to. No DNS lookups, no sockets.

``ipaddress.is_global`` is not sufficient: depending on the Python version it accepts multicast, NAT64, 6to4 and the
cloud metadata address 168.63.129.16. This module denies those too. An allow rule names an address or network *and* a
port.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORTS = range(1, 65536)
_MAX_NAME_LENGTH = 253  # RFC 1035, 2.3.4, without the trailing dot
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")

PRIVATE_NAMES = (
    "localhost", "local", "internal", "home.arpa", "lan", "corp", "home", "localdomain", "localdomain6", "intranet",
    "private", "svc", "onion", "test", "invalid", "example", "alt", "arpa",
)  # fmt: skip
"""Domains that are not on the public internet (RFC 6761, RFC 7686, RFC 8375, RFC 9476, ICANN's private list)."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_DENIED_V4 = _networks(
    "0.0.0.0/8",  # this network, RFC 791
    "10.0.0.0/8",  # private, RFC 1918
    "100.64.0.0/10",  # carrier NAT, RFC 6598; includes Alibaba's metadata address
    "127.0.0.0/8",  # loopback, RFC 1122
    "168.63.129.16/32",  # Azure's platform services: a public number with an internal use
    "169.254.0.0/16",  # link local, RFC 3927; includes most clouds' metadata address
    "172.16.0.0/12",  # private, RFC 1918
    "192.0.0.0/24",  # protocol assignments, RFC 6890; includes Oracle's metadata address
    "192.0.2.0/24",  # documentation, RFC 5737
    "192.88.99.0/24",  # 6to4 relay, RFC 7526
    "192.168.0.0/16",  # private, RFC 1918
    "198.18.0.0/15",  # benchmarking, RFC 2544
    "198.51.100.0/24",  # documentation, RFC 5737
    "203.0.113.0/24",  # documentation, RFC 5737
    "224.0.0.0/3",  # multicast and reserved, RFC 1112
)
_ALLOWED_V6 = ip_network("2000::/3")
"""Global unicast, RFC 4291; mapped, compatible, NAT64, local and multicast addresses are outside."""
_DENIED_V6 = _networks(
    "2001::/23",  # Teredo, ORCHID and other assignments, RFC 2928
    "2001:db8::/32",  # documentation, RFC 3849
    "2002::/16",  # 6to4, RFC 3056
    "2620:4f:8000::/48",  # AS112's sink, RFC 7534
    "3fff::/20",  # documentation, RFC 9637
)


@dataclass(frozen=True, slots=True)
class AllowRule:
    """One entry of TINTYPE_ALLOW_ADDRESSES."""

    network: Network
    port: int

    @classmethod
    def parse(cls, text: str) -> AllowRule:
        """``127.0.0.1:8090``, ``10.1.0.0/16:443`` or ``[fd00::1]:80``; raises ValueError."""
        where, _, port = text.strip().rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
            raise ValueError(f"{text!r} must be an address or network with a port, such as 10.1.0.0/16:443")
        host = where
        if where.startswith("["):
            inside, _, mask = where[1:].partition("]")
            host = inside + mask
        elif ":" in where:
            raise ValueError(f"{text!r} must have the IPv6 address in brackets, such as [fd00::1]:80")
        return cls(ip_network(host), int(port))


@dataclass(frozen=True, slots=True)
class Policy:
    """Permits public addresses except those of this host, and the addresses and ports of allow rules."""

    allowed: tuple[AllowRule, ...] = ()
    local_addresses: Container[Address] = frozenset()

    def permits(self, address: Address, port: int) -> bool:
        """Whether a connection to this address and port is allowed."""
        if port not in _PORTS or getattr(address, "scope_id", None):
            return False
        if any(port == entry.port and address in entry.network for entry in self.allowed):
            return True
        return is_public(address) and address not in self.local_addresses

    def permits_name(self, name: str, port: int, *, named: bool = False) -> bool:
        """Whether a host name may be resolved; :meth:`permits` then decides about its addresses.

        A private name is resolved only if the operator ``named`` it, or if an allow rule has this port.
        """
        if not is_name(name):
            return False
        return named or not is_private_name(name) or any(port == entry.port for entry in self.allowed)


def is_public(address: Address) -> bool:
    """Whether an address is global unicast and has no special purpose (IANA registries)."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _DENIED_V4)
    if address.scope_id or address not in _ALLOWED_V6 or not address.is_global:
        return False
    return not any(address in network for network in _DENIED_V6)


def parse_address(text: str) -> Address | None:
    """Parse the canonical text of an address, with or without brackets; None for a name."""
    try:
        return ip_address(text.removeprefix("[").removesuffix("]") if text.startswith("[") else text)
    except ValueError:
        return None


def is_name(text: str) -> bool:
    """Whether a text is a lower-case ASCII host name that no resolver can read as a number.

    No top-level domain begins with a digit, and every numeric notation ends in a label that does.
    """
    return len(text) <= _MAX_NAME_LENGTH and bool(_NAME.fullmatch(text)) and not text.rpartition(".")[2][0].isdigit()


def is_private_name(name: str) -> bool:
    """Whether a name has one label only, or is in one of :data:`PRIVATE_NAMES`."""
    return "." not in name or any(name == private or name.endswith(f".{private}") for private in PRIVATE_NAMES)


def matches_host(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host equals a pattern, or is below one such as ``*.example.com``."""
    return any(host == p or (p.startswith("*.") and host.endswith(p[1:])) for p in patterns)
