"""Through which hole does the browser reach the world? A SOCKS5 filter that dials only what it checked.

A name is resolved once, every answer must pass the policy, and the connection goes to an answer that passed: a name
that changes its mind between check and use gains nothing, and redirects, frames, workers and sockets all come by here.
One filter belongs to one slot and serves one capture at a time, so refusals and bytes belong to that capture.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import structlog

from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.relay import RelayEnd, dial
from tintype.chromium.proxy.socks5 import GENERAL_FAILURE, SUCCEEDED, MalformedHandshake, Socks5Handshake, Socks5Request
from tintype.chromium.proxy.traffic import TOTALS, DenialReason, Reason, Traffic
from tintype.network.egress import Address, is_public, parse_address
from tintype.network.resolver import Resolve, Resolver, TooManyLookups

__all__ = ["DenialReason", "DomainSet", "EgressPolicy", "EgressProxy", "ProxyLimits", "Traffic"]

log = structlog.get_logger("tintype.chromium.socks")

_MAX_CLIENTS = 512
"""Clients of one listener at a time, those that have not said anything yet included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyLimits:
    """What one capture may use. Times in seconds."""

    connections: int = 256
    bytes: int = 100_000_000
    handshake: float = 15.0
    lookup: float = 5.0
    lookups: int = 16
    """Look-ups under way at once."""
    connect: float = 8.0
    addresses: int = 3


class ConnectionDenied(Exception):
    """Why a connection is not made."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class ProxySession:
    """One capture's connections: admits, resolves, counts, and ends all of them with the capture."""

    def __init__(self, proxy: EgressProxy, blocked: DomainSet | None, *, expect_denials: bool = False) -> None:
        self.traffic = Traffic()
        self.expect_denials = expect_denials
        self.limits = proxy.limits
        self._proxy = proxy
        self._blocked = blocked or DomainSet()
        self._resolver = Resolver(self.limits.lookups, proxy.resolve)
        self._lookup_slots = asyncio.Semaphore(self.limits.lookups)
        self._lookups: dict[str, asyncio.Task[tuple[Address, ...]]] = {}
        self._clients: set[ProxyClient] = set()

    def add(self, client: ProxyClient) -> bool:
        """Whether there is room for a client."""
        if len(self._clients) >= _MAX_CLIENTS:
            return False
        self._clients.add(client)
        return True

    def remove(self, client: ProxyClient) -> None:
        """A client is gone."""
        self._clients.discard(client)

    def add_bytes(self, size: int) -> None:
        """Bytes went by, one way or the other."""
        self.traffic.bytes += size
        if self.traffic.bytes > self.limits.bytes and self.traffic.exceeded != "bytes":
            self.traffic.exceeded = "bytes"
            self.abort()

    def abort(self) -> None:
        """End every connection."""
        for client in tuple(self._clients):
            client.abort()

    def close(self) -> None:
        """End every connection and look-up."""
        self.abort()
        for answer in self._lookups.values():
            answer.cancel()

    async def admit(self, request: Socks5Request) -> tuple[Address, ...]:
        """The checked addresses to dial for a request; raises Refused."""
        host, port = request.host.lower().removesuffix("."), request.port
        address = parse_address(host)
        allowed = self._permits(address, port) if address else self._proxy.policy.permits_name(host, port)
        if not allowed:
            raise ConnectionDenied("policy")
        if self._blocked.matches(host):
            raise ConnectionDenied("blocked")
        self._count_connection()
        addresses = (address,) if address else await self._look_up(host)
        if not all(self._permits(each, port) for each in addresses):
            raise ConnectionDenied("policy")
        return addresses[: self.limits.addresses]

    def _count_connection(self) -> None:
        """One connection off the allowance. What is refused by its text alone costs nothing."""
        if self.traffic.exceeded == "bytes" or self.traffic.connections >= self.limits.connections:
            self.traffic.exceeded = self.traffic.exceeded or "connections"
            raise ConnectionDenied("limit")
        self.traffic.connections += 1

    def _permits(self, address: Address, port: int) -> bool:
        """The judge's word, except that nobody is let back into this filter, whatever the allow-list says."""
        to_itself = port == self._proxy.port and not is_public(address)
        return self._proxy.policy.permits(address, port) and not to_itself

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        """Each name once a capture: a browser opens up to six connections to one host."""
        answer = self._lookups.get(host)
        if answer is None:
            answer = self._lookups[host] = asyncio.ensure_future(self._resolve(host))
        addresses = await asyncio.shield(answer)
        if not addresses:
            raise ConnectionDenied("unknown-host")
        return addresses

    async def _resolve(self, host: str) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(self.limits.lookup), self._lookup_slots:
                return await asyncio.wrap_future(self._resolver.submit(host))
        except (OSError, TooManyLookups):  # TimeoutError is an OSError
            return ()


class ProxyClient(RelayEnd):
    """The browser's end of a tunnel: a handshake, then whatever the far end says."""

    def __init__(self, session: ProxySession) -> None:
        super().__init__(session.add_bytes)
        self._session = session
        self._handshake = Socks5Handshake()
        self._open_task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client so long to say what it wants."""
        super().connection_made(transport)
        if not self._session.add(self):
            self.transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(self._session.limits.handshake, self.transport.abort)
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Bytes of the handshake, later of the tunnel."""
        if self.peer:
            super().data_received(data)
            return
        try:
            self.transport.write(self._handshake.feed(data))
        except MalformedHandshake as error:
            self._reject(error.reply)
            return
        if self._handshake.request:
            self._timer.cancel()
            self.transport.pause_reading()
            self._open_task = asyncio.ensure_future(self._open(self._handshake.request))

    def connection_lost(self, error: Exception | None) -> None:
        """Open nothing for a browser that hung up."""
        super().connection_lost(error)
        if self._open_task:
            self._open_task.cancel()

    def on_closed(self) -> None:
        """Belong to the session until the far end is gone too: it may still be sending."""
        self._session.remove(self)

    async def _open(self, request: Socks5Request) -> None:
        far = RelayEnd(self._session.add_bytes)
        try:
            await self._dial(request, far)
        except ConnectionDenied as refused:
            TOTALS.denied[refused.reason] += not self._session.expect_denials
            if self._session.traffic.record_denial(request, refused.reason):
                is_news = refused.reason in {"policy", "limit"} and not self._session.expect_denials
                say = log.warning if is_news else log.debug
                say("connection_denied", host=request.host, port=request.port, reason=refused.reason)
            self._reject(GENERAL_FAILURE)
            return
        self.transport.write(SUCCEEDED)
        self.connect(far)
        if self._handshake.buffer:
            super().data_received(self._handshake.buffer)

    async def _dial(self, request: Socks5Request, far: RelayEnd) -> None:
        addresses = await self._session.admit(request)
        try:
            await dial(addresses, request.port, far, self._session.limits.connect)
        except OSError:
            raise ConnectionDenied("unreachable") from None

    def _reject(self, reply: bytes) -> None:
        self._timer.cancel()
        self.transport.write(reply)
        self.transport.close()


class EgressProxy:
    """A listener on loopback for one slot. Outside of a session everything is refused."""

    _server: asyncio.Server

    def __init__(self, policy: EgressPolicy, limits: ProxyLimits, resolve: Resolve, port: int) -> None:
        self.policy = policy
        self.limits = limits
        self.resolve = resolve
        self.port = port
        self._session: ProxySession | None = None

    @classmethod
    async def start(
        cls,
        policy: EgressPolicy,
        limits: ProxyLimits = ProxyLimits(),
        *,
        listener: socket.socket | None = None,
        resolve: Resolve = socket.getaddrinfo,
    ) -> Self:
        """Listen on a free port of 127.0.0.1, or on a listener from the browser's network namespace."""
        listener = listener or socket.create_server(("127.0.0.1", 0), backlog=_MAX_CLIENTS)
        listener.setblocking(False)
        filter_ = cls(policy, limits, resolve, port=listener.getsockname()[1])
        loop = asyncio.get_running_loop()
        filter_._server = await loop.create_server(filter_._accept, sock=listener, backlog=_MAX_CLIENTS)
        return filter_

    @asynccontextmanager
    async def session(
        self, blocked: DomainSet | None = None, *, expect_denials: bool = False
    ) -> AsyncIterator[Traffic]:
        """The time of one capture; at its end all its connections are closed. ``quiet``: refusals are expected."""
        if self._session:
            raise RuntimeError("a filter serves one capture at a time")
        self._session = session = ProxySession(self, blocked, expect_denials=expect_denials)
        try:
            yield session.traffic
        finally:
            self._session = None
            session.close()
            TOTALS.add(session.traffic)

    async def close(self) -> None:
        """Stop listening and end every connection. Idempotent."""
        self._server.close()
        if self._session:
            self._session.close()
        await self._server.wait_closed()

    def _accept(self) -> asyncio.Protocol:
        return ProxyClient(self._session) if self._session else _Rejecting()


class _Rejecting(asyncio.Protocol):
    """What a client meets while no capture is under way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers give
        transport.abort()
