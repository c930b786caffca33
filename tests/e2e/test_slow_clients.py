"""Clients that send or read slowly, against a server with deadlines of half a second instead of 10 and 30 s."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Iterator

import pytest

from harness.node import Node
from harness.waiting import eventually
from tests.support.metrics import value

_FAST = """
from tintype.web import connections, request_body
connections.BODY_TIMEOUT = request_body.BODY_TIMEOUT = connections.SEND_WINDOW = 0.5
connections.CHECK_INTERVAL = connections._SLACK = 0.1
connections.AMBIGUOUS_TIMEOUT = 2
from tintype.cli import main
main(["serve"])
"""
BODY = bytes(range(256)) * 64 * 1024
KEY = f"thumbs/{hashlib.sha256(b'page').hexdigest()}-{hashlib.sha256(BODY).hexdigest()}.png"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    data = tmp_path_factory.mktemp("slow") / "data"
    file = data / "stored/thumbs" / KEY[7:9] / KEY[7:]
    file.parent.mkdir(parents=True)
    file.write_bytes(BODY)
    file.with_name(f"{file.name}.json").write_text(json.dumps({"mime": "image/png", "meta": {}}))
    env = {"TINTYPE_ENGINE": "snapsharp", "SNAPSHARP_API_KEY": "sk", "SNAPSHARP_BASE_URL": "http://127.0.0.1:9"}
    env |= {"TINTYPE_WORKERS": "1", "TINTYPE_THREADS": "1", "TINTYPE_LIMIT_EXEMPT": "192.0.2.1"}
    with Node(data, env, command=(sys.executable, "-c", _FAST)) as running:
        yield running


def connect(node: Node, sent: bytes) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", node.port))
    client.sendall(sent)
    return client


def read_all(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def closed(node: Node, reason: str) -> float:
    return value(node.get("/metrics").text, "tintype_connections_closed_total", reason=reason)


class TestSlowSenders:
    def test_returns_408_while_one_thread_serves_others(self, node: Node) -> None:
        head = b"POST /thumb HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        clients = [connect(node, head) for _ in range(8)]
        assert node.get("/health").status_code == 200
        answers = [read_all(client) for client in clients]
        assert {answer.split(b" ")[1] for answer in answers} == {b"408"}
        assert all(b'"request-timeout"' in answer for answer in answers)

    def test_rejects_long_bodies_without_waiting_for_their_end(self, node: Node) -> None:
        head = b"POST /thumb HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n{"
        assert read_all(connect(node, head)).split(b" ")[1] == b"413"


class TestSlowReaders:
    def test_disconnects_slow_readers(self, node: Node) -> None:
        before = closed(node, "slow-reader")
        request = f"GET /stored/{KEY} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        clients = []
        for _ in range(3):
            clients.append(connect(node, request))
            assert clients[-1].recv(12) == b"HTTP/1.1 200"
        assert eventually(lambda: closed(node, "slow-reader") >= before + 3)
        for client in clients:
            client.close()

    def test_sends_all_pieces_to_others(self, node: Node) -> None:
        assert node.get(f"/stored/{KEY}").content == BODY


class TestRequestHeads:
    @pytest.mark.parametrize(("fields", "status"), [("X: a\r\n" * 101, b"431"), (f"X: {'a' * 300_000}\r\n", b"431")])
    def test_rejects_long_heads(self, node: Node, fields: str, status: bytes) -> None:
        client = connect(node, f"GET /health HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode())
        assert client.recv(12).split(b" ")[1] == status
        client.close()
