"""The daemon's door to other machines: who knows the secret comes in, nobody else learns anything."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from harness.site_server import SiteServer
from tests.chromium.daemon.test_daemon import free_port, is_blue, shot
from tests.support.concurrency import async_test, eventually
from tintype.chromium.daemon.auth import AuthenticatedServer
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import BackendUnavailable, TintypeError
from tintype.rpc import auth

SECRET = "correct horse battery staple"
NONCE = b"n" * auth.NONCE_SIZE


@asynccontextmanager
async def a_server(serve: Callable[..., object]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to it."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)  # type: ignore[arg-type]
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"inside")
    writer.close()


@pytest.fixture(scope="module")
def address(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, address = tmp_path_factory.mktemp("captures"), f"tcp://127.0.0.1:{free_port()}"
    said = {"TINTYPE_DATA_DIR": str(folder), "TINTYPE_SLOTS": "1", "TINTYPE_ENGINE_SECRET": SECRET}
    said["TINTYPE_ALLOW_ADDRESSES"] = f"127.0.0.1:{site.port}"
    with run("--listen", address, **said) as daemon:
        assert daemon.stdout
        assert "ready" in daemon.stdout.readline()
        yield address
        daemon.terminate()
        assert daemon.wait(30) == 0


class TestTheDoor:
    @async_test
    async def test_opens_to_who_knows_the_secret(self) -> None:
        async with a_server(AuthenticatedServer(SECRET, welcome).serve) as (reader, writer):
            writer.write(auth.MAGIC + NONCE)
            theirs = await reader.readexactly(auth.NONCE_SIZE)
            assert await reader.readexactly(auth.PROOF_SIZE) == auth.compute_proof(SECRET, "server", NONCE, theirs)
            writer.write(auth.compute_proof(SECRET, "client", NONCE, theirs))
            assert await reader.read() == auth.OK + b"inside"

    @async_test
    async def test_stays_shut_to_its_own_proof_sent_back(self) -> None:
        async with a_server(AuthenticatedServer(SECRET, welcome).serve) as (reader, writer):
            writer.write(auth.MAGIC + NONCE)
            await reader.readexactly(auth.NONCE_SIZE)
            writer.write(await reader.readexactly(auth.PROOF_SIZE))
            assert await reader.read() == b""

    @async_test
    async def test_stays_shut_to_a_proof_of_another_conversation(self) -> None:
        async with a_server(AuthenticatedServer(SECRET, welcome).serve) as (reader, writer):
            writer.write(auth.MAGIC + NONCE + auth.compute_proof(SECRET, "client", NONCE, b"o" * auth.NONCE_SIZE))
            await reader.readexactly(auth.NONCE_SIZE + auth.PROOF_SIZE)
            assert await reader.read() == b""

    @pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\nHost: captures\r\n\r\n", b"\x00\x00\x00\x02{}" + b"." * 99])
    def test_tells_nothing_to_who_says_something_else(self, said: bytes) -> None:
        @async_test
        async def asked() -> None:
            async with a_server(AuthenticatedServer(SECRET, welcome).serve) as (reader, writer):
                writer.write(said)
                with suppress(ConnectionResetError):  # hung up on with half of it unread
                    assert await reader.read() == b""

        asked()

    @async_test
    async def test_does_not_wait_for_who_says_nothing(self) -> None:
        async with a_server(AuthenticatedServer(SECRET, welcome, timeout=0.05).serve) as (reader, _):
            assert await reader.read() == b""


@pytest.mark.browser
class TestADaemonOverTcp:
    def test_serves_who_knows_the_secret(self, address: str, site: SiteServer, tmp_path: Path) -> None:
        engine = ChromiumEngine(address, None, tmp_path, timeout=60, secret=SECRET)
        assert is_blue(engine.capture(shot(site.url("/plain.html?secret"))))
        assert engine.status()["clients"] == 1
        engine.close()

    @pytest.mark.parametrize("secret", ["", "another horse battery staple"])
    def test_serves_nobody_else(self, address: str, secret: str, tmp_path: Path, site: SiteServer) -> None:
        engine = ChromiumEngine(address, None, tmp_path, timeout=60, secret=secret)
        with pytest.raises(TintypeError):
            engine.capture(shot(site.url("/plain.html?stranger")))
        assert site.visits("/plain.html?stranger") == 0
        engine.close()


@pytest.mark.browser
class TestToldToEnd:
    """SIGTERM, as a rollout sends it."""

    def test_a_daemon_finishes_what_is_under_way_and_takes_no_more(self, site: SiteServer, tmp_path: Path) -> None:
        address = f"tcp://127.0.0.1:{free_port()}"
        said = {"TINTYPE_DATA_DIR": str(tmp_path), "TINTYPE_SLOTS": "1"}
        with run("--listen", address, TINTYPE_ALLOW_ADDRESSES=f"127.0.0.1:{site.port}", **said) as daemon:
            assert daemon.stdout
            assert "ready" in daemon.stdout.readline()
            busy, idle = (ChromiumEngine(address, None, tmp_path, timeout=60) for _ in range(2))
            idle.connect()
            with ThreadPoolExecutor(2) as crowd:
                page = "/plain.html?told-to-end"
                under_way = crowd.submit(busy.capture, shot(site.url(page), delay=4000))
                site.wait_for_visit(page)
                in_line = crowd.submit(busy.capture, shot(site.url("/plain.html?in-line")))
                assert eventually(lambda: idle.status()["waiting"] == 1)
                daemon.terminate()
                assert is_blue(under_way.result())
                assert is_blue(in_line.result())
            with pytest.raises(BackendUnavailable):
                idle.status()
            assert daemon.wait(60) == 0
            busy.close()
            idle.close()


def test_a_client_with_a_secret_trusts_no_daemon_without(tmp_path: Path) -> None:
    async def impostor(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * (auth.NONCE_SIZE + auth.PROOF_SIZE) + auth.OK)

    @async_test
    async def asked() -> None:
        server = await asyncio.start_server(impostor, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        engine = ChromiumEngine(f"tcp://127.0.0.1:{port}", None, tmp_path, timeout=10, secret=SECRET)
        with pytest.raises(BackendUnavailable):
            await asyncio.to_thread(engine.status)
        server.close()

    asked()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "captures.example.com"])
def test_nothing_beyond_loopback_is_listened_on_without_a_secret(host: str, tmp_path: Path) -> None:
    with run("--listen", f"tcp://{host}:{free_port()}", TINTYPE_DATA_DIR=str(tmp_path)) as daemon:
        said, _ = daemon.communicate(timeout=60)
    assert daemon.returncode == 1
    assert "TINTYPE_ENGINE_SECRET" in said


def run(*arguments: str, **said: str) -> subprocess.Popen[str]:
    """``tintype capture-daemon`` as an operator starts it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TINTYPE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tintype", "capture-daemon", *arguments],
        env={**kept, **said},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
