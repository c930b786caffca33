"""A real receiver of webhooks on loopback, which answers as its script says: slowly, wrongly, or not at all."""

from __future__ import annotations

import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from harness.waiting import eventually

_DRIP_PAUSE = 0.02


@dataclass(frozen=True)
class Reply:
    """A response. ``drip`` is what the receiver sends byte by byte for ever: headers or body; ``hangs``: nothing."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip: str = ""
    hangs: bool = False


@dataclass(frozen=True)
class Received:
    """A request; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class WebhookReceiver:
    """A context manager. ``replies`` by path are used one after the other; the last one stays.

    ``certificate`` (PEM files of certificate and key) makes it an HTTPS server.
    """

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        self.replies: dict[str, Sequence[Reply]] = {}
        self.received: list[Received] = []
        self.stopping = threading.Event()
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        self._certificate = certificate
        self._server = _Server(("127.0.0.1", 0), type("_Handler", (_Handler,), {"receiver": self}))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.tls = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._certificate else 'http'}://{host}:{self.port}{path}"

    def wait_for(self, count: int, path: str = "", within: float = 60.0) -> list[Received]:
        """The first requests of a path (of all paths), once so many have arrived."""
        assert eventually(lambda: len(self.of(path)) >= count, within), self.received
        return self.of(path)

    def of(self, path: str = "") -> list[Received]:
        """The requests of a path; of all without one."""
        return [each for each in self.received if path in ("", each.path)]

    def reply_to(self, received: Received) -> Reply:
        with self._lock:
            self.received.append(received)
            replies = self.replies.get(received.path, [Reply()])
            at = min(self._counts[received.path], len(replies) - 1)
            self._counts[received.path] += 1
            return replies[at]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handshake in the thread of the connection."""
        if not self.tls:
            super().finish_request(request, client_address)
            return
        with suppress(OSError), self.tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, *_: object) -> None:
        """Log nothing: clients that leave are part of the script."""


class _Handler(BaseHTTPRequestHandler):
    receiver: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.receiver.reply_to(Received(self.path, headers, body))
        try:
            self._answer(reply)
        except OSError:
            self.close_connection = True

    def _answer(self, reply: Reply) -> None:
        if reply.hangs:
            self.receiver.stopping.wait(120)
            return
        if reply.drip == "headers":
            self.wfile.write(f"HTTP/1.1 {reply.status} OK\r\n".encode())
            self._drip(b"X: y\r\n")
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.drip:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        if reply.drip:
            self._drip(b"x")

    def _drip(self, piece: bytes) -> None:
        for _ in self._ticks():
            self.wfile.write(piece)

    def _ticks(self) -> Iterator[None]:
        while not self.receiver.stopping.wait(_DRIP_PAUSE):
            yield

    def do_GET(self) -> None:
        """A redirect that is followed ends here."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
