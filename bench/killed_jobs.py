"""A job of a sitemap, during which the whole node is killed with SIGKILL: nothing lost, no page captured three times.

``python -m bench.killed_jobs [--pages 500] [--kills 2]``. The site is generated on loopback and counts its visits. At
equal parts of the job all processes of the node are killed and started again. Then the archive must have a thumbnail of
every page, and no page may have been loaded more than twice.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
import zipfile
from collections import Counter
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from harness.node import Node
from harness.waiting import eventually

TIMEOUT = 3600.0
"""Seconds for the whole job."""
_COLOURS = 360


class GeneratedSite(ThreadingHTTPServer):
    """Serves a sitemap and its pages, and counts the visits of each."""

    daemon_threads = True

    def __init__(self, pages: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.visits: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return self.server_port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: GeneratedSite

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.visits[self.path] += 1
        kind, body = self._document()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _document(self) -> tuple[str, str]:
        if self.path == "/sitemap.xml":
            urls = "".join(f"<url><loc>{self.server.origin}/{n}</loc></url>" for n in range(self.server.pages))
            return "application/xml", f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
        if (number := self.path.partition("?")[0].removeprefix("/")).isdecimal():
            style = f"background:hsl({int(number) % _COLOURS},60%,80%);font:80px sans-serif"
            return "text/html", f"<!doctype html><title>{number}</title><body style='{style}'><h1>Page {number}</h1>"
        return "text/plain", ""

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class KilledJob:
    """What was left of a job."""

    pages: int
    kills: int
    captured: int = 0
    archived: int = 0
    """Distinct thumbnails in the archive."""
    loaded_twice: int = 0
    """Pages that were loaded twice."""
    most_loads: int = 0
    """Loads of the page that was loaded most often."""
    longest_recovery: float = 0.0
    """Seconds from a kill to the next captured page, start of the node included."""
    seconds: float = 0.0

    @property
    def failures(self) -> list[str]:
        """What went wrong; empty if nothing was lost."""
        return [
            *([] if self.captured == self.pages else [f"{self.pages - self.captured} pages were not captured"]),
            *([] if self.archived == self.pages else [f"{self.pages - self.archived} pages are not in the archive"]),
            *([] if self.most_loads <= 2 else [f"a page was loaded {self.most_loads} times"]),  # noqa: PLR2004
        ]


def run(pages: int, kills: int, folder: Path) -> KilledJob:
    """Run a job in a node with its data in a folder, and kill the node."""
    result, begin = KilledJob(pages, kills), time.monotonic()
    with GeneratedSite(pages) as site:
        env = {
            "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.server_port}",
            "TINTYPE_JOB_HOST_CAPTURES": "64",
            "TINTYPE_TIMEOUT": "60s",
        }
        with Node(data=folder / "data", env=env) as node:
            path = submit(node, site)
            for number in range(1, kills + 1):
                wait_for_pages(node, path, pages * number // (kills + 1))
                result.longest_recovery = max(result.longest_recovery, _kill(node, path))
            read_end(result, node, path, site)
    result.seconds = time.monotonic() - begin
    return result


def read_end(result: KilledJob, node: Node, path: str, site: GeneratedSite) -> None:
    """Wait for the end of the job, and fill in what was captured, archived and loaded."""
    wait_for_pages(node, path, result.pages)
    assert eventually(lambda: _report(node, path)["ended_at"], within=TIMEOUT), node.output()
    result.captured = _report(node, path)["progress"]["captured"]
    archive = zipfile.ZipFile(BytesIO(node.client.get(f"{path}/archive", timeout=600).content))
    assert archive.testzip() is None
    result.archived = len({archive.read(name) for name in archive.namelist() if _is_thumbnail(name)})
    loads = [site.visits[f"/{number}"] for number in range(result.pages)]
    result.loaded_twice, result.most_loads = loads.count(2), max(loads)


def submit(node: Node, site: GeneratedSite) -> str:
    """Submit the job; returns its path."""
    job = node.client.post("/jobs", json={"sitemap": f"{site.origin}/sitemap.xml", "options": {"width": 400}})
    return f"/jobs/{job.raise_for_status().json()['id']}"


def _kill(node: Node, path: str) -> float:
    before, begin = _report(node, path)["progress"]["captured"], time.monotonic()
    node.kill()
    node.start()
    wait_for_pages(node, path, before + 1)
    return time.monotonic() - begin


def wait_for_pages(node: Node, path: str, captured: int) -> None:
    """Wait until so many pages are captured, or the job has ended."""

    def is_reached() -> bool:
        report = _report(node, path)
        return report["progress"]["captured"] >= captured or report["ended_at"]

    assert eventually(is_reached, within=TIMEOUT), node.output()


def _report(node: Node, path: str) -> dict[str, Any]:
    return dict(node.get(path).json())


def _is_thumbnail(name: str) -> bool:
    return not name.endswith((".json", ".html"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--kills", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments.pages, arguments.kills, Path(folder))
    print(json.dumps({**asdict(result), "failures": result.failures}, indent=2))
    raise SystemExit(bool(result.failures))


if __name__ == "__main__":
    main()
