"""HTTP server on loopback for one HTML file and what lies beside it, while ``tintype shot --html`` captures it.

The page gets an origin of its own and can load what is in its folder and below, and nothing else of this machine. Paths
begin with a random token, so that neither other users of the machine nor frames of other origins can read the files.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote, unquote_to_bytes

from tintype.commands.html_charset import content_type_of

MAX_FILE = 64 << 20
"""Bytes of one file."""
MAX_TOTAL = 512 << 20
"""Bytes of all responses of one capture."""
MAX_REQUESTS = 5_000
MAX_FAILURES = 1_000
"""Files that are remembered because they could not be loaded."""
_TIMEOUT = 30.0
"""Seconds of silence after which a connection is closed."""
_MORE_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".vtt": "text/vtt",
}
_TYPES = mimetypes.MimeTypes().types_map[True] | _MORE_TYPES
"""Content-Type by suffix, from the table of Python alone: files of the system must not decide how a page looks."""


class FileServer:
    """Serves a page and the files of its folder inside a ``with`` block.

    ``name`` is the path of the page in ``folder``, and ``html`` its content. ``failures`` maps the files that the page
    requested in vain to the reason.
    """

    def __init__(self, folder: Path, name: str, html: bytes) -> None:
        self.folder = folder.resolve()
        self.failures: dict[str, str] = {}
        self._prefix = f"/{secrets.token_urlsafe(24)}/"
        self._page = self._prefix + quote(name)
        self._html = html
        self._lock = threading.Lock()
        self._requests = self._bytes = 0
        self._server = _Server(("127.0.0.1", 0), type("_Handler", (_Handler,), {"files": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Address and port, as TINTYPE_ALLOW_ADDRESSES names them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        """The URL of the folder."""
        return f"http://{self.address}{self._prefix}"

    @property
    def page_url(self) -> str:
        """The URL of the page."""
        return f"http://{self.address}{self._page}"

    def html_at(self, path: str) -> bytes | None:
        """The page, if the path of a request is its own."""
        return self._html if path == self._page else None

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[tuple[BinaryIO, int, str]]:
        """Open the file of a request, with its size and Content-Type; raises Unavailable, and records it."""
        inside = path.startswith(self._prefix)
        name = os.fsdecode(unquote_to_bytes(path.removeprefix(self._prefix) if inside else path))
        try:
            if not inside:
                raise Unavailable("lies outside of the folder of the page")
            file = self._open(name)
        except Unavailable as error:
            self._record(name, str(error))
            raise
        with file:
            yield file, os.fstat(file.fileno()).st_size, _content_type(name, file)

    def _open(self, name: str) -> BinaryIO:
        try:
            path = (self.folder / name).resolve(strict=True)
            if not path.is_relative_to(self.folder):
                raise Unavailable("lies outside of the folder of the page")
            if any(part.startswith(".") for part in path.relative_to(self.folder).parts):
                raise Unavailable("is hidden: its name begins with a dot")
            file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: SIM115, PTH123
        except (OSError, ValueError, RuntimeError) as error:
            raise Unavailable("does not exist" if isinstance(error, FileNotFoundError) else "cannot be read") from None
        try:
            self._count(os.fstat(file.fileno()))
        except Unavailable:
            file.close()
            raise
        return file

    def _count(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise Unavailable("is not a file")
        if status.st_size > MAX_FILE:
            raise Unavailable(f"is larger than {MAX_FILE >> 20} MB")
        with self._lock:
            self._requests += 1
            self._bytes += status.st_size
            if self._requests > MAX_REQUESTS or self._bytes > MAX_TOTAL:
                raise Unavailable(f"is beyond the limit of {MAX_REQUESTS} files and {MAX_TOTAL >> 20} MB")

    def _record(self, name: str, reason: str) -> None:
        printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)[:300]
        with self._lock:
            if len(self.failures) < MAX_FAILURES and printable != "/favicon.ico":
                self.failures.setdefault(printable, reason)


class Unavailable(Exception):
    """The reason why a file is not served."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore browsers that close their connection before the end of a file."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT
    files: FileServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        html = self.files.html_at(path)
        if html is not None:
            self._send_head(len(html), content_type_of(html))
            self.wfile.write(html)
            return
        try:
            with self.files.open(path) as (file, size, content_type):
                self._send_head(size, content_type)
                shutil.copyfileobj(file, self.wfile)
        except Unavailable:
            self.send_response(HTTPStatus.NOT_FOUND)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send_head(self, size: int, content_type: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Log nothing."""


def _content_type(name: str, file: BinaryIO) -> str:
    """By the suffix; for names as wget saves them, ``style.css?v=3``, by the suffix before the question mark."""
    for text in (name, name.partition("?")[0]):
        suffix = Path(text).suffix.lower()
        if suffix in {".html", ".htm"}:
            start = file.read(1024)
            file.seek(0)
            return content_type_of(start)
        if found := _TYPES.get(suffix):
            return found
    return "application/octet-stream"
