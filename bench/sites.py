"""Real pages to photograph: demos in public npm packages, served on loopback with their CDN files beside them.

Packages are fetched once by ``npm pack`` into a folder of the user's and never change there: their versions are fixed.
"""

from __future__ import annotations

import http.server
import mimetypes
import os
import re
import subprocess
import tarfile
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

PAGES = {
    "agency": "startbootstrap-agency@7.0.12/dist/index.html",
    "clean-blog": "startbootstrap-clean-blog@6.0.9/dist/index.html",
    "clean-blog post": "startbootstrap-clean-blog@6.0.9/dist/post.html",
    "coming-soon": "startbootstrap-coming-soon@6.0.7/dist/index.html",
    "creative": "startbootstrap-creative@7.0.7/dist/index.html",
    "freelancer": "startbootstrap-freelancer@7.0.7/dist/index.html",
    "grayscale": "startbootstrap-grayscale@7.0.6/dist/index.html",
    "landing-page": "startbootstrap-landing-page@6.0.6/dist/index.html",
    "new-age": "startbootstrap-new-age@6.0.7/dist/index.html",
    "resume": "startbootstrap-resume@7.0.6/dist/index.html",
    "stylish-portfolio": "startbootstrap-stylish-portfolio@6.0.6/dist/index.html",
    "sb-admin": "startbootstrap-sb-admin@7.0.7/dist/index.html",
    "sb-admin charts": "startbootstrap-sb-admin@7.0.7/dist/charts.html",
    "sb-admin-2": "startbootstrap-sb-admin-2@4.1.4/index.html",
    "sb-admin-2 charts": "startbootstrap-sb-admin-2@4.1.4/charts.html",
    "AdminLTE 4": "admin-lte@4.0.0-rc4/dist/index.html",
    "AdminLTE 4 second": "admin-lte@4.0.0-rc4/dist/index2.html",
    "AdminLTE 4 third": "admin-lte@4.0.0-rc4/dist/index3.html",
    "AdminLTE 4 small boxes": "admin-lte@4.0.0-rc4/dist/widgets/small-box.html",
    "AdminLTE 4 timeline": "admin-lte@4.0.0-rc4/dist/UI/timeline.html",
    "Tabler": "@tabler/preview@1.2.0/dist/index.html",
    "Tabler charts": "@tabler/preview@1.2.0/dist/charts.html",
    "Tabler gallery": "@tabler/preview@1.2.0/dist/gallery.html",
    "Tabler widgets": "@tabler/preview@1.2.0/dist/widgets.html",
    "Tabler carousel": "@tabler/preview@1.2.0/dist/carousel.html",
    "Tabler masonry": "@tabler/preview@1.2.0/dist/cards-masonry.html",
    "Tabler placeholder": "@tabler/preview@1.2.0/dist/placeholder.html",
    "Tabler tables": "@tabler/preview@1.2.0/dist/datatables.html",
    "Tabler uptime": "@tabler/preview@1.2.0/dist/uptime.html",
    "Tabler maps": "@tabler/preview@1.2.0/dist/maps-vector.html",
    "reveal.js": "reveal.js@6.0.2/demo.html",
}
"""A page by name: package, version, path."""

_CDN = (
    (r"(?:https?:)?//cdn\.jsdelivr\.net/npm/", "/"),
    (r"https://use\.fontawesome\.com/releases/v([\d.]+)/", r"/@fortawesome/fontawesome-free@\1/"),
    (r"https://cdnjs\.cloudflare\.com/ajax/libs/Chart\.js/([\d.]+)/", r"/chart.js@\1/dist/"),
    (r"https://cdnjs\.cloudflare\.com/ajax/libs/simple-line-icons/([\d.]+)/", r"/simple-line-icons@\1/"),
    (r"https://cdnjs\.cloudflare\.com/ajax/libs/SimpleLightbox/([\d.]+)/", r"/simplelightbox@\1/dist/"),
)
"""Where the files of a CDN are on our server. What is not here is not found, as quickly."""
_PACKAGE = re.compile(r"/((?:@[\w.-]+/)?[\w.-]+@[\w.-]+)/(.+)")


class Shelf:
    """The unpacked packages."""

    def __init__(self, folder: Path | None = None) -> None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self._folder = folder or cache / "tintype-bench"
        self._fetching = threading.Lock()

    def file(self, path: str) -> Path | None:
        """The file under ``/package@version/path``; a package not there yet is fetched."""
        found = _PACKAGE.fullmatch(path)
        if not found:
            return None
        home = self._folder / found[1].replace("/", "+")
        with self._fetching:
            if not home.exists():
                self._fetch(found[1], home)
        file = (home / found[2]).resolve()
        return file if file.is_file() and file.is_relative_to(home.resolve()) else None

    def _fetch(self, package: str, home: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._folder) as scratch:
            command = ["npm", "pack", "--silent", "--pack-destination", scratch, package]
            with suppress(subprocess.CalledProcessError):  # what is not to be had is not found, and not asked for again
                subprocess.run(command, check=True, capture_output=True, timeout=120)
            unpacked = Path(scratch) / "unpacked"
            unpacked.mkdir()
            for archive in Path(scratch).glob("*.tgz"):
                with tarfile.open(archive) as tar:
                    tar.extractall(unpacked, filter="data")
            inner = list(unpacked.iterdir())
            (inner[0] if len(inner) == 1 else unpacked).rename(home)


class Sites(http.server.ThreadingHTTPServer):
    """All packages under one roof on a free port of loopback; started at once, daemon threads."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.shelf = shelf
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, page: str) -> str:
        """The address of one of ``PAGES``."""
        return f"http://127.0.0.1:{self.server_port}/{PAGES[page]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no news."""


class _Visit(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sites

    def do_GET(self) -> None:
        file = self.server.shelf.file(unquote(urlsplit(self.path).path))
        kind = mimetypes.guess_type(str(file))[0] or "application/octet-stream"
        body = _at_home(file.read_bytes(), kind) if file else b""
        self.send_response(200 if file else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _at_home(body: bytes, kind: str) -> bytes:
    """A page that finds its CDN files on our server."""
    if kind != "text/html":
        return body
    text = body.decode(errors="replace")
    for there, here in _CDN:
        text = re.sub(there, here, text)
    return re.sub(r' (?:integrity|crossorigin)="[^"]*"', "", text).encode()
