"""Egress proxy over real loopback connections: allowed and denied targets, DNS, limits, sessions."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.concurrency import async_test, eventually
from tests.support.proxy_fixtures import (
    GREETING,
    INTERNAL,
    FakeDns,
    Socks5Client,
    TargetServer,
    request,
    request_address,
)
from tintype.chromium.proxy import relay
from tintype.chromium.proxy.blocklist import DomainSet
from tintype.chromium.proxy.policy import EgressPolicy
from tintype.chromium.proxy.server import EgressProxy
from tintype.chromium.proxy.session import ProxyLimits
from tintype.chromium.proxy.socks5 import GENERAL_FAILURE, SUCCEEDED

HOST = "site.example.org"
HELLO = b"hello from 127.0.0.1"
REACHABLE = {HOST: ["127.0.0.1"]}


@asynccontextmanager
async def running_proxy(names: Any = None, **limits: Any) -> AsyncIterator[tuple[TargetServer, EgressProxy]]:
    """A target server on loopback, and a proxy that allows its address and resolves its name."""
    async with TargetServer.running() as site:
        policy = EgressPolicy.of([f"127.0.0.1:{site.port}"], deny_hosts=["denied.example.org", "*.denied.example.org"])
        proxy = await EgressProxy.start(policy, ProxyLimits(**limits), resolve=names or FakeDns(REACHABLE))
        try:
            yield site, proxy
        finally:
            await proxy.close()


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses of all outgoing connections, in order."""
    addresses: list[str] = []
    create_socket = relay._create_socket

    def recording(info: Any) -> socket.socket:
        addresses.append(info[4][0])
        return create_socket(info)

    monkeypatch.setattr(relay, "_create_socket", recording)
    return addresses


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Sockets of all outgoing connections, in order, with small send buffers."""
    created: list[socket.socket] = []
    create_socket = relay._create_socket

    def recording(info: Any) -> socket.socket:
        created.append(create_socket(info))
        created[-1].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        return created[-1]

    monkeypatch.setattr(relay, "_create_socket", recording)
    return created


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Set to answer blocked lookups; set at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


class TestTarget:
    @pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}.", "127.0.0.1"])
    @async_test
    async def test_connects_to_a_target_by_name_and_by_address(self, host: str) -> None:
        async with running_proxy() as (site, proxy), proxy.session() as traffic:
            assert await Socks5Client(proxy).fetch(host, site.port) == HELLO
            assert (traffic.denials, traffic.connections, traffic.exceeded) == ([], 1, "")
            assert traffic.bytes == len(b"/\n" + HELLO)

    @async_test
    async def test_connects_to_a_binary_address(self) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            assert await Socks5Client(proxy).request(request_address("127.0.0.1", site.port)) == SUCCEEDED

    @async_test
    async def test_accepts_a_handshake_in_any_chunks(self) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            whole = GREETING + request(HOST, site.port) + b"/\n"
            for parts in ([whole], [bytes([byte]) for byte in whole]):
                browser = await Socks5Client(proxy).dial()
                await browser.send(*parts)
                assert await browser.receive_all() == b"\x05\x00" + SUCCEEDED + HELLO

    @async_test
    async def test_bytes_sent_first_arrive_after_the_reply(self) -> None:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 ready")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        proxy = await EgressProxy.start(EgressPolicy.of([f"127.0.0.1:{port}"]))
        async with proxy.session():
            for _ in range(20):
                browser = Socks5Client(proxy)
                assert await browser.connect("127.0.0.1", port) == SUCCEEDED
                assert await browser.receive_all() == b"220 ready"
        await proxy.close()
        server.close()

    @async_test
    async def test_can_reply_after_the_browser_has_closed_its_half(self) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            browser = Socks5Client(proxy)
            await browser.connect(HOST, site.port)
            await browser.send(b"/echo\n", bytes(3_000_000))
            browser.writer.write_eof()
            assert await browser.receive_all() == bytes(3_000_000)

    @async_test
    async def test_receives_no_requests_of_the_next_target(self) -> None:
        names = FakeDns({"a.example.org": ["127.0.0.1"], "b.example.org": ["127.0.0.2"]})
        async with TargetServer.running() as a, TargetServer.running("127.0.0.2", a.port) as b:
            proxy = await EgressProxy.start(EgressPolicy.of([f"127.0.0.0/8:{a.port}"]), resolve=names)
            async with proxy.session():
                for _ in range(10):
                    assert await Socks5Client(proxy).fetch("a.example.org", a.port) == b"hello from 127.0.0.1"
                    assert await Socks5Client(proxy).fetch("b.example.org", b.port) == b"hello from 127.0.0.2"
            await proxy.close()
            assert (a.visits, b.visits) == (10, 10)

    @async_test
    async def test_pauses_the_target_while_the_browser_does_not_read(self) -> None:
        async with running_proxy(bytes=1_000_000_000) as (site, proxy), proxy.session():
            browser = Socks5Client(proxy)
            await browser.connect(HOST, site.port)
            await browser.send(b"/flood\n")
            assert await asyncio.to_thread(eventually, lambda: site.sent)
            assert not await asyncio.to_thread(eventually, lambda: site.sent >= 50_000_000, within=0.5)
            assert len(await browser.receive_all()) == 200_000_000

    @async_test
    async def test_tries_the_next_address_if_the_first_fails(self, dialled: list[str]) -> None:
        names = FakeDns({HOST: ["127.0.0.3", "127.0.0.4", "127.0.0.1", "127.0.0.5"]})
        async with TargetServer.running() as site:
            proxy = await EgressProxy.start(EgressPolicy.of([f"127.0.0.0/8:{site.port}"]), resolve=names)
            async with proxy.session():
                assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO
            await proxy.close()
        assert dialled == ["127.0.0.3", "127.0.0.4", "127.0.0.1"]


class TestInternalAddresses:
    @pytest.mark.parametrize("address", INTERNAL)
    @async_test
    async def test_denies_internal_addresses_in_every_form_of_request(self, address: str, dialled: list[str]) -> None:
        proxy = await EgressProxy.start(
            EgressPolicy.of(), resolve=FakeDns({HOST: [address], "two.example.org": ["8.8.8.8", address]})
        )
        async with proxy.session() as traffic:
            for wanted in (
                request(address, 80),
                request(f"[{address}]", 80),
                request_address(address, 80),
                request(HOST, 80),
                request("two.example.org", 443),
            ):
                assert await Socks5Client(proxy).request(wanted) == GENERAL_FAILURE
        await proxy.close()
        assert {refusal.reason for refusal in traffic.denials} == {"policy"}
        assert dialled == []

    @pytest.mark.parametrize(
        "host",
        ["localhost", "x.localhost", "LOCALHOST.", "intranet", "redis", "metadata.google.internal", "printer.local",
         "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1.", "127.0.0.01", "fe80::1%lo",
         "\xff\xfe", "a\x00b.example.org", "a b.example.org", "", ".", "..", "a..example.org", "[::1", "*", "-",
         "user@site.example.org", "site.example.org:80", "http://site.example.org/", "\xc2\x80"],
    )  # fmt: skip
    @async_test
    async def test_denies_internal_names_before_any_lookup(self, host: str, dialled: list[str]) -> None:
        names = FakeDns({})
        proxy = await EgressProxy.start(EgressPolicy.of(), resolve=names)
        async with proxy.session() as traffic:
            assert await Socks5Client(proxy).connect(host, 80) == GENERAL_FAILURE
        await proxy.close()
        assert [refusal.reason for refusal in traffic.denials] == ["policy"]
        assert (names.queries, dialled, traffic.connections) == ([], [], 0)

    @async_test
    async def test_denies_an_address_changed_by_dns_rebinding(self, dialled: list[str]) -> None:
        names = FakeDns({HOST: [["127.0.0.1"], ["127.0.0.99"]]})
        async with running_proxy(names) as (site, proxy):
            async with proxy.session():
                for _ in range(3):
                    assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO
            async with proxy.session() as traffic:
                assert await Socks5Client(proxy).fetch(HOST, site.port) == b""
                assert [refusal.reason for refusal in traffic.denials] == ["policy"]
        assert dialled == ["127.0.0.1"] * 3
        assert names.queries == [HOST] * 2

    @async_test
    async def test_allows_an_internal_address_at_one_port_only(self) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            assert await Socks5Client(proxy).connect("127.0.0.1", site.port) == SUCCEEDED
            assert await Socks5Client(proxy).connect("127.0.0.1", site.port - 1) == GENERAL_FAILURE
            assert await Socks5Client(proxy).connect("127.0.0.2", site.port) == GENERAL_FAILURE
            assert await Socks5Client(proxy).connect("::ffff:127.0.0.1", site.port) == GENERAL_FAILURE

    @async_test
    async def test_include_public_addresses_of_this_machine(self) -> None:
        proxy = await EgressProxy.start(EgressPolicy.of(local_addresses=[ip_address("8.8.8.8")]))
        async with proxy.session() as traffic:
            assert await Socks5Client(proxy).connect("8.8.8.8", 443) == GENERAL_FAILURE
            assert traffic.find_denial("8.8.8.8", 443)
        await proxy.close()

    @async_test
    async def test_include_the_proxy_whatever_is_allowed(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        policy = EgressPolicy.of([f"127.0.0.0/8:{port}"])
        proxy = await EgressProxy.start(policy, listener=listener)
        async with proxy.session() as traffic:
            for address in ("127.0.0.1", "127.0.0.2"):
                assert await Socks5Client(proxy).connect(address, port) == GENERAL_FAILURE
            assert {refusal.reason for refusal in traffic.denials} == {"policy"}
        await proxy.close()

    @async_test
    async def test_include_no_server_with_the_port_of_a_proxy_in_a_namespace(self) -> None:
        async with running_proxy() as (site, _):
            listener = socket.create_server(("127.0.0.2", site.port))
            policy = EgressPolicy.of([f"127.0.0.1:{site.port}"])
            proxy = await EgressProxy.start(policy, listener=listener, in_namespace=True)
            async with proxy.session():
                assert await Socks5Client(proxy, "127.0.0.2").connect("127.0.0.1", site.port) == SUCCEEDED
            await proxy.close()


class TestDenial:
    @async_test
    async def test_has_the_same_reply_for_every_reason(self) -> None:
        names = FakeDns({**REACHABLE, "inside.example.org": ["10.0.0.5"], "empty.example.org": []})
        async with (
            running_proxy(names) as (site, proxy),
            proxy.session(DomainSet.parse(["ads.example.org"])) as traffic,
        ):
            closed = site.port
            refused = ["inside.example.org", "empty.example.org", "unknown.example.org", "www.ads.example.org",
                       "denied.example.org", "x.denied.example.org", "10.0.0.5"]  # fmt: skip
            replies = {await Socks5Client(proxy).connect(host, closed) for host in refused}
            assert replies == {GENERAL_FAILURE}
            assert [(note.host, note.reason) for note in traffic.denials] == [
                ("inside.example.org", "policy"),
                ("empty.example.org", "unknown-host"),
                ("unknown.example.org", "unknown-host"),
                ("www.ads.example.org", "blocked"),
                ("denied.example.org", "policy"),
                ("x.denied.example.org", "policy"),
                ("10.0.0.5", "policy"),
            ]

    @async_test
    async def test_reports_a_closed_port_as_unreachable(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        proxy = await EgressProxy.start(EgressPolicy.of([f"127.0.0.1:{port}"]))
        async with proxy.session() as traffic:
            assert await Socks5Client(proxy).connect("127.0.0.1", port) == GENERAL_FAILURE
            assert traffic.find_denial("127.0.0.1", port).reason == "unreachable"
        await proxy.close()

    @async_test
    async def test_reports_a_silent_address_as_unreachable_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def hang(*_: Any, **__: Any) -> socket.socket:
            return await asyncio.Future()

        monkeypatch.setattr(relay, "start_connection", hang)
        names = FakeDns({HOST: ["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1"]})
        proxy = await EgressProxy.start(EgressPolicy.of(), ProxyLimits(connect=0.05), resolve=names)
        async with proxy.session() as traffic:
            assert await Socks5Client(proxy).connect(HOST, 443) == GENERAL_FAILURE
            assert traffic.find_denial(HOST, 443).reason == "unreachable"
        await proxy.close()

    @async_test
    async def test_finds_a_denial_by_host_and_port(self) -> None:
        proxy = await EgressProxy.start(EgressPolicy.of())
        async with proxy.session() as traffic:
            await Socks5Client(proxy).connect("::1", 8080)
            assert traffic.find_denial("[::1]", 8080).reason == "policy"
            assert traffic.find_denial("[::1]", 80) is None
        await proxy.close()

    @async_test
    async def test_keeps_256_distinct_denials_at_most(self) -> None:
        proxy = await EgressProxy.start(EgressPolicy.of())
        async with proxy.session() as traffic:
            for number in range(300):
                await Socks5Client(proxy).connect("10.0.0.1", 1)
                await Socks5Client(proxy).connect(f"10.0.{number // 256}.{number % 256}", 80)
            assert len(traffic.denials) == 256
        await proxy.close()


class TestDns:
    @async_test
    async def test_slow_names_do_not_delay_others(self, release: threading.Event) -> None:
        def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
            if host != HOST:
                release.wait()
            return FakeDns(REACHABLE)(host)

        async with running_proxy(resolve, lookup=3.0) as (site, proxy), proxy.session() as traffic:
            slow = asyncio.ensure_future(Socks5Client(proxy).connect("slow.example.org", site.port))
            assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO
            assert await slow == GENERAL_FAILURE
            assert traffic.find_denial("slow.example.org", site.port).reason == "unknown-host"

    @async_test
    async def test_hanging_lookups_are_limited_and_end_with_the_capture(self, release: threading.Event) -> None:
        def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
            if host != HOST:
                release.wait()
            return FakeDns(REACHABLE)(host)

        async with running_proxy(resolve, lookup=0.1, lookups=4) as (site, proxy):
            async with proxy.session():
                slow = [Socks5Client(proxy).connect(f"{n}.slow.example.org", 80) for n in range(20)]
                assert set(await asyncio.gather(*slow)) == {GENERAL_FAILURE}
                assert sum(thread.name == "lookup" for thread in threading.enumerate()) == 4
            proxy.limits = replace(proxy.limits, lookup=30.0)
            async with proxy.session():
                assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO

    @async_test
    async def test_resolves_a_name_once_per_capture(self) -> None:
        names = FakeDns(REACHABLE)
        async with running_proxy(names) as (site, proxy), proxy.session():
            answers = [Socks5Client(proxy).fetch(HOST, site.port) for _ in range(6)]
            assert await asyncio.gather(*answers) == [HELLO] * 6
        assert names.queries == [HOST]

    @async_test
    async def test_resolves_private_names_to_allowed_addresses(self) -> None:
        async with TargetServer.running() as site:
            opened = EgressPolicy.of([f"127.0.0.1:{site.port}"])
            named = EgressPolicy.of([f"127.0.0.1:{site.port}"], allow_hosts=["Wiki"])
            for policy in (opened, named):
                proxy = await EgressProxy.start(policy, resolve=FakeDns({"wiki": ["127.0.0.1"]}))
                async with proxy.session():
                    assert await Socks5Client(proxy).fetch("wiki", site.port) == HELLO
                await proxy.close()


class TestProtocol:
    @pytest.mark.parametrize("command", [0, 2, 3, 4, 255])
    @async_test
    async def test_supports_no_command_but_connect(self, command: int, dialled: list[str]) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            assert await Socks5Client(proxy).request(request(HOST, site.port, command)) == GENERAL_FAILURE
        assert dialled == []

    @pytest.mark.parametrize("methods", [b"\x02", b"\x01\x02\x03", b""])
    @async_test
    async def test_supports_no_authentication(self, methods: bytes) -> None:
        async with running_proxy() as (_, proxy), proxy.session():
            browser = await Socks5Client(proxy).dial()
            await browser.send(bytes((5, len(methods))) + methods)
            assert await browser.receive_all() == b"\x05\xff"

    @pytest.mark.parametrize(
        "opening",
        [b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n", b"CONNECT 10.0.0.5:80 HTTP/1.1\r\n\r\n",
         b"\x16\x03\x01\x02\x00", b"\x00", bytes(5000)],
    )  # fmt: skip
    @async_test
    async def test_rejects_other_protocols(self, opening: bytes) -> None:
        async with running_proxy() as (_, proxy), proxy.session():
            browser = await Socks5Client(proxy).dial()
            await browser.send(opening)
            assert await browser.receive_all() == b""

    @pytest.mark.parametrize(
        "message",
        [b"\x04\x01\x00\x01", b"\x05\x01\x00\x02", b"\x05\x01\x00\x00", b"\x00\x00\x00\x00",
         b"\x05\x01\x00\xff" + bytes(2000)],
    )  # fmt: skip
    @async_test
    async def test_closes_after_an_invalid_request(self, message: bytes) -> None:
        async with running_proxy() as (_, proxy), proxy.session():
            assert await Socks5Client(proxy).request(message) == GENERAL_FAILURE

    @async_test
    async def test_limits_the_bytes_after_a_request(self) -> None:
        async with running_proxy(connect=0.2) as (site, proxy), proxy.session():
            browser = await Socks5Client(proxy).dial()
            await browser.send(GREETING + request(HOST, site.port) + b"/echo\n" + bytes(900_000))
            browser.writer.write_eof()
            assert len(await browser.receive_all()) == 2 + 10 + 900_000

    @async_test
    async def test_closes_a_slow_handshake(self) -> None:
        async with running_proxy(handshake=0.05) as (_, proxy), proxy.session():
            for part in (b"", b"\x05", GREETING, GREETING + b"\x05\x01\x00\x03\xff"):
                browser = await Socks5Client(proxy).dial()
                await browser.send(part)
                assert await browser.receive_all() in {b"", b"\x05\x00"}

    @async_test
    async def test_survives_a_client_that_disconnects(self) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            whole = GREETING + request(HOST, site.port) + b"/echo\n"
            for end in range(len(whole)):
                browser = await Socks5Client(proxy).dial()
                await browser.send(whole[:end])
                browser.writer.transport.abort()
            assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO


class TestSession:
    @async_test
    async def test_closes_connections_outside_of_a_session(self) -> None:
        async with running_proxy() as (site, proxy):
            browser = await Socks5Client(proxy).dial()
            assert await browser.receive_all() == b""
            async with proxy.session():
                assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO
            browser = await Socks5Client(proxy).dial()
            assert await browser.receive_all() == b""
            assert site.visits == 1

    @async_test
    async def test_closes_its_connections_at_the_end(self) -> None:
        async with running_proxy() as (site, proxy):
            async with proxy.session():
                tunnels, waiting = [Socks5Client(proxy) for _ in range(5)], await Socks5Client(proxy).dial()
                for each in tunnels:
                    assert await each.connect(HOST, site.port) == SUCCEEDED
                await waiting.send(GREETING)
                await waiting.receive(2)
            for each in (*tunnels, waiting):
                assert await each.receive_all() == b""

    @async_test
    async def test_closes_half_closed_connections_at_the_end(self, sockets: list[socket.socket]) -> None:
        async with running_proxy() as (site, proxy):
            async with proxy.session():
                browser = Socks5Client(proxy)
                await browser.connect(HOST, site.port)
                await browser.send(b"/unread\n", bytes(480_000))  # fills the site's socket, not the relay's buffer
                browser.writer.write_eof()
                assert await browser.receive_all() == b""
                browser.writer.close()
                assert len(sockets) == 1
                assert not await asyncio.to_thread(eventually, lambda: sockets[0].fileno() == -1, within=0.1)
            assert await asyncio.to_thread(eventually, lambda: [each.fileno() for each in sockets] == [-1])

    @async_test
    async def test_cancels_lookups_and_dials_at_the_end(self, release: threading.Event) -> None:
        def resolve(*_: Any, **__: Any) -> list[Any]:
            release.wait()
            return []

        async with running_proxy(resolve) as (_, proxy):
            async with proxy.session() as traffic:
                waiting = asyncio.ensure_future(Socks5Client(proxy).connect("slow.example.org", 80))
                assert await asyncio.to_thread(eventually, lambda: traffic.connections == 1)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await waiting

    @async_test
    async def test_excludes_a_second_session(self) -> None:
        async with running_proxy() as (_, proxy), proxy.session():
            with pytest.raises(RuntimeError):
                async with proxy.session():
                    pass

    @async_test
    async def test_counts_its_own_traffic(self) -> None:
        async with running_proxy() as (site, proxy):
            async with proxy.session() as first:
                await Socks5Client(proxy).connect("10.0.0.1", 80)
                await Socks5Client(proxy).fetch(HOST, site.port)
            async with proxy.session() as second:
                pass
            assert (len(first.denials), first.connections) == (1, 1)
            assert (len(second.denials), second.connections, second.bytes) == (0, 0, 0)

    @async_test
    async def test_limits_connections(self) -> None:
        async with (
            running_proxy(connections=3) as (site, proxy),
            proxy.session(DomainSet.parse(["ads.example.org"])) as traffic,
        ):
            await Socks5Client(proxy).connect("ads.example.org", site.port)
            await Socks5Client(proxy).connect("10.0.0.1", site.port)
            for _ in range(3):
                assert await Socks5Client(proxy).connect(HOST, site.port) == SUCCEEDED
            assert await Socks5Client(proxy).connect(HOST, site.port) == GENERAL_FAILURE
            assert (traffic.connections, traffic.exceeded) == (3, "connections")
            assert traffic.find_denial(HOST, site.port).reason == "limit"

    @async_test
    async def test_limits_bytes(self) -> None:
        async with running_proxy(bytes=5_000_000) as (site, proxy), proxy.session() as traffic:
            other = Socks5Client(proxy)
            await other.connect(HOST, site.port)
            flooded = Socks5Client(proxy)
            await flooded.connect(HOST, site.port)
            await flooded.send(b"/flood\n")
            assert len(await flooded.receive_all()) <= 5_000_000
            assert await other.receive_all() == b""
            assert traffic.exceeded == "bytes"
            assert traffic.bytes < 6_000_000
            assert await Socks5Client(proxy).connect(HOST, site.port) == GENERAL_FAILURE


class TestEgressProxy:
    @async_test
    async def test_serves_a_thousand_concurrent_connections(self) -> None:
        async with running_proxy(connections=2000) as (site, proxy), proxy.session() as traffic:
            answers = await asyncio.gather(
                *(Socks5Client(proxy).fetch(HOST, site.port) for _ in range(1000)), return_exceptions=True
            )
            served = [answer for answer in answers if answer == HELLO]
            assert len(served) >= 256
            assert {answer for answer in answers if isinstance(answer, bytes)} == {HELLO}
            assert traffic.connections >= len(served)
            assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO

    @async_test
    async def test_serves_beside_a_thousand_silent_clients(self) -> None:
        async with running_proxy() as (site, proxy), proxy.session():
            silent = await asyncio.gather(*(Socks5Client(proxy).dial() for _ in range(1000)))
            for browser in silent[:600]:
                browser.writer.transport.abort()
            assert await asyncio.to_thread(eventually, lambda: len(proxy._session._clients) < 512)
            assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO

    @async_test
    async def test_listens_on_a_given_listener(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        proxy = await EgressProxy.start(EgressPolicy.of(), listener=listener)
        assert proxy.port == listener.getsockname()[1]
        await proxy.close()

    @async_test
    async def test_accepts_no_connection_once_closed(self) -> None:
        async with running_proxy() as (site, proxy):
            async with proxy.session():
                browser = Socks5Client(proxy)
                await browser.connect(HOST, site.port)
                await proxy.close()
                assert await browser.receive_all() == b""
            with pytest.raises(ConnectionError):
                await Socks5Client(proxy).dial()
            await proxy.close()

    @pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:0", "x:80"])
    def test_rejects_invalid_allow_rules(self, text: str) -> None:
        with pytest.raises(ValueError, match=r".+"):
            EgressPolicy.of([text])


chunks = st.lists(
    st.binary(max_size=300) | st.sampled_from([GREETING, request(HOST, 1), request_address("10.0.0.5", 80)])
)


@settings(deadline=None, max_examples=40)
@given(chunks)
def test_survives_any_bytes(parts: list[bytes]) -> None:
    @async_test
    async def scenario() -> None:
        # handshake: short, as 40 clients may send nothing
        async with running_proxy(handshake=0.3) as (site, proxy), proxy.session():
            browser = await Socks5Client(proxy).dial()
            began = time.monotonic()
            with suppress(ConnectionError):  # the proxy may close the connection at any point
                await browser.send(*parts)
                assert len(await browser.receive_all()) <= 12
            assert time.monotonic() - began < 10
            assert proxy._session
            proxy._session.limits = ProxyLimits()
            assert await Socks5Client(proxy).fetch(HOST, site.port) == HELLO

    scenario()
