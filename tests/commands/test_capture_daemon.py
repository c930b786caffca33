"""``tintype capture-daemon`` as a process: TLS and secret, rejected clients, and shutdown by SIGTERM."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner

from harness.node import free_port
from harness.site_server import SiteServer
from harness.waiting import eventually
from tests.support.certificates import Authority
from tests.support.images import pixel
from tintype.commands import capture_daemon
from tintype.engines.chromium import ChromiumEngine
from tintype.errors import BackendUnavailable, ConfigurationError, TintypeError
from tintype.model import Capture
from tintype.options import Options, Shot
from tintype.rpc.tls import TransportSecurity

SECRET = "correct horse battery staple"


def start(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TINTYPE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tintype", "capture-daemon", *arguments],
        env={**kept, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def wait_ready(daemon: subprocess.Popen[str]) -> None:
    assert daemon.stdout
    assert "ready" in daemon.stdout.readline()


def shot(url: str, **options: Any) -> Shot:
    return Options(url=url, width=640, height=480, **options).capture_request().shot


def is_blue(capture: Capture) -> bool:
    return pixel(capture.body, 630, 470)[:3] == (0, 102, 204)


@pytest.fixture(scope="module")
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def address(site: SiteServer, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A daemon with secret and TLS."""
    folder, address = tmp_path_factory.mktemp("captures"), f"tcp://127.0.0.1:{free_port()}"
    certificate, key = authority.issue("127.0.0.1")
    settings = {
        "TINTYPE_DATA_DIR": str(folder),
        "TINTYPE_SLOTS": "1",
        "TINTYPE_ENGINE_SECRET": SECRET,
        "TINTYPE_ENGINE_TLS_CERT": str(certificate),
        "TINTYPE_ENGINE_TLS_KEY": str(key),
        "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}",
    }
    with start("--listen", address, **settings) as daemon:
        wait_ready(daemon)
        yield address
        daemon.terminate()
        assert daemon.wait(30) == 0


@pytest.mark.browser
class TestOverTls:
    def test_serves_a_client_with_secret_and_authority(
        self, address: str, authority: Authority, site: SiteServer, tmp_path: Path
    ) -> None:
        security = TransportSecurity(secret=SECRET, ca=str(authority.certificate))
        engine = ChromiumEngine(address, None, tmp_path, timeout=60, security=security)
        assert is_blue(engine.capture(shot(site.url("/plain.html?secret"))))
        assert engine.status().clients == 1
        engine.close()

    @pytest.mark.parametrize("tls", [True, False])
    def test_rejects_a_client_with_another_secret(
        self, address: str, authority: Authority, tls: bool, tmp_path: Path, site: SiteServer
    ) -> None:
        security = TransportSecurity(
            secret="another horse battery staple", ca=str(authority.certificate) if tls else ""
        )
        engine = ChromiumEngine(address, None, tmp_path, timeout=60, security=security)
        with pytest.raises(TintypeError):
            engine.capture(shot(site.url("/plain.html?unauthenticated")))
        assert site.visits("/plain.html?unauthenticated") == 0
        engine.close()


@pytest.mark.browser
def test_finishes_captures_after_sigterm_and_accepts_no_more(site: SiteServer, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    settings = {"TINTYPE_DATA_DIR": str(tmp_path), "TINTYPE_SLOTS": "1", "TINTYPE_ENGINE_SECRET": SECRET}
    security = TransportSecurity(secret=SECRET)
    with start("--listen", address, TINTYPE_ALLOW_ADDRESSES=f"127.0.0.1:{site.port}", **settings) as daemon:
        wait_ready(daemon)
        busy, idle = (ChromiumEngine(address, None, tmp_path, timeout=60, security=security) for _ in range(2))
        idle.connect()
        with ThreadPoolExecutor(2) as threads:
            page = "/plain.html?after-sigterm"
            in_progress = threads.submit(busy.capture, shot(site.url(page), delay=4000))
            site.wait_for_visit(page)
            queued = threads.submit(busy.capture, shot(site.url("/plain.html?queued"), delay=4000))
            assert eventually(lambda: (now := idle.status()).busy + now.slow + now.queue_length == 2)
            daemon.terminate()
            assert is_blue(in_progress.result())
            assert is_blue(queued.result())
        with pytest.raises(BackendUnavailable):
            idle.status()
        assert daemon.wait(60) == 0
        busy.close()
        idle.close()


class TestListenAddress:
    @pytest.mark.parametrize("address", ["nonsense", "0.0.0.0:9222", "http://127.0.0.1:9222", "unix://relative.sock"])
    def test_rejects_a_malformed_address(self, address: str, tmp_path: Path) -> None:
        assert "--listen: must be unix:///path/to/socket or tcp://host:port" in refusal(address, tmp_path)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "[::]", "captures.example.com"])
    def test_needs_a_secret_on_tcp(self, host: str, tmp_path: Path) -> None:
        assert "TINTYPE_ENGINE_SECRET" in refusal(f"tcp://{host}:{free_port()}", tmp_path)

    def test_needs_tls_beyond_loopback(self, tmp_path: Path) -> None:
        message = refusal(f"tcp://0.0.0.0:{free_port()}", tmp_path, TINTYPE_ENGINE_SECRET=SECRET)
        assert "TINTYPE_ENGINE_TLS_CERT" in message
        assert "TINTYPE_ALLOW_PLAINTEXT_ENGINE" in message


class TestStartErrors:
    def test_used_port_ends_like_a_wrong_setting(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            code, output = ended("--listen", address, TINTYPE_ENGINE_SECRET=SECRET)
        assert code == 2
        assert f"--listen: cannot listen on {address}: Address already in use; choose a free address" in output
        assert "daemon_start_failed" not in output, "an error for a person, no log line"

    def test_missing_browser_ends_like_a_wrong_setting(self, tmp_path: Path) -> None:
        code, output = ended("--listen", f"unix://{tmp_path}/capture.sock", TINTYPE_CHROMIUM="/nowhere")
        assert code == 2
        assert output.startswith("tintype: Invalid settings:")
        assert "/nowhere" in output


def ended(*arguments: str, **settings: str) -> tuple[int, str]:
    """Exit code and stderr of a daemon that does not start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TINTYPE_")}
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tintype", "capture-daemon", *arguments],
            env={**kept, "TINTYPE_DATA_DIR": folder, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    return done.returncode, done.stderr


def refusal(address: str, folder: Path, **settings: str) -> str:
    """The error of a daemon that exits with the code for invalid settings."""
    outcome = CliRunner().invoke(
        capture_daemon.command, ["--listen", address], env={"TINTYPE_DATA_DIR": str(folder), **settings}
    )
    assert isinstance(outcome.exception, ConfigurationError)  # `tintype` prints it and exits with 2
    return str(outcome.exception)
