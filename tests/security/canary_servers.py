"""Servers of the canary harness: the attacker's site on public addresses, canaries on all others."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.security import navigation_attacks
from tests.security.addresses import CANARY, PUBLIC, SECURE, SPELLINGS, STUN, TCP_PORTS

_PAGES = Path(__file__).parent / "pages"
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*", "Access-Control-Allow-Methods": "*"}
_RTC_HOSTS = [CANARY, "127.0.0.1", "localhost", "[::1]", "[fd00::5]", "192.168.0.5", "169.254.169.254",
              "inside.attacker.com", "93.184.216.2"]  # fmt: skip

Response = tuple[int, dict[str, str], str]


class Record:
    """Requests and packets that the servers have received."""

    def __init__(self) -> None:
        self.canaries: list[str] = []
        """``address:port path`` of every connection to a canary."""
        self.tried: set[str] = set()
        """Names of the vectors that pages have reported as tried."""

    def add(self, connection: socket.socket, path: str = "") -> None:
        address, port, *_ = connection.getsockname()
        self.canaries.append(f"{address}:{port} {path}".strip())


def start_servers(record: Record, certificate: Path) -> None:
    """Listen on every address of this thread's network namespace, until the process ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    for port in TCP_PORTS:
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            listener = socket.create_server((any_address, port), family=family, backlog=256)
            server = _Server(listener, record, context if port == SECURE else None)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        receiver.bind((any_address, STUN))
        threading.Thread(target=_record_packets, args=(receiver, record), daemon=True).start()


def _record_packets(receiver: socket.socket, record: Record) -> None:
    while True:
        receiver.recv(2048)
        record.add(receiver, "UDP")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, record: Record, context: ssl.SSLContext | None) -> None:
        super().__init__(listener.getsockname()[:2], partial(_Handler, record, context), bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def handle_error(self, *_: object) -> None:
        """Ignore errors: browsers disconnect early, and canaries record connections before."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(
        self, record: Record, context: ssl.SSLContext | None, connection: socket.socket, *rest: object
    ) -> None:
        self.record = record
        self.is_canary = connection.getsockname()[0] not in PUBLIC
        if self.is_canary:
            record.add(connection)
        connection.settimeout(10)
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        super().__init__(connection, *rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        status, headers, text = self._canary() if self.is_canary else self._attack(body)
        content = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", **_CORS, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_OPTIONS = do_HEAD = do_GET  # noqa: N815 - names that http.server calls

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _canary(self) -> Response:
        self.record.add(self.connection, self.path)
        return 200, {}, "<title>canary</title>the secret of the canary"

    def _attack(self, body: bytes) -> Response:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        secure = isinstance(self.connection, ssl.SSLSocket)
        canary = f"https://{CANARY}" if secure else f"http://{CANARY}"
        if parts.path == "/tried":
            self.record.tried.update(json.loads(body))
        if parts.path.startswith("/navigation/"):
            return navigation_attacks.NAVIGATIONS[parts.path.removeprefix("/navigation/")](canary)
        page = _ATTACK_PAGES.get(parts.path)
        return page(canary, query) if page else (200, {}, "")


def _vectors(canary: str, _: dict[str, str]) -> Response:
    constants = {"CANARY": canary, "SPELLINGS": SPELLINGS, "RTC_HOSTS": _RTC_HOSTS}
    declarations = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in constants.items())
    headers = {
        "Link": f"<{canary}/hit/link-header>; rel=preload; as=image, <{canary}/hit/link-preconnect>; rel=preconnect",
        "Content-Security-Policy-Report-Only": f"img-src 'none'; report-uri {canary}/hit/csp-report; report-to canary",
        "Reporting-Endpoints": f'canary="{canary}/hit/reporting"',
        "Report-To": json.dumps({"group": "canary", "max_age": 60, "endpoints": [{"url": f"{canary}/hit/report-to"}]}),
        "NEL": json.dumps({"report_to": "canary", "max_age": 60, "success_fraction": 1, "failure_fraction": 1}),
    }
    script = (_PAGES / "vectors.js").read_text()
    return 200, headers, f"<!doctype html><title>vectors</title><body><script>{declarations}{script}</script>"


def _go(_: str, query: dict[str, str]) -> Response:
    return int(query["status"]), {"Location": query["to"]}, ""


def _refresh(_: str, query: dict[str, str]) -> Response:
    return 200, {"Refresh": f"0; url={query['to']}"}, ""


def _worker(_: str, query: dict[str, str]) -> Response:
    return 200, {"Content-Type": "text/javascript"}, query["code"]


def _svg(_: str, query: dict[str, str]) -> Response:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><script href="{query["src"]}" /></svg>'
    return 200, {"Content-Type": "image/svg+xml"}, svg


def _xml(_: str, query: dict[str, str]) -> Response:
    return 200, {"Content-Type": "text/xml"}, f'<?xml-stylesheet type="text/xsl" href="{query["style"]}"?><x />'


_ATTACK_PAGES: dict[str, Callable[[str, dict[str, str]], Response]] = {
    "/vectors": _vectors,
    "/go": _go,
    "/refresh": _refresh,
    "/worker.js": _worker,
    "/script.svg": _svg,
    "/transformed.xml": _xml,
}
