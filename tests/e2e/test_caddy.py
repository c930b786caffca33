"""Caddy with the shipped configuration in front of a node: forwarding, hidden routes, client addresses, log."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

import httpx
import pytest

from harness.node import Node
from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode
from tests.support.caddy import SHIPPED, Caddy
from tests.support.concurrency import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("caddy"), reason="Caddy is not installed (Debian: caddy)"),
]

BEHIND_CADDY = {"TINTYPE_TRUSTED_PROXIES": "127.0.0.1", "TINTYPE_METRICS": "open"}
FIVE_A_DAY = {**BEHIND_CADDY, "TINTYPE_LIMIT_EXEMPT": "", "TINTYPE_THUMB_LIMIT": "5 per day"}


@pytest.fixture(scope="module")
def node(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    env = {**BEHIND_CADDY, "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}"}
    with Node(data=tmp_path_factory.mktemp("node") / "data", env=env) as running:
        yield running


@pytest.fixture(scope="module")
def edge(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caddy]:
    with Caddy(tmp_path_factory.mktemp("caddy") / "edge", node.port) as running:
        yield running


@pytest.fixture(scope="module")
def picture(edge: Caddy, site: SiteServer) -> tuple[str, httpx.Response]:
    """The path of a thumbnail and the first response to it."""
    address = f"/thumb?url={quote(site.url('/plain.html'), safe='')}&thumb_width=320"
    return address, edge.get(address)


def test_configuration_is_formatted() -> None:
    output = subprocess.run(["caddy", "fmt", str(SHIPPED)], check=False, capture_output=True, text=True).stdout
    assert output == SHIPPED.read_text()


def test_passes_images_unchanged(edge: Caddy, node: Node, picture: tuple[str, httpx.Response]) -> None:
    address, first = picture
    direct = node.client.get(address)
    assert (first.status_code, first.headers["content-type"]) == (200, direct.headers["content-type"])
    assert first.content == direct.content
    assert first.headers["cache-control"] == direct.headers["cache-control"]
    assert "content-encoding" not in first.headers
    assert edge.get(address, {"If-None-Match": first.headers["etag"]}).status_code == 304


def test_compresses_text(edge: Caddy) -> None:
    assert edge.get("/", {"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"


def test_hides_metrics(edge: Caddy, node: Node) -> None:
    assert node.get("/metrics").status_code == 200
    for path in ("/metrics", "/%6detrics", "/METRICS", "/./metrics", "//metrics", "/metrics/", "/x/../metrics"):
        assert edge.get(path).status_code != 200, path


def test_passes_errors_of_the_service(edge: Caddy) -> None:
    assert edge.get("/thumb?url=x&witdh=9").json()["error"] == "invalid-request"


@pytest.mark.parametrize("size", [1_100_000, 7_000_000])
def test_service_rejects_an_oversized_body(size: int, edge: Caddy) -> None:
    assert edge.request("POST", "/thumb", body={"html": "x" * size}).json()["error"] == "body-too-large"


def test_rate_limit_uses_the_real_client_address(start_node: StartNode, tmp_path: Path) -> None:
    with Caddy(tmp_path / "edge", start_node(env=FIVE_A_DAY).port) as edge:
        claims = [{"X-Forwarded-For": f"203.0.113.{n}"} for n in range(6)]
        answers = [edge.get("/thumb?url=http%3A%2F%2F10.0.0.1%2F", claim) for claim in claims]
    assert [answer.status_code for answer in answers][-1] == 429, "trusted a header that every client can send"


@pytest.mark.parametrize("name", ["X_Forwarded_For", "x-forwarded_for", "X_FORWARDED-FOR"])
def test_rate_limit_ignores_other_spellings_of_the_header(name: str, start_node: StartNode, tmp_path: Path) -> None:
    with Caddy(tmp_path / "edge", start_node(env=FIVE_A_DAY).port) as edge:
        claims = [{name: f"203.0.113.{n}"} for n in range(6)]
        answers = [edge.get("/thumb?url=http%3A%2F%2F10.0.0.1%2F", claim) for claim in claims]
    assert [answer.status_code for answer in answers][-1] == 429


def test_redirects_http_to_https(edge: Caddy) -> None:
    moved = httpx.get(f"http://127.0.0.1:{edge.http_port}/thumb?url=x", headers={"Host": "thumbs.example.com"})
    assert moved.status_code == 308
    assert moved.headers["location"].startswith("https://thumbs.example.com")


def test_log_contains_neither_targets_nor_keys(edge: Caddy, picture: tuple[str, httpx.Response]) -> None:
    edge.get(picture[0], {"X-Api-Key": "the-key-of-a-client", "Referer": "https://referrer.example/"})
    assert eventually(lambda: any("/thumb" in str(line["request"]) for line in edge.access_log()))
    output = str(edge.access_log())
    assert [word for word in ("url=", "the-key-of-a-client", "referrer.example") if word in output] == []


def test_does_not_retry_a_request_that_was_sent(tmp_path: Path) -> None:
    with _Cutter() as cutter, Caddy(tmp_path / "edge", cutter.port) as edge:
        for method in ("GET", "POST"):
            before = cutter.requests(method)
            answer = edge.request(method, "/thumb", body={"url": "http://a.example/"} if method == "POST" else None)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["error"] == "backend-unavailable"
            assert cutter.requests(method) == before + 1


class _Cutter:
    """A server that responds to /health, and closes the connection after any other request."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._seen: list[bytes] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def requests(self, method: str) -> int:
        """Number of requests of /thumb with a method."""
        return sum(head.startswith(f"{method} /thumb".encode()) for head in self._seen)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), client:
                head = client.recv(65536)
                self._seen.append(head)
                if head.startswith(b"GET /health"):
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
