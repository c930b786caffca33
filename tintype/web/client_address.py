"""Client IP address and base URL of a request behind trusted proxies (X-Forwarded-For, X-Forwarded-Proto)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from flask import Request

from tintype.network.egress import Address, Network

_UNIX_SOCKET_PEER = ip_address("127.0.0.1")


class ProxyTrust:
    """Evaluates forwarding headers; ``trusted`` are the networks of the operator's proxies, in CIDR notation."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = parse_networks(trusted)

    def client_address(self, peer: str, forwarded: str) -> Address:
        """The client's address: the rightmost of X-Forwarded-For that is not a trusted proxy, else the peer's."""
        address = parse_address(peer) or _UNIX_SOCKET_PEER
        hops = forwarded.split(",")
        while hops and self._trusts(address):
            claimed = parse_address(hops.pop())
            if claimed is None:
                break
            address = claimed
        return address

    def base_url(self, request: Request) -> str:
        """Scheme and host of the client's URL, without a trailing slash."""
        scheme, host = request.scheme, request.host
        if self._trusts(parse_address(request.remote_addr or "") or _UNIX_SOCKET_PEER):
            claimed = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
            scheme = claimed if claimed in ("http", "https") else scheme
        return f"{scheme}://{host}"

    def _trusts(self, address: Address) -> bool:
        return in_networks(address, self._trusted)


def parse_address(text: str) -> Address | None:
    """An IP address as proxies write it, with or without port and brackets; IPv4-mapped IPv6 becomes IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from CIDR notation; raises ValueError."""
    return tuple(ip_network(text, strict=False) for text in texts)


def in_networks(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of the networks contains the address."""
    return any(address in network for network in networks)


def rate_limit_key(address: Address) -> str:
    """Key for rate limits: the IPv4 address, or the /64 network that one IPv6 customer gets (RFC 6177)."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))
