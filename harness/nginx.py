"""nginx with the shipped configuration, on free loopback ports, in front of one or two nodes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness import ROOT
from harness.node import free_port
from harness.waiting import eventually

SHIPPED = ROOT / "deploy" / "nginx"
NODES = SHIPPED.parent / "two-nodes" / "nodes.conf"
NAME = "thumbs.example.com"

_MAIN = """
include {folder}/main.conf;
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes {workers};
events {{}}
http {{
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/options.conf;
    include {folder}/tintype.conf;
}}
"""

_PLAIN_HTTP = {"ssl http2;": ";", "limit_req zone=tintype_hits burst=200 nodelay;": ""}


class NginxServer:
    """nginx in front of one or two ports; a context manager.

    ``bare``, for benchmarks: one worker process, without TLS and flood limit.
    ``cache_valid``: how long nginx caches a thumbnail.
    """

    def __init__(
        self, folder: Path, upstream: int, second: int = 0, *, bare: bool = False, cache_valid: str = "30s"
    ) -> None:
        self.port, self.http_port = free_port(), free_port()
        self._scheme = "http" if bare else "https"
        self.request_id = "test"
        """``X-Request-Id`` of later requests, to find them in the log of the service."""
        self.folder = folder
        folder.mkdir(mode=0o755)
        key, certificate = make_certificate(folder)
        changes = {
            "server 127.0.0.1:8000;": f"include {folder}/nodes.conf;" if second else f"server 127.0.0.1:{upstream};",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2;": "",
            "listen 80;": f"listen 127.0.0.1:{self.http_port};",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "/etc/letsencrypt/live/thumbs.example.com/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/thumbs.example.com/privkey.pem": str(key),
            "/var/cache/nginx/tintype": f"{folder}/cache",
            "/var/log/nginx/tintype.log": f"{folder}/access.log",
            "/var/www/acme": f"{folder}/acme",
            "proxy_cache_valid 200 30s;": f"proxy_cache_valid 200 {cache_valid};",
            **(_PLAIN_HTTP if bare else {}),
        }
        for name in ("main.conf", "options.conf"):
            shutil.copy(SHIPPED / name, folder)
        if second:
            nodes = {"north:8000": f"127.0.0.1:{upstream}", "south:8000": f"127.0.0.1:{second}"}
            (folder / "nodes.conf").write_text(replace_all(NODES.read_text(), nodes))
        (folder / "tintype.conf").write_text(replace_all((SHIPPED / "tintype.conf").read_text(), changes))
        (folder / "nginx.conf").write_text(
            _MAIN.format(folder=folder, user="user root;" if os.geteuid() == 0 else "", workers=1 if bare else 2)
        )
        self._tls = ssl.create_default_context(cafile=str(certificate))
        self.client = self._client()

    @property
    def pid(self) -> int:
        """Process id of the nginx master."""
        return self._process.pid

    def __enter__(self) -> Self:
        command = ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]
        with (self.folder / "output.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        assert eventually(self._responds, within=30), (self.folder / "output.log").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(30)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """GET a path with its unchanged query string, with the host name of the shipped configuration."""
        return self._request("GET", path, headers or {})

    def post(self, path: str, body: object) -> httpx.Response:
        """POST a JSON body."""
        return self._request("POST", path, {}, json=body)

    def _request(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        all_headers = {"Host": NAME, "X-Request-Id": self.request_id, **headers}
        url = f"{self._scheme}://127.0.0.1:{self.port}{path}"
        return self.client.request(method, url, headers=all_headers, extensions={"sni_hostname": NAME}, **more)

    @contextlib.contextmanager
    def from_address(self, address: str) -> Iterator[None]:
        """Send requests from another loopback address, as another client."""
        default, self.client = self.client, self._client(address)
        try:
            yield
        finally:
            self.client.close()
            self.client = default

    def _client(self, address: str | None = None) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self._tls, local_address=address, trust_env=False)
        return httpx.Client(transport=transport, trust_env=False, timeout=60)

    def _responds(self) -> bool:
        assert self._process.poll() is None, (self.folder / "output.log").read_text()
        try:
            return self.get("/health").status_code in {200, 503}
        except httpx.TransportError:
            return False


def replace_all(text: str, changes: dict[str, str]) -> str:
    """Make all replacements in a text; each old text must occur."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a private key and a self-signed certificate for the host name of the shipped configuration."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
    builder = builder.not_valid_after(now + dt.timedelta(days=2))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key_file.write_bytes(plain)
    certificate_file.write_bytes(signed.public_bytes(pem))
    return key_file, certificate_file
