"""Client IP address and base URL of a request behind trusted proxies (X-Forwarded-For, X-Forwarded-Proto).

A header counts only if the peer is a trusted proxy. A WSGI environment has one key for ``X-Forwarded-For`` and
``X_Forwarded_For``; gunicorn drops names with underscores, granian keeps the last of both. The name ``Forwarded``
(RFC 7239) has no other spelling.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from wsgiref.types import WSGIEnvironment

from flask import Request

from tintype.network.egress import Address, Network

X_FORWARDED_FOR, FORWARDED = "X-Forwarded-For", "Forwarded"
MAX_FORWARDED_LENGTH = 1024
"""Characters of the header that are read, from its right end, where trusted proxies append."""
MAX_HOPS = 16
"""Entries of the header that are read, from the right."""
MAX_CACHED_FORWARDED_LENGTH = 200
"""Characters up to which a text may be a cache key; longer ones are replaced by the address that they contain."""
MAX_CACHED_PEERS = 1024
"""Peers for which the cache holds whether they are trusted proxies."""
_MAX_ADDRESS_LENGTH = 64
"""Characters of an IPv6 address with zone, brackets and port."""
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
_UNIX_SOCKET_PEER = ip_address("127.0.0.1")


class ProxyTrust:
    """Evaluates forwarding headers; ``trusted`` are the networks of the operator's proxies, in CIDR notation."""

    def __init__(self, trusted: Sequence[str] = (), header: str = X_FORWARDED_FOR) -> None:
        """``header``: the header in which the proxies append the client's address; others are ignored."""
        self._trusted = parse_networks(trusted)
        self._key = f"HTTP_{header.upper().replace('-', '_')}"
        self._parse_hop = _parse_forwarded if header.lower() == FORWARDED.lower() else parse_address
        self._trusts_peer = functools.lru_cache(MAX_CACHED_PEERS)(self._is_trusted_peer)

    def forwarded(self, environ: WSGIEnvironment) -> str:
        """The text of the header, in a form that :meth:`client_address` accepts.

        Empty if the peer is no trusted proxy, and at most ``MAX_CACHED_FORWARDED_LENGTH`` characters.
        """
        text: str = environ.get(self._key, "")
        return self.trusted_part(environ.get("REMOTE_ADDR", ""), text) if text else ""

    def client_fields(self, environ: WSGIEnvironment) -> dict[str, str]:
        """The part of a WSGI environment from which the client's address is computed, for use after the request."""
        return {"REMOTE_ADDR": environ.get("REMOTE_ADDR", ""), self._key: self.forwarded(environ)}

    def client_address(self, peer: str, forwarded: str) -> Address:
        """The client's address: the rightmost in the header that is not a trusted proxy, else the peer's.

        An entry that is no address ends the search: the client then is the proxy that received it.
        """
        address = parse_address(peer) or _UNIX_SOCKET_PEER
        hops = _last_entries(forwarded) if self._trusts(address) else []
        while hops and self._trusts(address):
            claimed = self._parse_hop(hops.pop())
            if claimed is None:
                break
            address = claimed
        return address

    def client_of(self, environ: WSGIEnvironment) -> str:
        """The client of a request, for limits of what runs at a time: its address, or its IPv6 network."""
        return rate_limit_key(self.client_address(environ.get("REMOTE_ADDR", ""), self.forwarded(environ)))

    def trusted_part(self, peer: str, forwarded: str) -> str:
        """A short text with the same client address: the part of the header that a cache may have in its keys.

        Empty if the peer is no trusted proxy.
        """
        if not self._trusts_peer(peer):
            return ""
        if len(forwarded) <= MAX_CACHED_FORWARDED_LENGTH:
            return forwarded
        address = str(self.client_address(peer, forwarded))
        return address if self._parse_hop is parse_address else f"for={address}"

    def base_url(self, request: Request) -> str:
        """Scheme and host of the client's URL, without a trailing slash."""
        scheme, host = request.scheme, request.host
        if self._trusts_peer(request.remote_addr or ""):
            claimed = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
            scheme = claimed if claimed in ("http", "https") else scheme
        return f"{scheme}://{host}"

    def path_prefix(self, request: Request) -> str:
        """The path below which a trusted proxy publishes this service (X-Forwarded-Prefix), or that of the server."""
        if self._trusts_peer(request.remote_addr or ""):
            claimed = request.headers.get("X-Forwarded-Prefix", "").partition(",")[0].strip().rstrip("/")
            if claimed and _PREFIX.fullmatch(claimed):
                return claimed
        return request.script_root

    def _is_trusted_peer(self, peer: str) -> bool:
        return self._trusts(parse_address(peer) or _UNIX_SOCKET_PEER)

    def _trusts(self, address: Address) -> bool:
        return in_networks(address, self._trusted)


def _last_entries(forwarded: str) -> list[str]:
    """The last entries of a comma-separated list, in order; one that the maximum length cuts is left out."""
    entries = forwarded[-MAX_FORWARDED_LENGTH:].rsplit(",", MAX_HOPS)
    return entries[1:] if len(entries) > MAX_HOPS or len(forwarded) > MAX_FORWARDED_LENGTH else entries


def parse_address(text: str) -> Address | None:
    """An IP address as proxies write it, with or without port and brackets; IPv4-mapped IPv6 becomes IPv4."""
    host = text.strip()
    if len(host) > _MAX_ADDRESS_LENGTH:
        return None
    if host.startswith("["):
        host, bracket, port = host[1:].partition("]")
        if not bracket or not _is_port(port):
            return None
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parse_forwarded(text: str) -> Address | None:
    """The address in one element of ``Forwarded``, such as ``for="[2001:db8::1]:80";proto=https`` (RFC 7239, 4)."""
    for pair in text.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return parse_address(value.strip().strip('"'))
    return None


def _is_port(text: str) -> bool:
    """Whether a text is empty, or a colon and digits."""
    return not text or (text.startswith(":") and text[1:].isascii() and text[1:].isdigit())


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


def wide_rate_limit_key(address: Address) -> str:
    """Key of the larger IPv6 network that one site may get, a /48 (RFC 6177); empty for IPv4."""
    return "" if isinstance(address, IPv4Address) else str(IPv6Network((address, 48), strict=False))
