"""Limits of client connections that no WSGI server has: slow senders, slow readers, connections per client.

One thread per worker process inspects the server's TCP connections through Linux's TCP_INFO. A server holds a thread or
a whole response for each connection, and only the kernel knows how fast its client is.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from tintype import telemetry
from tintype.logs import LogThrottle
from tintype.network.egress import Network
from tintype.network.tcp import Endpoint, ServerSockets, TcpState
from tintype.web.client_address import in_networks, parse_address, rate_limit_key

log = structlog.get_logger("tintype.connections")

MAX_CONNECTIONS = 512
"""Connections of one worker process; granian accepts no more until one closes."""
MAX_CONNECTIONS_PER_CLIENT = 128
"""Connections of one client address to one worker process. An HTTP/1.1 browser opens 6."""
BODY_TIMEOUT = 10.0
"""Seconds for the whole body of a request."""
AMBIGUOUS_TIMEOUT = 30.0
"""Seconds for the body of a request whose connection cannot be distinguished from others of its client."""
MIN_SEND_RATE = 8 << 10
"""Bytes per second that a client must read while a response is being sent, measured over ``SEND_WINDOW``."""
SEND_WINDOW = 30.0
"""Seconds."""
MAX_RESPONSE_WAIT = 300.0
"""Seconds after the last byte of a request in which a response must begin. No capture and its queue take as long."""
CHECK_INTERVAL = 1.0
"""Seconds between two checks."""

_IDLE_ABOVE, _IDLE_DOWN_TO = 0.9, 0.8
"""Share of ``MAX_CONNECTIONS`` above which idle connections are closed, and down to which."""
_SLACK = 0.5
"""Seconds that the times of the kernel and of the worker may differ."""
_SEEN_SLACK = 2.0
"""Seconds after which a check has seen a new connection, or new bytes on one."""


@dataclass(slots=True, eq=False)
class BodyWait:
    """A request whose body is arriving."""

    peer: str
    since: float
    """When the worker got the request, as ``time.monotonic``."""


@dataclass(slots=True)
class ClientConnection:
    """State of a connection between two checks."""

    endpoint: Endpoint
    peer: str
    client: str
    """The limit's key of its address; empty for exempt addresses."""
    seen_at: float
    state: TcpState
    request_began: float = 0.0
    """First check that saw bytes of the current request; 0 while there is none."""
    window_began: float = 0.0
    """When the current ``SEND_WINDOW`` began; 0 while nothing is being sent."""
    window_acked: int = 0


@dataclass(slots=True)
class ConnectionGuard:
    """Closes connections over the limits.

    ``exempt`` are networks without a limit of connections: of proxies, which hold those of many clients.
    """

    exempt: Sequence[Network] = ()
    clock: Callable[[], float] = time.monotonic
    sockets: ServerSockets = field(default_factory=ServerSockets)
    _known: dict[int, ClientConnection] = field(default_factory=dict)
    _bodies: set[BodyWait] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _checking: threading.Lock = field(default_factory=threading.Lock)
    _throttle: LogThrottle = field(default_factory=LogThrottle)

    def start(self) -> None:
        """Check the connections of this process, and of processes forked from it, until they exit."""
        os.register_at_fork(after_in_child=self._start_thread)
        self._start_thread()

    @contextmanager
    def receiving(self, peer: str) -> Iterator[None]:
        """Limit the block, which reads the body of a request of a peer (REMOTE_ADDR), to ``BODY_TIMEOUT``.

        Then the connection cannot be read any more: the read ends as if the client had closed it.
        """
        wait = BodyWait(peer=_address_key(peer), since=self.clock())
        with self._lock:
            self._bodies.add(wait)
        try:
            yield
        finally:
            with self._lock:
                self._bodies.discard(wait)

    def check(self) -> None:
        """Inspect all connections once, and close those over a limit."""
        with self._checking:
            self._check(self.clock())

    def _check(self, now: float) -> None:
        self._refresh(now)
        connections = list(self._known.values())
        with self._lock:
            bodies = list(self._bodies)
        for connection in _slow_bodies(connections, bodies, now):
            self._close(connection, "slow-body", socket.SHUT_RD)  # the response, 408, can still be sent
        for connection in connections:
            if _is_slow_reader(connection, now):
                self._close(connection, "slow-reader")
            elif _waits_too_long(connection.state):
                self._close(connection, "no-response")
        for connection in _over_client_limit(connections):
            self._close(connection, "client-limit")
        for connection in _surplus_idle(connections):
            self._close(connection, "idle")

    def _start_thread(self) -> None:
        self._known, self._bodies = {}, set()
        self._lock, self._checking = threading.Lock(), threading.Lock()
        threading.Thread(target=self._run, name="tintype-connections", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(CHECK_INTERVAL)
            try:
                self.check()
            except Exception:
                if self._throttle.allows():
                    log.exception("connection_check_failed")

    def _refresh(self, now: float) -> None:
        """Read the state of every connection, and forget closed ones."""
        found = {endpoint.inode: (endpoint, state) for endpoint, state in self.sockets.connections()}
        self._known = {inode: known for inode, known in self._known.items() if inode in found}
        for inode, (endpoint, state) in found.items():
            known = self._known.get(inode)
            if known is None:
                known = ClientConnection(endpoint, _address_key(endpoint.peer), self._client(endpoint), now, state)
                self._known[inode] = known
            _update(known, state, now)

    def _client(self, endpoint: Endpoint) -> str:
        address = parse_address(endpoint.peer)
        if address is None or in_networks(address, self.exempt):
            return ""
        return rate_limit_key(address)

    def _close(self, connection: ClientConnection, reason: str, how: int = socket.SHUT_RDWR) -> None:
        with suppress(OSError):
            if not self.sockets.shut_down(connection.endpoint, how):
                return
            telemetry.count("tintype_connections_closed_total", reason)
            if self._throttle.allows():
                log.warning("connection_closed", reason=reason, open=len(self._known))


def _update(known: ClientConnection, state: TcpState, now: float) -> None:
    before, known.state = known.state, state
    if state.acked != before.acked or not known.request_began:
        known.request_began = now if _has_new_bytes(known, before, now) else 0.0
    if not state.unsent:
        known.window_began = 0.0
    elif not known.window_began:
        known.window_began, known.window_acked = now, state.acked


def _has_new_bytes(known: ClientConnection, before: TcpState, now: float) -> bool:
    return known.state.received > (0 if known.seen_at == now else before.received)


def _is_slow_reader(known: ClientConnection, now: float) -> bool:
    if not known.window_began or now - known.window_began < SEND_WINDOW:
        return False
    is_slow = known.state.acked - known.window_acked < MIN_SEND_RATE * (now - known.window_began)
    known.window_began, known.window_acked = now, known.state.acked
    return is_slow


def _waits_too_long(state: TcpState) -> bool:
    return state.since_received < state.since_sent and state.since_received > MAX_RESPONSE_WAIT


def _slow_bodies(connections: list[ClientConnection], bodies: list[BodyWait], now: float) -> list[ClientConnection]:
    """Connections whose client sends a body too slowly.

    A WSGI application does not know the connection of a request. Those of the peer that may carry an expired body are
    known: if they are as many as expired bodies, they are the ones. Otherwise those are slow on which a request has
    been arriving for longer than the deadline, and after ``AMBIGUOUS_TIMEOUT`` all of them, unless the peer is exempt.
    """
    by_peer: dict[str, list[BodyWait]] = defaultdict(list)
    for body in bodies:
        by_peer[body.peer].append(body)
    slow = []
    for peer, waits in by_peer.items():
        expired = [wait for wait in waits if now - wait.since >= BODY_TIMEOUT]
        own = [known for known in connections if known.peer == peer]
        possible = [known for known in own if any(_may_carry(known, wait, now) for wait in expired)]
        if len(possible) <= len(expired):
            slow += possible
        else:
            slow += [known for known in own if _is_still_sending(known, now)]
            late = [wait for wait in expired if now - wait.since >= AMBIGUOUS_TIMEOUT]
            slow += [known for known in possible if known.client and any(_may_carry(known, wait, now) for wait in late)]
    return slow


def _may_carry(known: ClientConnection, wait: BodyWait, now: float) -> bool:
    """Whether a connection may be that of a request: it existed, and no response has been sent since."""
    last_sent, last_received = now - known.state.since_sent, now - known.state.since_received
    answered_before = last_received < last_sent < wait.since - _SLACK
    return known.seen_at <= wait.since + _SEEN_SLACK and last_sent <= wait.since + _SLACK and not answered_before


def _is_still_sending(known: ClientConnection, now: float) -> bool:
    began = known.request_began
    return 0 < began < now - BODY_TIMEOUT - _SEEN_SLACK and known.state.since_received < _SEEN_SLACK


def _over_client_limit(connections: list[ClientConnection]) -> list[ClientConnection]:
    by_client: dict[str, list[ClientConnection]] = defaultdict(list)
    for known in connections:
        if known.client:
            by_client[known.client].append(known)
    newest = (sorted(each, key=lambda known: known.seen_at) for each in by_client.values())
    return [known for each in newest for known in each[MAX_CONNECTIONS_PER_CLIENT:]]


def _surplus_idle(connections: list[ClientConnection]) -> list[ClientConnection]:
    if len(connections) <= MAX_CONNECTIONS * _IDLE_ABOVE:
        return []
    idle = [known for known in connections if not known.state.unsent and known.state.is_idle]
    idle.sort(key=lambda known: known.state.since_received, reverse=True)
    return idle[: len(connections) - int(MAX_CONNECTIONS * _IDLE_DOWN_TO)]


def _address_key(text: str) -> str:
    """One spelling of an address: granian and the kernel write IPv4 in IPv6 differently."""
    return str(parse_address(text) or text)
