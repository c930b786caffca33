"""SOCKS5 egress proxy: resolves each name once, checks every address, connects only to a checked one.

All answers of DNS must pass the policy, and the connection goes to one of them, so a name that changes between check
and use gains nothing. Redirects, frames, workers and WebSockets pass the proxy too. One proxy serves one capture at a
time, so denials and bytes belong to that capture.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import structlog

from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.relay import RelayEnd, dial
from tintype.chromium.proxy.session import MAX_CLIENTS, ConnectionDenied, ProxyLimits, ProxySession
from tintype.chromium.proxy.socks5 import GENERAL_FAILURE, SUCCEEDED, MalformedHandshake, Socks5Handshake, Socks5Request
from tintype.chromium.proxy.traffic import TOTALS, Traffic
from tintype.network.resolver import Resolve

log = structlog.get_logger("tintype.chromium.socks")

_DEFAULT_LIMITS = ProxyLimits()


class ProxyClient(RelayEnd):
    """The browser's end of a connection: a SOCKS5 handshake, then a relay."""

    def __init__(self, session: ProxySession) -> None:
        super().__init__(session.add_bytes)
        self._session = session
        self._handshake = Socks5Handshake()
        self._open_task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time limit of the handshake."""
        super().connection_made(transport)
        if not self._session.add(self):
            self.transport.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(self._session.limits.handshake, self.transport.abort)
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse the handshake, or relay."""
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
        """Cancel the connection to the target if the browser disconnects."""
        super().connection_lost(error)
        if self._open_task:
            self._open_task.cancel()

    def on_closed(self) -> None:
        """Leave the session only when both ends are closed: the target may still be sending."""
        self._session.remove(self)

    async def _open(self, request: Socks5Request) -> None:
        target = RelayEnd(self._session.add_bytes)
        try:
            await self._dial(request, target)
        except ConnectionDenied as denied:
            self._record(request, denied)
            self._reject(GENERAL_FAILURE)
            return
        self.transport.write(SUCCEEDED)
        self.connect(target)
        if self._handshake.buffer:
            super().data_received(self._handshake.buffer)

    async def _dial(self, request: Socks5Request, target: RelayEnd) -> None:
        addresses = await self._session.admit(request)
        try:
            await dial(addresses, request.port, target, self._session.limits.connect)
        except OSError:
            raise ConnectionDenied("unreachable") from None

    def _record(self, request: Socks5Request, denied: ConnectionDenied) -> None:
        """Count a denial, and log the first of its kind: unexpected ones by policy or limit as warnings."""
        TOTALS.denied[denied.reason] += not self._session.expect_denials
        if self._session.traffic.record_denial(request, denied.reason):
            is_warning = denied.reason in {"policy", "limit"} and not self._session.expect_denials
            write = log.warning if is_warning else log.debug
            write("connection_denied", host=request.host, port=request.port, reason=denied.reason)

    def _reject(self, reply: bytes) -> None:
        self._timer.cancel()
        self.transport.write(reply)
        self.transport.close()


class EgressProxy:
    """A listener on loopback for one capture at a time; without a session it rejects every client."""

    _server: asyncio.Server

    def __init__(
        self, policy: EgressPolicy, limits: ProxyLimits, resolve: Resolve, port: int, *, in_namespace: bool
    ) -> None:
        self.policy = policy
        self.limits = limits
        self.resolve = resolve
        self.port = port
        self._own_port = 0 if in_namespace else port
        self._session: ProxySession | None = None

    @classmethod
    async def start(
        cls,
        policy: EgressPolicy,
        limits: ProxyLimits = _DEFAULT_LIMITS,
        *,
        listener: socket.socket | None = None,
        in_namespace: bool = False,
        resolve: Resolve = socket.getaddrinfo,
    ) -> Self:
        """Listen on a free port of 127.0.0.1, or on a given listener.

        ``in_namespace``: it is of the browser's network namespace. Its port is then that of another server outside.
        """
        listener = listener or socket.create_server(("127.0.0.1", 0), backlog=MAX_CLIENTS)
        listener.setblocking(False)
        proxy = cls(policy, limits, resolve, port=listener.getsockname()[1], in_namespace=in_namespace)
        loop = asyncio.get_running_loop()
        proxy._server = await loop.create_server(proxy._accept, sock=listener, backlog=MAX_CLIENTS)
        return proxy

    @asynccontextmanager
    async def session(
        self, blocked: DomainSet | None = None, *, expect_denials: bool = False
    ) -> AsyncIterator[Traffic]:
        """Serve one capture, and close its connections at the end; ``expect_denials`` keeps denials out of the log."""
        if self._session:
            raise RuntimeError("a proxy serves one capture at a time; open another proxy")
        self._session = session = ProxySession(
            self.policy, self.limits, self.resolve, self._own_port, blocked, expect_denials=expect_denials
        )
        try:
            yield session.traffic
        finally:
            self._session = None
            session.close()
            TOTALS.add(session.traffic)

    async def close(self) -> None:
        """Stop listening and close every connection. Idempotent."""
        self._server.close()
        if self._session:
            self._session.close()
        await self._server.wait_closed()

    def _accept(self) -> asyncio.Protocol:
        return ProxyClient(self._session) if self._session else _Rejecting()


class _Rejecting(asyncio.Protocol):
    """Aborts a client that connects while no capture runs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers give
        transport.abort()
