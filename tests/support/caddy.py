"""Caddy with the shipped configuration, on free loopback ports, in front of a node."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from pathlib import Path
from typing import Self

import httpx

from harness.nginx import NAME, make_certificate, replace_all
from harness.node import free_port
from tests.support.concurrency import eventually
from tests.support.paths import ROOT

SHIPPED = ROOT / "deploy" / "Caddyfile"

_GLOBAL = """
	admin off
	auto_https disable_certs
	default_bind 127.0.0.1
	http_port {plain}
	https_port {port}
	servers {{"""


class Caddy:
    """Caddy in front of one port; a context manager."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.port, self.http_port, self.folder = free_port(), free_port(), folder
        folder.mkdir(mode=0o755)
        key, certificate = make_certificate(folder)
        changes = {
            "\n\tservers {": _GLOBAL.format(plain=self.http_port, port=self.port),
            f"\n{NAME} {{": f"\n{NAME} {{\n\ttls {certificate} {key}",
            "reverse_proxy 127.0.0.1:8000 {": f"reverse_proxy 127.0.0.1:{upstream} {{",
            "\tlog {": f"\tlog {{\n\t\toutput file {folder}/access.log",
        }
        (folder / "Caddyfile").write_text(replace_all(SHIPPED.read_text(), changes))
        trusted = ssl.create_default_context(cafile=str(certificate))
        self.client = httpx.Client(transport=httpx.HTTPTransport(verify=trusted, trust_env=False), timeout=60)

    def __enter__(self) -> Self:
        folders = {"XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(self.folder / "Caddyfile")]
        with (self.folder / "output.log").open("wb") as log:
            self._process = subprocess.Popen(command, env={**os.environ, **folders}, stdout=log, stderr=log)
        assert eventually(self._responds, within=30), self.output()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(30)

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: object = None
    ) -> httpx.Response:
        """Send a request with an unchanged query string, over TLS, with the host name of the shipped configuration."""
        all_headers = {"Host": NAME, **(headers or {})}
        url = f"https://127.0.0.1:{self.port}{path}"
        return self.client.request(method, url, headers=all_headers, json=body, extensions={"sni_hostname": NAME})

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path, headers)

    def output(self) -> str:
        """Its log."""
        return (self.folder / "output.log").read_text()

    def access_log(self) -> list[dict[str, object]]:
        """Its access log, one object per request."""
        log = self.folder / "access.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def _responds(self) -> bool:
        assert self._process.poll() is None, self.output()
        try:
            return self.get("/health").status_code in {200, 503}
        except httpx.TransportError:
            return False
