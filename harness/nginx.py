"""A real nginx with the shipped configuration, on free loopback ports, in front of a node or two."""

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

_BARE = {"ssl http2;": ";", "limit_req zone=tintype_hits burst=200 nodelay;": ""}


class Edge:
    """nginx before one port or two; a context manager. For measuring, without TLS and the flood limit, on one core."""

    def __init__(self, folder: Path, behind: int, also: int = 0, *, bare: bool = False, keeps: str = "30s") -> None:
        self.port, self.plain = free_port(), free_port()
        self._scheme = "http" if bare else "https"
        self.signed = "test"
        """The id of the requests to come, by which the service's log knows them."""
        self.folder = folder
        folder.mkdir(mode=0o755)
        key, certificate = make_certificate(folder)
        changes = {
            "server 127.0.0.1:8000;": f"include {folder}/nodes.conf;" if also else f"server 127.0.0.1:{behind};",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2;": "",
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "/etc/letsencrypt/live/thumbs.example.com/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/thumbs.example.com/privkey.pem": str(key),
            "/var/cache/nginx/tintype": f"{folder}/cache",
            "/var/log/nginx/tintype.log": f"{folder}/access.log",
            "/var/www/acme": f"{folder}/acme",
            "proxy_cache_valid 200 30s;": f"proxy_cache_valid 200 {keeps};",
            **(_BARE if bare else {}),
        }
        for name in ("main.conf", "options.conf"):
            shutil.copy(SHIPPED / name, folder)
        if also:
            nodes = {"north:8000": f"127.0.0.1:{behind}", "south:8000": f"127.0.0.1:{also}"}
            (folder / "nodes.conf").write_text(replaced(NODES.read_text(), nodes))
        (folder / "tintype.conf").write_text(replaced((SHIPPED / "tintype.conf").read_text(), changes))
        (folder / "nginx.conf").write_text(
            _MAIN.format(folder=folder, user="user root;" if os.geteuid() == 0 else "", workers=1 if bare else 2)
        )
        self._trusted = ssl.create_default_context(cafile=str(certificate))
        self.client = self._client()

    @property
    def pid(self) -> int:
        """Its first process."""
        return self._process.pid

    def __enter__(self) -> Self:
        command = ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]
        with (self.folder / "output.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        assert eventually(self._answers, within=30), (self.folder / "output.log").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(30)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """A path with its query string as it is, over TLS by the shipped name."""
        return self._ask("GET", path, headers or {})

    def post(self, path: str, body: object) -> httpx.Response:
        """The same with a body of JSON."""
        return self._ask("POST", path, {}, json=body)

    def _ask(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        named = {"Host": NAME, "X-Request-Id": self.signed, **headers}
        url = f"{self._scheme}://127.0.0.1:{self.port}{path}"
        return self.client.request(method, url, headers=named, extensions={"sni_hostname": NAME}, **more)

    @contextlib.contextmanager
    def coming_from(self, address: str) -> Iterator[None]:
        """Ask as another client, of this loopback address."""
        usual, self.client = self.client, self._client(address)
        try:
            yield
        finally:
            self.client.close()
            self.client = usual

    def _client(self, address: str | None = None) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=self._trusted, local_address=address, trust_env=False)
        return httpx.Client(transport=transport, trust_env=False, timeout=60)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "output.log").read_text()
        try:
            return self.get("/health").status_code in {200, 503}
        except httpx.TransportError:
            return False


def replaced(text: str, changes: dict[str, str]) -> str:
    """A text with every change made; each must apply."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for the shipped name and loopback."""
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
