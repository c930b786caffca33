"""One capture's use of the egress proxy: admission, DNS, limits and counters of its connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.relay import RelayEnd
from tintype.chromium.proxy.socks5 import Socks5Request
from tintype.chromium.proxy.traffic import Reason, Traffic
from tintype.network.egress import Address, parse_address
from tintype.network.resolver import Resolve, Resolver, TooManyLookups

MAX_CLIENTS = 512
"""Concurrent clients of one listener, those without a request yet included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyLimits:
    """Limits of one capture. Times in seconds."""

    connections: int = 1000
    """In total: a page of some hundred images needs one for each if its server closes them after every response."""
    bytes: int = 100_000_000
    handshake: float = 15.0
    lookup: float = 5.0
    lookups: int = 16
    """Concurrent DNS look-ups."""
    connect: float = 8.0
    addresses: int = 3
    """Addresses of a name that are dialled."""


class ConnectionDenied(Exception):
    """A connection is not made, for a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class ProxySession:
    """Admits, resolves and counts one capture's connections, and closes them when the capture ends."""

    def __init__(
        self,
        policy: EgressPolicy,
        limits: ProxyLimits,
        resolve: Resolve,
        proxy_port: int,
        blocked: DomainSet | None,
        *,
        expect_denials: bool = False,
    ) -> None:
        self.traffic = Traffic()
        self.expect_denials = expect_denials
        self.limits = limits
        self._policy = policy
        self._proxy_port = proxy_port
        self._blocked = blocked or DomainSet()
        self._resolver = Resolver(limits.lookups, resolve)
        self._lookup_slots = asyncio.Semaphore(limits.lookups)
        self._lookups: dict[str, asyncio.Task[tuple[Address, ...]]] = {}
        self._clients: set[RelayEnd] = set()

    def add(self, client: RelayEnd) -> bool:
        """Add a client; return False if there are too many."""
        if len(self._clients) >= MAX_CLIENTS:
            self.traffic.exceeded = self.traffic.exceeded or "connections"
            return False
        self._clients.add(client)
        return True

    def remove(self, client: RelayEnd) -> None:
        """Remove a client whose connections are closed."""
        self._clients.discard(client)

    def add_bytes(self, size: int) -> None:
        """Count relayed bytes of either direction; over the limit, abort every connection."""
        self.traffic.bytes += size
        if self.traffic.bytes > self.limits.bytes and self.traffic.exceeded != "bytes":
            self.traffic.exceeded = "bytes"
            self.abort()

    def abort(self) -> None:
        """Abort every connection."""
        for client in tuple(self._clients):
            client.abort()

    def close(self) -> None:
        """Abort every connection and look-up."""
        self.abort()
        for lookup in self._lookups.values():
            lookup.cancel()

    async def admit(self, request: Socks5Request) -> tuple[Address, ...]:
        """Return the checked addresses to dial for a request; raises ConnectionDenied."""
        host, port = request.host.lower().removesuffix("."), request.port
        address = parse_address(host)
        if not (self._permits(address, port) if address else self._policy.permits_name(host, port)):
            raise ConnectionDenied("policy")
        if self._is_blocked(host):
            raise ConnectionDenied("blocked")
        self._count_connection()
        addresses = (address,) if address else await self._look_up(host)
        if not all(self._permits(each, port) for each in addresses):
            raise ConnectionDenied("policy")
        return addresses[: self.limits.addresses]

    def _is_blocked(self, host: str) -> bool:
        """Return whether a blocklist contains a host, unless the page itself is or was there."""
        listed = self._blocked.find(host)
        return bool(listed) and not any(map(DomainSet(frozenset([listed])).matches, self.traffic.page_hosts))

    def _permits(self, address: Address, port: int) -> bool:
        return self._policy.permits(address, port, self._proxy_port)

    def _count_connection(self) -> None:
        """Count a connection towards the limit. Requests denied by their text alone are not counted."""
        if self.traffic.exceeded == "bytes" or self.traffic.connections >= self.limits.connections:
            self.traffic.exceeded = self.traffic.exceeded or "connections"
            raise ConnectionDenied("limit")
        self.traffic.connections += 1

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        """Resolve a name once per capture: a browser opens up to six connections to one host."""
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = asyncio.ensure_future(self._resolve(host))
        addresses = await asyncio.shield(lookup)
        if not addresses:
            raise ConnectionDenied("unknown-host")
        return addresses

    async def _resolve(self, host: str) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(self.limits.lookup), self._lookup_slots:
                return await asyncio.wrap_future(self._resolver.submit(host))
        except (OSError, TooManyLookups):  # TimeoutError is an OSError
            return ()
