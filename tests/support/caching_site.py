"""Web servers on loopback whose responses tests define, and which record every request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

Headers = dict[str, str]
Response = tuple[int, Headers, str]
"""Status, header fields, body. A field with several values has them in lines."""
FOREVER = {"Cache-Control": "public, max-age=3600"}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class CachingSite:
    """A site on ``host``, inside a ``with`` block. ``pages`` are bodies, or functions of the request's headers."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Response | Callable[[Headers], Response]] = {}
        self._requests: list[tuple[str, Headers]] = []
        self._server = ThreadingHTTPServer((host, 0), type("_Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.address = f"{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def serve(self, path: str, body: str, **headers: str) -> None:
        """Respond to a path with a body; underscores in names of header fields are hyphens."""
        self.pages[path] = (200, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def requests(self, path: str) -> list[Headers]:
        """The header fields, in lower case, of each request for a path and query."""
        return [headers for each, headers in self._requests if each == path]

    def paths(self) -> list[str]:
        """Path and query of each request."""
        return [path for path, _ in self._requests]

    def forget_requests(self) -> None:
        self._requests.clear()

    def respond(self, path: str, headers: Headers) -> Response:
        self._requests.append((path, headers))
        page = self.pages.get(path.partition("?")[0], (404, {}, ""))
        return page(headers) if callable(page) else page


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: CachingSite

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, fields, body = self.site.respond(self.path, headers)
        self.send_response(status)
        kind = _TYPES.get(Path(self.path.partition("?")[0]).suffix, "text/html; charset=utf-8")
        for name, values in {"Content-Type": kind, **fields}.items():
            for value in values.split("\n"):
                self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        if status != 304:
            self.wfile.write(body.encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
