"""Test site on a free loopback port: files of folders, generated responses, a count of requests per path."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from harness import ROOT

PAGES = ROOT / "tests" / "site"
FOLDERS = (PAGES, ROOT / "tests" / "gallery/pages")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".css": "text/css",
    ".js": "text/javascript",
    ".woff2": "font/woff2",
}
_MAX_WAIT = 30.0
"""Seconds."""


class SiteServer:
    """Serves pages inside a ``with`` block; counts requests by path and query when they arrive."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders or FOLDERS
        self._visits: Counter[str] = Counter()
        self._changed = threading.Condition()
        self.stopping = threading.Event()
        self.release_held = threading.Event()
        """While it is not set, requests with ``held`` in the query wait."""
        self.release_held.set()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_MAX_WAIT)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        """The URL of ``/path?query`` on this site."""
        return f"http://127.0.0.1:{self.port}{path}"

    def visits(self, path: str) -> int:
        """Number of requests for exactly this path and query."""
        with self._changed:
            return self._visits[path]

    def total_visits(self) -> int:
        """Number of all requests."""
        with self._changed:
            return self._visits.total()

    def wait_for_visit(self, path: str, count: int = 1) -> None:
        """Return after ``count`` requests for the path."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._visits[path] >= count, _MAX_WAIT), f"no request for {path}"

    def count_visit(self, path: str) -> None:
        with self._changed:
            self._visits[path] += 1
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close their connection."""


Response = tuple[int, dict[str, str], bytes]


def _redirect(query: dict[str, str]) -> Response:
    return 302, {"Location": query["to"]}, b""


def _download(_: dict[str, str]) -> Response:
    return 200, {"Content-Type": "application/zip", "Content-Disposition": "attachment; filename=a.zip"}, b"PK\3\4"


def _pdf(_: dict[str, str]) -> Response:
    return 200, {"Content-Type": "application/pdf"}, b"%PDF-1.4\n%%EOF\n"


def _video(_: dict[str, str]) -> Response:
    return 200, {"Content-Type": "video/mp4"}, b"\0\0\0\x18ftypmp42"


def _nothing(_: dict[str, str]) -> Response:
    return 204, {}, b""


def _broken(query: dict[str, str]) -> Response:
    return int(query.get("status", "500")), {"Content-Type": "text/html"}, b""


def _text(_: dict[str, str]) -> Response:
    return 200, {"Content-Type": "text/plain"}, b"plain words\n"


def _cacheable(_: dict[str, str]) -> Response:
    return 200, {"Content-Type": "text/javascript", "Cache-Control": "public, max-age=3600"}, b"window.cached = true;\n"


RESPONSES: dict[str, Callable[[dict[str, str]], Response]] = {
    "/redirect": _redirect,
    "/download": _download,
    "/pdf": _pdf,
    "/video": _video,
    "/nothing": _nothing,
    "/broken": _broken,
    "/text": _text,
    "/cacheable": _cacheable,
}


def find(folders: tuple[Path, ...], path: str, query: dict[str, str]) -> Response:
    """The response of a site with these folders; ``status`` in the query sets the status of a page."""
    if path in RESPONSES:
        return RESPONSES[path](query)
    for folder in folders:
        file = folder / path.removeprefix("/")
        if file.is_file() and file.is_relative_to(folder):
            kind = {"Content-Type": TYPES.get(file.suffix, "application/octet-stream")}
            return int(query.get("status", "200")), kind, file.read_bytes()
    return 404, {"Content-Type": TYPES[".html"]}, (PAGES / "missing.html").read_bytes()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: SiteServer

    def do_GET(self) -> None:
        self.site.count_visit(self.path)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "held" in query:
            self.site.release_held.wait(_MAX_WAIT)
        if parts.path == "/hang":
            self.site.stopping.wait(_MAX_WAIT)
            return
        self.site.stopping.wait(int(query.get("wait", "0")) / 1000)  # milliseconds
        if parts.path == "/echo":
            values = "\n".join(self.headers.get_all(query["name"], []))
            self.respond(200, {"Content-Type": TYPES[".html"]}, f"<!doctype html><title>{values}</title><p>.".encode())
            return
        self.respond(*find(self.site.folders, parts.path, query))

    def respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
