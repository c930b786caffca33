"""Limits of connections: which ones the guard closes, by the state that the kernel reports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest

from tests.support.concurrency import eventually
from tintype.network.tcp import Endpoint, ServerSockets, TcpState
from tintype.web.connections import (
    AMBIGUOUS_TIMEOUT,
    BODY_TIMEOUT,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_CLIENT,
    MAX_RESPONSE_WAIT,
    MIN_SEND_RATE,
    SEND_WINDOW,
    ConnectionGuard,
)


@dataclass
class FakeSocket:
    """A connection; times are those of the guard's clock."""

    inode: int
    peer: str
    sent_at: float
    received_at: float
    acked: int = 0
    received: int = 100
    unsent: int = 0


@dataclass
class FakeSockets:
    """Stands in for the sockets of a process."""

    now: float = 1000.0
    open: dict[int, FakeSocket] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)

    def connect(self, peer: str = "192.0.2.1", **state: int) -> FakeSocket:
        """A connection whose request has just arrived."""
        new = FakeSocket(len(self.open) + 1, peer, self.now - 0.1, self.now, **state)
        self.open[new.inode] = new
        return new

    def connections(self) -> Iterator[tuple[Endpoint, TcpState]]:
        for each in self.open.values():
            state = TcpState(
                self.now - each.sent_at, self.now - each.received_at, each.acked, each.received, each.unsent
            )
            yield Endpoint(each.inode, each.inode, socket.AF_INET, each.peer, 8000), state

    def shut_down(self, endpoint: Endpoint, how: int) -> bool:
        self.closed.append(endpoint.inode)
        return True


@pytest.fixture
def sockets() -> FakeSockets:
    return FakeSockets()


@pytest.fixture
def guard(sockets: FakeSockets) -> ConnectionGuard:
    exempt = (ip_network("203.0.113.0/24"),)
    return ConnectionGuard(exempt, clock=lambda: sockets.now, sockets=sockets)  # type: ignore[arg-type]


def pass_time(guard: ConnectionGuard, sockets: FakeSockets, seconds: float) -> None:
    guard.check()
    sockets.now += seconds
    guard.check()


class TestSlowBodies:
    def test_closes_the_connection_at_the_deadline(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        slow = sockets.connect()
        sockets.connect(peer="192.0.2.2")
        with guard.receiving("192.0.2.1"):
            pass_time(guard, sockets, BODY_TIMEOUT - 0.1)
            assert sockets.closed == []
            pass_time(guard, sockets, 0.1)
        assert sockets.closed == [slow.inode]

    def test_never_closes_another_request_of_the_client(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        capture, slow = sockets.connect(), sockets.connect()
        with guard.receiving("192.0.2.1"):
            pass_time(guard, sockets, BODY_TIMEOUT)
            assert sockets.closed == []  # either may be the slow one
            capture.sent_at = capture.received_at = sockets.now  # it was answered, and sends the next request
            sockets.now += 3
            guard.check()
        assert sockets.closed == [slow.inode]

    def test_closes_an_ambiguous_one_that_still_sends(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        sockets.connect()
        slow = sockets.connect()
        with guard.receiving("192.0.2.1"):
            guard.check()
            for _ in range(int(BODY_TIMEOUT) + 3):
                sockets.now += 1
                slow.received_at, slow.received = sockets.now, slow.received + 1
                guard.check()
        assert set(sockets.closed) == {slow.inode}

    @pytest.mark.parametrize(("peer", "closed"), [("192.0.2.1", 2), ("203.0.113.1", 0)])
    def test_closes_all_of_a_client_but_none_of_a_proxy_if_ambiguous_for_long(
        self, guard: ConnectionGuard, sockets: FakeSockets, peer: str, closed: int
    ) -> None:
        for _ in range(2):
            sockets.connect(peer)
        with guard.receiving(peer):
            pass_time(guard, sockets, AMBIGUOUS_TIMEOUT)
        assert len(set(sockets.closed)) == closed

    def test_ipv4_addresses_have_one_spelling(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        sockets.connect("::ffff:192.0.2.1")
        with guard.receiving("192.0.2.1"):
            pass_time(guard, sockets, BODY_TIMEOUT)
        assert sockets.closed == [1]


class TestSlowReaders:
    @pytest.mark.parametrize(("rate", "closed"), [(0, [1]), (MIN_SEND_RATE - 1, [1]), (MIN_SEND_RATE + 1, [])])
    def test_closes_readers_below_the_rate(
        self, guard: ConnectionGuard, sockets: FakeSockets, rate: int, closed: list[int]
    ) -> None:
        reader = sockets.connect(unsent=100_000)
        guard.check()
        sockets.now += SEND_WINDOW
        reader.acked = int(rate * SEND_WINDOW)
        guard.check()
        assert sockets.closed == closed

    def test_waiting_for_a_capture_is_not_slow(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        sockets.connect()
        pass_time(guard, sockets, SEND_WINDOW)
        assert sockets.closed == []

    def test_closes_a_request_without_a_response(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        sockets.connect()
        pass_time(guard, sockets, MAX_RESPONSE_WAIT + 1)
        assert sockets.closed == [1]


class TestNumberOfConnections:
    def test_closes_the_newest_of_a_client_over_its_limit(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        for _ in range(MAX_CONNECTIONS_PER_CLIENT):
            sockets.connect()
        pass_time(guard, sockets, 1)
        newest = [sockets.connect().inode for _ in range(2)]
        for _ in range(MAX_CONNECTIONS_PER_CLIENT + 1):
            sockets.connect("203.0.113.1")
        guard.check()
        assert sockets.closed == newest

    def test_counts_ipv6_clients_by_network(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        for number in range(MAX_CONNECTIONS_PER_CLIENT + 1):
            sockets.connect(f"2001:db8::{number + 1:x}")
        guard.check()
        assert len(sockets.closed) == 1

    def test_closes_idle_ones_before_all_are_taken(self, guard: ConnectionGuard, sockets: FakeSockets) -> None:
        idle = sockets.connect("203.0.113.1")
        idle.received_at = idle.sent_at - 1
        for _ in range(int(MAX_CONNECTIONS * 0.9)):
            sockets.connect("203.0.113.2")
        guard.check()
        assert sockets.closed == [idle.inode]


class TestServerSockets:
    def test_finds_accepted_connections_and_shuts_them_down(self) -> None:
        sockets = ServerSockets()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            with accepted:
                client.sendall(b"abc")
                assert accepted.recv(3) == b"abc"
                accepted.sendall(b"four")
                ((endpoint, state),) = [
                    each for each in sockets.connections() if each[0].port == accepted.getsockname()[1]
                ]
                assert (endpoint.peer, endpoint.descriptor, state.received) == ("127.0.0.1", accepted.fileno(), 3)
                assert eventually(lambda: [s.acked for e, s in sockets.connections() if e == endpoint] == [4])
                assert sockets.shut_down(endpoint, socket.SHUT_RDWR)
                assert client.recv(9) == b"four"
                assert client.recv(9) == b""
            assert not list(sockets.connections())
