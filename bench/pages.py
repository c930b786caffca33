"""Real pages for benchmarks: pages of public npm packages, each served as its own site on loopback.

``python -m bench.pages`` fetches them (``npm pack``, once, into a cache folder) and serves them until Ctrl-C. Files
that the pages load from public copies of npm packages are served from here too, so that the pages are complete
without the internet; requests to other hosts get 404. With ``--third-party`` pages carry tags of third parties
(``bench.third_party``), which are served here too.
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
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.third_party import hosts, responses

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


_TLS = b"\x16"
"""First byte of a TLS handshake: a browser has replaced http by https, and would wait for a response."""
COUNTS = "/-/requests.json"
"""Path of the number of requests to each third party."""


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
    third_party: bool = False

    @property
    def allowed(self) -> str:
        """Value for TINTYPE_ALLOW_ADDRESSES."""
        return f"127.0.0.0/24:{self.port}"

    @property
    def host(self) -> str:
        """Address of the first page."""
        return _address(self.names[0])

    def url(self, name: str, number: int = 0) -> str:
        """URL of a page with a number that makes it new to all caches."""
        return self.plain_url(name, number) + (f"&{hosts.FLAG}=1" if self.third_party else "")

    def plain_url(self, name: str, number: int = 0) -> str:
        """URL of a page without third parties."""
        page = urlsplit(_ALL[name][1]).path.rpartition("/")[2]
        return f"http://{_address(name)}:{self.port}/{page}?n={number}"


@contextmanager
def serve(
    names: Sequence[str] = tuple(PAGES), folder: Path = CACHE, *, latency: int = 0, third_party: bool = False
) -> Iterator[Sites]:
    """Serve pages for the duration of the block; ``latency``: milliseconds before each response.

    ``third_party``: pages carry tags of third parties; a capture needs their names (``hosts.enter_namespace``).
    """
    fetch(names, folder)
    command = [sys.executable, "-m", "bench.pages", "--folder", str(folder), "--latency", str(latency), *names]
    if third_party:
        _package(folder, responses.FONT_PACKAGE)
        command.append("--third-party")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield Sites(json.loads(server.stdout.readline())["port"], server.pid, tuple(names), third_party)
        finally:
            server.terminate()


def _address(name: str) -> str:
    return f"127.0.0.{_FIRST_ADDRESS + list(_ALL).index(name)}"


class ResponseCache:
    """HTTP responses by site and path, each read from disk once; counts the requests to third parties."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._roots = {_address(name): (folder / _ALL[name][0] / _ALL[name][1]).parent for name in names}
        self._ready: dict[tuple[str, str, str], bytes] = {}
        self.counts: Counter[str] = Counter()

    def respond(self, host: str, target: str) -> bytes:
        """A complete HTTP response."""
        parts, (name, _, port) = urlsplit(target), host.partition(":")
        path, query = unquote(parts.path), ""
        if path == COUNTS:
            return _http("200 OK", "application/json", json.dumps(self.counts).encode())
        if name in hosts.ADDRESSES:
            self.counts[name] += 1
            query = parts.query
        elif f"{hosts.FLAG}=" in parts.query:
            query = port
        key = name, path, query
        if key not in self._ready:
            is_third_party = name in hosts.ADDRESSES
            self._ready[key] = self._respond_for_others(path, query) if is_third_party else self._read(*key)
        return self._ready[key]

    def _respond_for_others(self, path: str, query: str) -> bytes:
        return _http("200 OK", *responses.respond(path, query, self._folder))

    def _read(self, host: str, path: str, port_of_others: str) -> bytes:
        root = self._folder if path.startswith("/npm/") else self._roots.get(host, self._folder)
        file = (root / path.removeprefix("/npm").lstrip("/")).resolve()
        if not file.is_relative_to(self._folder.resolve()) or not file.is_file():
            return _http("404 Not Found", "text/plain", b"not here\n")
        body = file.read_bytes()
        if file.suffix == ".html":
            page = rewrite_urls(body.decode())
            body = (hosts.add_tags(page, int(port_of_others)) if port_of_others else page).encode()
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
        if self._received.startswith(_TLS):
            self._transport.close()
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(fields.get("content-length", 0))
            if len(rest) < length:  # the rest of a beacon is still under way
                return
            self._received = rest[length:]
            self._respond(self._responses.respond(fields.get("host", ""), first.split(" ")[1]))

    def _respond(self, response: bytes) -> None:
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, response)
        else:
            self._transport.write(response)


async def _serve(names: Sequence[str], folder: Path, latency: float, *, third_party: bool) -> None:
    cache, loop = ResponseCache(names, folder), asyncio.get_running_loop()
    first, *others = pages = [_address(name) for name in names]
    server = await loop.create_server(lambda: Connection(cache, latency), first, 0)
    port = server.sockets[0].getsockname()[1]
    others += hosts.ADDRESSES.values() if third_party else ()
    if others:
        await loop.create_server(lambda: Connection(cache, latency), others, port)
    print(json.dumps({"port": port, "pages": [f"http://{host}:{port}/" for host in pages]}), flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=tuple(PAGES), choices=_ALL, metavar="NAME")
    parser.add_argument("--folder", type=Path, default=CACHE)
    parser.add_argument("--latency", type=int, default=0, help="milliseconds before each response")
    parser.add_argument("--third-party", action="store_true", help="also serve third parties")
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    folder = fetch(arguments.names, arguments.folder)
    asyncio.run(_serve(arguments.names, folder, arguments.latency / 1000, third_party=arguments.third_party))


def _end_with_parent() -> None:
    """Standard input ends with the parent process; on a terminal it does not."""
    if not sys.stdin.isatty():
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
