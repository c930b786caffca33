"""Which addresses may be reached: pure policy over addresses, no look-ups and no sockets.

``ipaddress.is_global`` alone is not enough (it passes multicast, NAT64, 6to4, cloud metadata at
168.63.129.16 ... depending on the Python version), so this module keeps a list of its own on top.
Allow-lists name an exact address or network *and* a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PORTS = range(1, 65536)


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_REFUSED_V4 = _networks(
    "0.0.0.0/8",  # this network, RFC 791
    "100.64.0.0/10",  # carrier NAT, RFC 6598; holds Alibaba's metadata address
    "192.0.0.0/24",  # protocol assignments, RFC 6890; holds Oracle's metadata address
    "192.88.99.0/24",  # 6to4 relay, RFC 7526
    "198.18.0.0/15",  # benchmarking, RFC 2544
    "224.0.0.0/3",  # multicast and reserved, RFC 1112
    "168.63.129.16/32",  # Azure's platform address: public by number, internal in fact
)
_ALLOWED_V6 = ip_network("2000::/3")
_REFUSED_V6 = _networks(
    "2001::/23",  # Teredo, ORCHID and other assignments, RFC 2928
    "2001:db8::/32",  # documentation, RFC 3849
    "2002::/16",  # 6to4, RFC 3056
    "3fff::/20",  # documentation, RFC 9637
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of the operator's allow-list."""

    network: Network
    port: int

    @classmethod
    def parse(cls, text: str) -> Allowed:
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

    allowed: tuple[Allowed, ...] = ()
    own: frozenset[Address] = frozenset()

    def permits(self, address: Address, port: int) -> bool:
        """Whether a connection to this address and port may be made."""
        if any(port == entry.port and address in entry.network for entry in self.allowed):
            return True
        return is_public(address) and address not in self.own


def is_public(address: Address) -> bool:
    """Whether an address is out on the internet, by number alone."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _REFUSED_V4)
    if address.scope_id or address not in _ALLOWED_V6 or not address.is_global:
        return False
    return not any(address in network for network in _REFUSED_V6)


def parse_address(text: str) -> Address | None:
    """The address a host text spells canonically, brackets allowed; None for a name."""
    try:
        return ip_address(text.removeprefix("[").removesuffix("]") if text.startswith("[") else text)
    except ValueError:
        return None
