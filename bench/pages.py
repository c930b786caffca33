"""Real pages for benchmarks: pages of public npm packages, each served as its own site on loopback.

``python -m bench.pages`` fetches them (``npm pack``, once, into a cache folder) and serves them until Ctrl-C. Files
that the pages load from public copies of npm packages are served from here too, so that the pages are complete
without the internet; requests to other hosts get 404.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mimetypes
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

PAGES = {
    "agency": ("startbootstrap-agency@7.0.12", "dist/index.html"),
    "clean-blog": ("startbootstrap-clean-blog@6.0.9", "dist/index.html"),
    "creative": ("startbootstrap-creative@7.0.7", "dist/index.html"),
    "freelancer": ("startbootstrap-freelancer@7.0.7", "dist/index.html"),
    "grayscale": ("startbootstrap-grayscale@7.0.6", "dist/index.html"),
    "landing-page": ("startbootstrap-landing-page@6.0.6", "dist/index.html"),
    "sb-admin-2": ("startbootstrap-sb-admin-2@4.1.4", "index.html"),
    "admin-lte": ("admin-lte@4.0.0-rc3", "dist/index.html"),
    "reveal": ("reveal.js@5.1.0", "demo.html"),
    "tabler": ("@tabler/preview@1.2.0", "dist/index.html"),
    "tabler-gallery": ("@tabler/preview@1.2.0", "dist/gallery.html"),
}
"""Page name to package and path."""
MORE = {
    "clean-blog-post": ("startbootstrap-clean-blog@6.0.9", "dist/post.html"),
    "coming-soon": ("startbootstrap-coming-soon@6.0.7", "dist/index.html"),
    "new-age": ("startbootstrap-new-age@6.0.7", "dist/index.html"),
    "resume": ("startbootstrap-resume@7.0.6", "dist/index.html"),
    "stylish-portfolio": ("startbootstrap-stylish-portfolio@6.0.6", "dist/index.html"),
    "sb-admin": ("startbootstrap-sb-admin@7.0.7", "dist/index.html"),
    "sb-admin-charts": ("startbootstrap-sb-admin@7.0.7", "dist/charts.html"),
    "sb-admin-2-charts": ("startbootstrap-sb-admin-2@4.1.4", "charts.html"),
    "admin-lte-second": ("admin-lte@4.0.0-rc3", "dist/index2.html"),
    "admin-lte-third": ("admin-lte@4.0.0-rc3", "dist/index3.html"),
    "tabler-charts": ("@tabler/preview@1.2.0", "dist/charts.html"),
    "tabler-widgets": ("@tabler/preview@1.2.0", "dist/widgets.html"),
    "tabler-carousel": ("@tabler/preview@1.2.0", "dist/carousel.html"),
    "tabler-masonry": ("@tabler/preview@1.2.0", "dist/cards-masonry.html"),
    "tabler-placeholder": ("@tabler/preview@1.2.0", "dist/placeholder.html"),
    "tabler-tables": ("@tabler/preview@1.2.0", "dist/datatables.html"),
    "tabler-uptime": ("@tabler/preview@1.2.0", "dist/uptime.html"),
    "tabler-maps": ("@tabler/preview@1.2.0", "dist/maps-vector.html"),
}
"""Pages on which readiness is hard to detect."""
_ALL = PAGES | MORE

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "tintype-bench"

# Versions that were never published on npm are replaced by the next version.
_COPIES = (
    (re.compile(r"https?://cdn\.jsdelivr\.net/npm/"), "/npm/"),
    (re.compile(r"https?://use\.fontawesome\.com/releases/v([0-9.]+)/"), r"/npm/@fortawesome/fontawesome-free@\1/"),
    (re.compile(r"https?://cdnjs\.cloudflare\.com/ajax/libs/Chart\.js/([0-9.]+)/"), r"/npm/chart.js@\1/dist/"),
    (
        re.compile(r"https?://cdnjs\.cloudflare\.com/ajax/libs/simple-line-icons/([0-9.]+)/"),
        r"/npm/simple-line-icons@\1/",
    ),
    (
        re.compile(r"https?://cdnjs\.cloudflare\.com/ajax/libs/SimpleLightbox/2\.1\.[0-9]+/simpleLightbox"),
        r"/npm/simplelightbox@2.1.5/dist/simple-lightbox",
    ),
    (re.compile(r"""((?:src|href)=["'])https?://[^"']+(["'][^>]*rel=["']stylesheet)"""), r"\1/elsewhere\2"),
    (re.compile(r"""(<link[^>]*(?:stylesheet|preconnect)[^>]*href=["'])https?://[^"']+"""), r"\1/elsewhere"),
    (re.compile(r"""(src=["'])https?://[^"']+"""), r"\1/elsewhere"),
    (re.compile(r"""(@import url\(["']?)https?://[^"')]+"""), r"\1/elsewhere"),
    (re.compile(r"""\s(?:integrity|crossorigin)=["'][^"']*["']"""), ""),
)
_LIBRARY = re.compile(r"/npm/((?:@[^/\s\"']+/)?[^@/\s\"']+@[^/\s\"']+)/")
_FIRST_ADDRESS = 11
"""Sites are 127.0.0.11, 127.0.0.12, …, so that they are cross-site to each other."""


def fetch(names: Sequence[str] = tuple(PAGES), folder: Path = CACHE) -> Path:
    """Fetch the packages of the pages and their libraries into a folder; raises OSError if npm fails."""
    for package, page in [_ALL[name] for name in names]:
        source = (_package(folder, package) / page).read_text(encoding="utf-8")
        for library in dict.fromkeys(_LIBRARY.findall(rewrite_urls(source))):
            _package(folder, library)
    return folder


def rewrite_urls(source: str) -> str:
    """Rewrite a page so that it loads only from its own site."""
    for pattern, copy in _COPIES:
        source = pattern.sub(copy, source)
    return source


def _package(folder: Path, package: str) -> Path:
    """Folder of a package, fetched if missing."""
    package_folder = folder / package
    if package_folder.is_dir():
        return package_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = ["npm", "pack", package, "--json", "--pack-destination", scratch]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"npm pack {package}: {done.stderr.strip()[-300:]}")
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
            archive.extractall(Path(scratch) / "out", filter="data")
        package_folder.parent.mkdir(parents=True, exist_ok=True)
        next((Path(scratch) / "out").iterdir()).rename(package_folder)
    return package_folder


@dataclass(frozen=True, slots=True)
class Sites:
    """Serves every page on its own site, in a separate process."""

    port: int
    pid: int
    names: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """Value for TINTYPE_ALLOW_ADDRESSES."""
        return f"127.0.0.0/24:{self.port}"

    def url(self, name: str, number: int = 0) -> str:
        """URL of a page with a number that makes it new to all caches."""
        page = urlsplit(_ALL[name][1]).path.rpartition("/")[2]
        return f"http://{_address(name)}:{self.port}/{page}?n={number}"


@contextmanager
def serve(names: Sequence[str] = tuple(PAGES), folder: Path = CACHE, *, latency: int = 0) -> Iterator[Sites]:
    """Serve pages for the duration of the block; ``latency``: milliseconds before each response."""
    fetch(names, folder)
    command = [sys.executable, "-m", "bench.pages", "--folder", str(folder), "--latency", str(latency), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield Sites(json.loads(server.stdout.readline())["port"], server.pid, tuple(names))
        finally:
            server.terminate()


def _address(name: str) -> str:
    return f"127.0.0.{_FIRST_ADDRESS + list(_ALL).index(name)}"


class ResponseCache:
    """HTTP responses by site and path, each read from disk once."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._roots = {_address(name): (folder / _ALL[name][0] / _ALL[name][1]).parent for name in names}
        self._ready: dict[tuple[str, str], bytes] = {}

    def respond(self, host: str, target: str) -> bytes:
        """A complete HTTP response."""
        path = unquote(urlsplit(target).path)
        key = host.partition(":")[0], path
        if key not in self._ready:
            self._ready[key] = self._read(*key)
        return self._ready[key]

    def _read(self, host: str, path: str) -> bytes:
        root = self._folder if path.startswith("/npm/") else self._roots.get(host, self._folder)
        file = (root / path.removeprefix("/npm").lstrip("/")).resolve()
        if not file.is_relative_to(self._folder.resolve()) or not file.is_file():
            return _http("404 Not Found", "text/plain", b"not here\n")
        body = file.read_bytes()
        if file.suffix == ".html":
            body = rewrite_urls(body.decode()).encode()
        return _http("200 OK", mimetypes.guess_type(file.name)[0] or "application/octet-stream", body)


def _http(status: str, kind: str, body: bytes) -> bytes:
    cors = "Access-Control-Allow-Origin: *\r\nCache-Control: max-age=3600\r\n"
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{cors}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One keep-alive connection, which sends each response after some seconds."""

    def __init__(self, responses: ResponseCache, latency: float) -> None:
        self._responses = responses
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            first, *fields = head.decode("latin-1").split("\r\n")
            host = next((field[5:].strip() for field in fields if field.lower().startswith("host:")), "")
            self._respond(self._responses.respond(host, first.split(" ")[1]))

    def _respond(self, response: bytes) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, response)
        else:
            self._transport.write(response)


async def _serve(names: Sequence[str], folder: Path, latency: float) -> None:
    responses, loop = ResponseCache(names, folder), asyncio.get_running_loop()
    first, *others = hosts = [_address(name) for name in names]
    server = await loop.create_server(lambda: Connection(responses, latency), first, 0)
    port = server.sockets[0].getsockname()[1]
    if others:
        await loop.create_server(lambda: Connection(responses, latency), others, port)
    print(json.dumps({"port": port, "pages": [f"http://{host}:{port}/" for host in hosts]}), flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=tuple(PAGES), choices=_ALL, metavar="NAME")
    parser.add_argument("--folder", type=Path, default=CACHE)
    parser.add_argument("--latency", type=int, default=0, help="milliseconds before each response")
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(arguments.names, fetch(arguments.names, arguments.folder), arguments.latency / 1000))


def _end_with_parent() -> None:
    """Standard input ends with the parent process; on a terminal it does not."""
    if not sys.stdin.isatty():
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
