"""A site on a free loopback port: pages of some folders, some made-up answers, a count of visits per path."""

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
_PATIENCE = 30.0


class SiteServer:
    """A context manager. Visits are counted by path with query, as they arrive."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders or FOLDERS
        self._visits: Counter[str] = Counter()
        self._changed = threading.Condition()
        self.ending = threading.Event()
        self.gate = threading.Event()
        """While it is not set, requests with ``held`` in the query wait."""
        self.gate.set()
        self._server = _Server(("127.0.0.1", 0), type("Visit", (_Visit,), {"site": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_PATIENCE)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        """The address of ``/path?query`` on this site."""
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
            assert self._changed.wait_for(lambda: self._visits[path] >= count, _PATIENCE), f"no request for {path}"

    def note(self, path: str) -> None:
        with self._changed:
            self._visits[path] += 1
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news."""


Answer = tuple[int, dict[str, str], bytes]


def _redirect(query: dict[str, str]) -> Answer:
    return 302, {"Location": query["to"]}, b""


def _download(_: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "application/zip", "Content-Disposition": "attachment; filename=a.zip"}, b"PK\3\4"


def _pdf(_: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "application/pdf"}, b"%PDF-1.4\n%%EOF\n"


def _video(_: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "video/mp4"}, b"\0\0\0\x18ftypmp42"


def _nothing(_: dict[str, str]) -> Answer:
    return 204, {}, b""


def _broken(query: dict[str, str]) -> Answer:
    return int(query.get("status", "500")), {"Content-Type": "text/html"}, b""


def _text(_: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "text/plain"}, b"plain words\n"


def _cacheable(_: dict[str, str]) -> Answer:
    return 200, {"Content-Type": "text/javascript", "Cache-Control": "public, max-age=3600"}, b"window.cached = true;\n"


ANSWERS: dict[str, Callable[[dict[str, str]], Answer]] = {
    "/redirect": _redirect,
    "/download": _download,
    "/pdf": _pdf,
    "/video": _video,
    "/nothing": _nothing,
    "/broken": _broken,
    "/text": _text,
    "/cacheable": _cacheable,
}


def find(folders: tuple[Path, ...], path: str, query: dict[str, str]) -> Answer:
    """The response of a site with these folders; ``status`` in the query sets the status of a page."""
    if path in ANSWERS:
        return ANSWERS[path](query)
    for folder in folders:
        file = folder / path.removeprefix("/")
        if file.is_file() and file.is_relative_to(folder):
            kind = {"Content-Type": TYPES.get(file.suffix, "application/octet-stream")}
            return int(query.get("status", "200")), kind, file.read_bytes()
    return 404, {"Content-Type": TYPES[".html"]}, (PAGES / "missing.html").read_bytes()


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: SiteServer

    def do_GET(self) -> None:
        self.site.note(self.path)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "held" in query:
            self.site.gate.wait(_PATIENCE)
        if parts.path == "/hang":
            self.site.ending.wait(_PATIENCE)
            return
        self.site.ending.wait(int(query.get("wait", "0")) / 1000)  # milliseconds
        if parts.path == "/echo":
            said = "\n".join(self.headers.get_all(query["name"], []))
            self.answer(200, {"Content-Type": TYPES[".html"]}, f"<!doctype html><title>{said}</title><p>.".encode())
            return
        self.answer(*find(self.site.folders, parts.path, query))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        if status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests are silent."""
