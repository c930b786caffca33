"""Tests of the outgoing HTTP client, against real servers on loopback."""

from __future__ import annotations

import datetime as dt
import gzip
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tintype.network import outbound
from tintype.network.egress import AllowRule, Policy
from tintype.network.outbound import FetchError

BODY = b"||ads.example.net^\n" * 20
BOMB = gzip.compress(bytes(64 << 20))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])  # type: ignore[attr-defined]
        if self.path == "/drip":
            self._drip()
            return
        status, headers, body = self.server.answers.get(self.path, (404, {}, b""))  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """Send headers for as long as the client reads them."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.stopping.wait(0.02):  # type: ignore[attr-defined]
                self.wfile.write(b"X: y\r\n")
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A server on a free loopback port; ``answers`` by path, ``hosts`` as clients named them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stopping = threading.Event()
        self.hosts: list[str] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {
            "/list": (200, {}, BODY),
            "/moved": (302, {"Location": "/list"}, b""),
            "/circle": (302, {"Location": "/circle"}, b""),
            "/inside": (302, {"Location": "http://127.0.0.1:9/list"}, b""),
            "/metadata": (302, {"Location": "http://169.254.169.254/latest"}, b""),
            "/scheme": (302, {"Location": "file:///etc/passwd"}, b""),
            "/nowhere": (302, {}, b""),
            "/gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(BODY)),
            "/deflate": (200, {"Content-Encoding": "deflate"}, zlib.compress(BODY)),
            "/bomb": (200, {"Content-Encoding": "gzip"}, BOMB),
            "/twice": (200, {"Content-Encoding": "gzip, gzip"}, gzip.compress(BOMB)),
            "/torn": (200, {"Content-Encoding": "gzip"}, gzip.compress(BODY)[:-9]),
            "/junk": (200, {"Content-Encoding": "gzip"}, b"not gzip"),
            "/short": (200, {"Content-Length": "9999"}, BODY),
        }

    @property
    def policy(self) -> Policy:
        return Policy((AllowRule.parse(f"127.0.0.1:{self.server_port}"), AllowRule.parse(f"[::1]:{self.server_port}")))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.stopping.set()
        server.shutdown()


Get = Callable[[str], bytes]


@pytest.fixture
def get(server: Server) -> Get:
    return lambda path: outbound.fetch(f"http://127.0.0.1:{server.server_port}{path}", server.policy)


class TestRedirects:
    def test_follows_a_redirect(self, get: Get) -> None:
        assert get("/list") == get("/moved") == BODY

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("/circle", "more than 5 redirects"),
            ("/inside", "not a public web address"),
            ("/metadata", "not a public web address"),
            ("/scheme", "http://"),
            ("/nowhere", "more than 5 redirects"),
        ],
    )
    def test_rejects_a_redirect_that_a_first_url_may_not_name(self, path: str, reason: str, get: Get) -> None:
        with pytest.raises(FetchError, match=reason):
            get(path)


class TestPolicy:
    def test_denies_a_loopback_address(self, server: Server) -> None:
        with pytest.raises(FetchError):
            outbound.fetch(f"http://127.0.0.1:{server.server_port}/list", Policy())
        assert server.hosts == []

    def test_denies_a_public_name_that_resolves_to_a_private_address(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolve(monkeypatch, "93.184.216.34", "127.0.0.1")
        with pytest.raises(FetchError, match="not public"):
            outbound.fetch(f"http://lists.example.com:{server.server_port}/list", Policy())
        assert server.hosts == []

    def test_connects_to_the_checked_address_and_names_the_host(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lookups = resolve(monkeypatch, "127.0.0.1")
        host = f"lists.example.com:{server.server_port}"
        assert outbound.fetch(f"http://{host}/list", server.policy) == BODY
        assert (server.hosts, lookups) == ([host], ["lists.example.com"])

    def test_tries_the_next_address_when_one_refuses(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        resolve(monkeypatch, "::1", "127.0.0.1")
        assert outbound.fetch(f"http://lists.example.com:{server.server_port}/list", server.policy) == BODY


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Answer every lookup with these addresses; returns the names that were looked up."""
    names: list[str] = []

    class Resolver:
        def submit(self, host: str) -> Resolver:
            names.append(host)
            return self

        def result(self, _: float) -> tuple[object, ...]:
            return tuple(map(ip_address, addresses))

    monkeypatch.setattr(outbound, "Resolver", Resolver)
    return names


class TestLimits:
    def test_rejects_a_body_over_the_limit(self, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "MAX_BYTES", len(BODY) - 1)
        with pytest.raises(FetchError, match="longer"):
            get("/list")

    @pytest.mark.parametrize("path", ["/gzip", "/deflate"])
    def test_decompresses_a_body(self, path: str, get: Get) -> None:
        assert get(path) == BODY

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("/bomb", "longer than 32 MB"),
            ("/twice", "unsupported Content-Encoding"),
            ("/torn", "truncated"),
            ("/junk", "not valid gzip"),
            ("/short", "."),
            ("/missing", "127.0.0.1 returned status 404"),
        ],
    )
    def test_rejects_a_body_that_cannot_be_used(self, path: str, reason: str, get: Get) -> None:
        with pytest.raises(FetchError, match=reason):
            get(path)

    def test_ends_at_the_deadline_while_the_server_still_sends(self, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound, "_TOTAL_TIMEOUT", 0.3)
        begin = time.monotonic()
        with pytest.raises(FetchError, match="longer than"):
            get("/drip")
        assert time.monotonic() - begin < 30

    def test_reports_a_server_that_does_not_answer(self, server: Server) -> None:
        policy = server.policy
        server.server_close()
        with pytest.raises(FetchError, match="refused"):
            outbound.fetch(f"http://127.0.0.1:{server.server_port}/list", policy)


class TestTls:
    @pytest.fixture
    def authority(self, server: Server, tmp_path: Path) -> Path:
        """Serve TLS with a certificate for localhost that signs itself; returns its file."""
        file = certificate(tmp_path / "localhost.pem", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return file

    def test_accepts_a_trusted_certificate_for_the_name(
        self, server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert outbound.fetch(f"https://localhost:{server.server_port}/list", server.policy) == BODY

    @pytest.mark.usefixtures("authority")
    def test_rejects_an_untrusted_certificate(self, server: Server) -> None:
        with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
            outbound.fetch(f"https://localhost:{server.server_port}/list", server.policy)

    def test_rejects_a_certificate_for_another_name(
        self, server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        resolve(monkeypatch, "127.0.0.1")
        with pytest.raises(FetchError, match="ostname mismatch"):
            outbound.fetch(f"https://lists.example.com:{server.server_port}/list", server.policy)
        assert server.hosts == []


def certificate(path: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption()))
    return path
