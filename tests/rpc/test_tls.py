"""TLS between machines, with real sockets: verified certificates, and errors that name the setting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.concurrency import async_test
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import BackendUnavailable, ConfigurationError, TintypeError
from tintype.rpc import framing, messages
from tintype.rpc.auth import AuthenticatedServer
from tintype.rpc.tls import TransportSecurity, check_address, is_remote_address

SECRET = "correct horse battery staple"
REMOTE = "tcp://captures.example.com:9222"


async def reply_with_status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A daemon that only has a status."""
    await framing.read_frame(reader, framing.MAX_REQUEST)
    await framing.write_frame(writer, messages.pack_reply(messages.DaemonStatus(pid=4711)))
    writer.close()


def with_daemon(security: TransportSecurity, scenario: Callable[[int], Awaitable[None]]) -> None:
    """Run a scenario with the port of a daemon that has these settings."""

    @async_test
    async def run() -> None:
        handler = AuthenticatedServer(security.secret, reply_with_status).serve
        async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=security.server_context()) as server:
            await scenario(server.sockets[0].getsockname()[1])

    run()


async def pid_of(port: int, folder: Path, security: TransportSecurity, host: str = "127.0.0.1") -> int:
    engine = ChromiumEngine(f"tcp://{host}:{port}", None, folder, timeout=10, security=security)
    status = await asyncio.to_thread(engine.status)
    engine.close()
    return status.pid


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def served(authority: Authority) -> TransportSecurity:
    certificate, key = authority.issue("127.0.0.1")
    return TransportSecurity(secret=SECRET, certificate=str(certificate), key=str(key))


class TestTls:
    def test_accepts_a_certificate_that_the_authority_signed(
        self, served: TransportSecurity, authority: Authority, tmp_path: Path
    ) -> None:
        async def scenario(port: int) -> None:
            trusting = TransportSecurity(secret=SECRET, ca=str(authority.certificate))
            assert await pid_of(port, tmp_path, trusting) == 4711

        with_daemon(served, scenario)

    def test_rejects_a_certificate_of_another_authority(self, served: TransportSecurity, tmp_path: Path) -> None:
        async def scenario(port: int) -> None:
            other = Authority.create(tmp_path / "stranger")
            with pytest.raises(BackendUnavailable):
                await pid_of(port, tmp_path, TransportSecurity(secret=SECRET, ca=str(other.certificate)))

        with_daemon(served, scenario)

    def test_rejects_a_certificate_for_another_host(
        self, served: TransportSecurity, authority: Authority, tmp_path: Path
    ) -> None:
        async def scenario(port: int) -> None:
            trusting = TransportSecurity(secret=SECRET, ca=str(authority.certificate))
            with pytest.raises(BackendUnavailable):
                await pid_of(port, tmp_path, trusting, host="localhost")

        with_daemon(served, scenario)

    def test_still_demands_the_secret(self, served: TransportSecurity, authority: Authority, tmp_path: Path) -> None:
        async def scenario(port: int) -> None:
            trusting = TransportSecurity(secret="another horse battery staple", ca=str(authority.certificate))
            with pytest.raises(BackendUnavailable):
                await pid_of(port, tmp_path, trusting)

        with_daemon(served, scenario)

    @pytest.mark.parametrize("secret", ["another horse battery staple", SECRET])
    def test_gives_a_plain_client_nothing(self, secret: str, served: TransportSecurity, tmp_path: Path) -> None:
        async def scenario(port: int) -> None:
            with pytest.raises(TintypeError):
                await pid_of(port, tmp_path, TransportSecurity(secret=secret))

        with_daemon(served, scenario)

    def test_sends_nothing_to_a_plain_daemon(self, authority: Authority, tmp_path: Path) -> None:
        async def scenario(port: int) -> None:
            trusting = TransportSecurity(secret=SECRET, ca=str(authority.certificate))
            with pytest.raises(BackendUnavailable):
                await pid_of(port, tmp_path, trusting)

        with_daemon(TransportSecurity(secret=SECRET), scenario)


class TestTransportSecurity:
    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
    def test_needs_only_a_secret_on_loopback(self, host: str) -> None:
        address = f"tcp://{host}:9222"
        assert not is_remote_address(address)
        TransportSecurity(secret=SECRET).require_for_client(address)
        TransportSecurity(secret=SECRET).require_for_server(address)

    def test_needs_nothing_on_a_unix_socket(self) -> None:
        TransportSecurity().require_for_client("unix:///run/d.sock")
        TransportSecurity().require_for_server("unix:///run/d.sock")

    @pytest.mark.parametrize(
        "address", [REMOTE, "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://10.0.0.5:1", "tcp://127.0.0.1:1", "tcp://[::1]:1"]
    )
    def test_needs_a_secret_on_every_tcp_address(self, address: str) -> None:
        security = TransportSecurity(certificate="c.pem", ca="ca.pem", allow_plaintext=True)
        for check in (security.require_for_client, security.require_for_server):
            with pytest.raises(ConfigurationError, match="TINTYPE_ENGINE_SECRET"):
                check(address)

    def test_refuses_plain_text_beyond_loopback_and_names_what_to_set(self) -> None:
        security = TransportSecurity(secret=SECRET)
        with pytest.raises(ConfigurationError, match=r"TINTYPE_ENGINE_TLS_CA.*TINTYPE_ALLOW_PLAINTEXT_ENGINE=1"):
            security.require_for_client(REMOTE)
        with pytest.raises(ConfigurationError, match=r"TINTYPE_ENGINE_TLS_CERT.*TINTYPE_ALLOW_PLAINTEXT_ENGINE=1"):
            security.require_for_server(REMOTE)

    def test_permits_plain_text_beyond_loopback_if_allowed(self) -> None:
        security = TransportSecurity(secret=SECRET, allow_plaintext=True)
        security.require_for_client(REMOTE)
        security.require_for_server(REMOTE)

    def test_permits_tls_beyond_loopback(self) -> None:
        TransportSecurity(secret=SECRET, ca="ca.pem").require_for_client(REMOTE)
        TransportSecurity(secret=SECRET, certificate="c.pem").require_for_server(REMOTE)

    def test_reports_files_that_cannot_be_loaded(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.pem"
        broken.write_text("no certificate")
        for name in (str(broken), str(tmp_path / "missing.pem")):
            with pytest.raises(ConfigurationError, match=r"TINTYPE_ENGINE_TLS_CA.*name a PEM file"):
                TransportSecurity(ca=name).client_context()
            with pytest.raises(ConfigurationError, match=r"TINTYPE_ENGINE_TLS_CERT.*name PEM files"):
                TransportSecurity(certificate=name).server_context()

    def test_keeps_the_secret_out_of_its_representation(self) -> None:
        assert SECRET not in repr(TransportSecurity(secret=SECRET))


class TestCheckAddress:
    @pytest.mark.parametrize(
        "address",
        ["unix:///run/d.sock", "unix:///run/a%20b/d.sock", "tcp://h:9222", "tcp://0.0.0.0:1", "tcp://[::1]:65535"],
    )
    def test_accepts_a_socket_path_and_a_host_with_port(self, address: str) -> None:
        check_address("--listen", address)

    @pytest.mark.parametrize(
        "address",
        [
            "", "nonsense", "/run/d.sock", "run/d.sock", "0.0.0.0:9222", "localhost:9222", "http://h:9222",
            "tcp:h:9222", "tcp://", "tcp://h", "tcp://:9222", "tcp://h:0", "tcp://h:65536", "tcp://h:x",
            "tcp://h:9222/path", "tcp://user@h:9222", "tcp://[::1:9222", "unix://", "unix:///", "unix://run/d.sock",
            "unix:run/d.sock", "unix:///a?b", "tcp://h:9222?x=1", "file:///run/d.sock", "redis://h:1",
        ],
    )  # fmt: skip
    def test_rejects_anything_else_and_says_what_it_accepts(self, address: str) -> None:
        with pytest.raises(ConfigurationError, match=r"--listen: must be unix:///path/to/socket or tcp://host:port"):
            check_address("--listen", address)
