"""Web and capture pods as two local processes, with the arguments and environment of the manifests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import processes
from harness.node import Node, free_port
from harness.servers import RedisServer
from harness.site_server import SiteServer
from tests.support import manifests
from tests.support.certificates import Authority
from tests.support.concurrency import eventually

pytestmark = pytest.mark.browser

SECRETS = Path("/run/secrets/tintype")


def environment(name: str, secrets: Path, **overrides: str) -> dict[str, str]:
    """The environment of a manifest, with a local folder of secrets and the variables ``here``."""
    variables = {key: value.replace(str(SECRETS), str(secrets)) for key, value in manifests.environment(name).items()}
    return {**variables, **overrides}


def listens(port: int) -> bool:
    """Whether the port accepts connections, as the probes of the manifest check."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_web_pod_captures_through_the_capture_pod(site: SiteServer, redis_server: RedisServer, tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "capture"
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name, value in {
        "engine-secret": "a key that both pods use",
        "redis-url": redis_server.url,
        "aws-access-key-id": "test-key-id",
        "aws-secret-access-key": "test-secret",
    }.items():
        (secrets / name).write_text(f"{value}\n")
    authority = Authority.create(tmp_path / "secrets-tls")
    certificate, key = authority.issue("127.0.0.1")
    for file, mounted in ((certificate, "tls.crt"), (key, "tls.key"), (authority.certificate, "ca.crt")):
        file.rename(tmp_path / "secrets-tls" / mounted)
    data.mkdir()
    listen = [
        arg.replace("0.0.0.0:9222", f"127.0.0.1:{port}") for arg in manifests.container("tintype-capture")["args"]
    ]
    overrides = {"TINTYPE_DATA_DIR": str(data), "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TINTYPE_", "S3_"))}
    with (tmp_path / "capture.log").open("wb") as log:
        capture = subprocess.Popen(
            [sys.executable, "-m", "tintype", *listen],
            env={**inherited, **environment("tintype-capture", secrets, **overrides)},
            cwd=data,
            stdout=log,
            stderr=log,
        )
    try:
        web = environment(
            "tintype-web",
            secrets,
            HOST="127.0.0.1",
            PORT=str(free_port()),
            TINTYPE_DATA_DIR=str(tmp_path / "web"),
            TINTYPE_ENGINE=f"tcp://127.0.0.1:{port}",
            TINTYPE_ALLOW_ADDRESSES=overrides["TINTYPE_ALLOW_ADDRESSES"],
        )
        command = (sys.executable, "-m", "tintype", *manifests.container("tintype-web")["args"])
        with Node(data=tmp_path / "web", env=web, command=command, port=int(web["PORT"])) as node:
            assert eventually(lambda: listens(port), within=60), (tmp_path / "capture.log").read_text()
            first = node.thumb(site.url("/plain.html"), thumb_width="320")
            again = node.thumb(site.url("/plain.html"), thumb_width="320")
            assert (first.status_code, first.headers["x-cache"]) == (200, "MISS"), node.output()
            assert (again.headers["x-cache"], again.content) == ("HIT", first.content)
            below = [processes.command_line(pid) for pid in processes.tree(node.process.pid)]
            assert not any("chrom" in command for command in below), "the web pod started a browser"
        capture.send_signal(signal.SIGTERM)
        assert capture.wait(90) == 0
    finally:
        capture.kill()
        capture.wait(30)
