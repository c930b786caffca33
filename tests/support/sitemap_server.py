"""An HTTP server on loopback whose files, redirects and statuses a test sets; for sitemaps and robots.txt."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tintype.network.egress import AllowRule, Policy
from tintype.urls import TargetPolicy

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


class SitemapServer:
    """A context manager. ``files`` by path; a redirect is a text, a status a number, and None never responds."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | str | int | None] = {"/robots.txt": b""}
        self.requests: list[str] = []
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = False  # so that the end of the server closes every connection
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

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def targets(self) -> TargetPolicy:
        """Targets of a service that permits this server."""
        return TargetPolicy(Policy((AllowRule.parse(f"127.0.0.1:{self.port}"),)))

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"

    def urlset(self, paths: Iterable[str], head: str = "") -> bytes:
        entries = "".join(f"<url><loc>{self.url(path)}</loc></url>" for path in paths)
        return f"<?xml version='1.0'?>{head}<urlset {_NAMESPACE}>{entries}</urlset>".encode()

    def index(self, *paths: str) -> bytes:
        entries = "".join(f"<sitemap><loc>{self.url(path)}</loc></sitemap>" for path in paths)
        return f"<sitemapindex {_NAMESPACE}>{entries}</sitemapindex>".encode()


class _Handler(BaseHTTPRequestHandler):
    site: SitemapServer
    timeout = 5
    """Seconds for a request to arrive: browsers open connections that they do not use."""

    def do_GET(self) -> None:
        self.site.requests.append(self.path)
        found = self.site.files.get(self.path, 404)
        if found is None:
            self.site.stopping.wait()
            return
        self.send_response(found if isinstance(found, int) else 302 if isinstance(found, str) else 200)
        if isinstance(found, str):
            self.send_header("Location", found)
        body = found if isinstance(found, bytes) else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
