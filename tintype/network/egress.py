"""Which addresses and names may be reached? Pure policy: no look-ups and no sockets.

``ipaddress.is_global`` alone is not enough (it passes multicast, NAT64, 6to4, cloud metadata at
168.63.129.16 ... depending on the Python version), so this module keeps a list of its own on top.
Allow-lists name an exact address or network *and* a port.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORTS = range(1, 65536)
_MAX_NAME_LENGTH = 253  # RFC 1035, 2.3.4, without the outer dots
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")

PRIVATE_NAMES = (
    "localhost", "local", "internal", "home.arpa", "lan", "corp", "home", "localdomain", "localdomain6", "intranet",
    "private", "svc", "onion", "test", "invalid", "example", "alt", "arpa",
)  # fmt: skip
"""Names that never lead to the public internet (RFC 6761, RFC 7686, RFC 8375, RFC 9476, ICANN's private list)."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_DENIED_V4 = _networks(
    "0.0.0.0/8",  # this network, RFC 791
    "10.0.0.0/8",  # private, RFC 1918
    "100.64.0.0/10",  # carrier NAT, RFC 6598; holds Alibaba's metadata address
    "127.0.0.0/8",  # loopback, RFC 1122
    "168.63.129.16/32",  # Azure's platform address: public by number, internal in fact
    "169.254.0.0/16",  # link local, RFC 3927; holds most clouds' metadata address
    "172.16.0.0/12",  # private, RFC 1918
    "192.0.0.0/24",  # protocol assignments, RFC 6890; holds Oracle's metadata address
    "192.0.2.0/24",  # documentation, RFC 5737
    "192.88.99.0/24",  # 6to4 relay, RFC 7526
    "192.168.0.0/16",  # private, RFC 1918
    "198.18.0.0/15",  # benchmarking, RFC 2544
    "198.51.100.0/24",  # documentation, RFC 5737
    "203.0.113.0/24",  # documentation, RFC 5737
    "224.0.0.0/3",  # multicast and reserved, RFC 1112
)
_ALLOWED_V6 = ip_network("2000::/3")
"""All that is given out to the internet; mapped, compatible, NAT64, local and multicast are elsewhere."""
_DENIED_V6 = _networks(
    "2001::/23",  # Teredo, ORCHID and other assignments, RFC 2928
    "2001:db8::/32",  # documentation, RFC 3849
    "2002::/16",  # 6to4, RFC 3056
    "2620:4f:8000::/48",  # AS112's sink, RFC 7534
    "3fff::/20",  # documentation, RFC 9637
)


@dataclass(frozen=True, slots=True)
class AllowRule:
    """One entry of the operator's allow-list."""

    network: Network
    port: int

    @classmethod
    def parse(cls, text: str) -> AllowRule:
        """``127.0.0.1:8090``, ``10.1.0.0/16:443`` or ``[fd00::1]:80``; raises ValueError."""
        where, _, port = text.strip().rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) not in _PORTS:
            raise ValueError(f"{text!r} needs an address or network and a port")
        host = where
        if where.startswith("["):
            inside, _, mask = where[1:].partition("]")
            host = inside + mask
        elif ":" in where:
            raise ValueError(f"{text!r}: write IPv6 in brackets")
        return cls(ip_network(host), int(port))


@dataclass(frozen=True, slots=True)
class Policy:
    """Public addresses, plus the operator's exceptions, minus this machine's own addresses."""

    allowed: tuple[AllowRule, ...] = ()
    local_addresses: frozenset[Address] = frozenset()

    def permits(self, address: Address, port: int) -> bool:
        """Whether a connection to this address and port may be made."""
        if port not in _PORTS or getattr(address, "scope_id", None):
            return False
        if any(port == entry.port and address in entry.network for entry in self.allowed):
            return True
        return is_public(address) and address not in self.local_addresses

    def permits_name(self, name: str, port: int, *, named: bool = False) -> bool:
        """Whether a host name may be looked up; what it leads to is decided by :meth:`permits`.

        A private name is looked up only when the operator ``named`` it, or opened an address at that very port.
        """
        if not is_name(name):
            return False
        return named or not is_private_name(name) or any(port == entry.port for entry in self.allowed)


def is_public(address: Address) -> bool:
    """Whether an address is out on the internet, by number alone."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _DENIED_V4)
    if address.scope_id or address not in _ALLOWED_V6 or not address.is_global:
        return False
    return not any(address in network for network in _DENIED_V6)


def parse_address(text: str) -> Address | None:
    """The address a host text spells canonically, brackets allowed; None for a name."""
    try:
        return ip_address(text.removeprefix("[").removesuffix("]") if text.startswith("[") else text)
    except ValueError:
        return None


def is_name(text: str) -> bool:
    """Whether a text is a host name in lower case ASCII that no resolver could take for a number.

    No top level domain begins with a digit, and every way to write a number ends in a label that does.
    """
    return len(text) <= _MAX_NAME_LENGTH and bool(_NAME.fullmatch(text)) and not text.rpartition(".")[2][0].isdigit()


def is_private_name(name: str) -> bool:
    """Whether a name is one label, or below a domain that never leads to the public internet."""
    return "." not in name or any(name == private or name.endswith(f".{private}") for private in PRIVATE_NAMES)


def matches_host(host: str, patterns: Iterable[str]) -> bool:
    """Whether a host is one of the patterns: exact, or ``*.example.com`` for everything below it."""
    return any(host == p or (p.startswith("*.") and host.endswith(p[1:])) for p in patterns)
