"""Runs the service once over all routes: ``make demo`` captures the bundled page into demo/.

``python scripts/demo.py [FOLDER]``. Exits with 1 if a response has an unexpected status.
"""

from __future__ import annotations

import functools
import http.server
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
SETTING_PREFIXES = ("TINTYPE_", "S3_", "REDIS_", "SNAPSHARP_", "HOST", "PORT")
START_TIMEOUT = STOP_TIMEOUT = 60.0
"""Seconds."""

SHOTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("light.png", "the page", {}),
    ("", "the same request again", {}),
    ("light-320.webp", "as 320 px webp", {"thumb_width": 320, "format": "webp"}),
    ("", "the same request again", {"thumb_width": 320, "format": "webp"}),
    ("light-640.avif", "as 640 px avif", {"thumb_width": 640, "format": "avif"}),
    ("dark.webp", "in dark mode", {"dark_mode": 1, "format": "webp"}),
    ("phone.webp", "on a phone", {"device": "iphone-15", "format": "webp"}),
    ("full.webp", "the whole page", {"full_page": 1, "format": "webp"}),
)
INVALID: tuple[tuple[str, dict[str, Any]], ...] = (
    ("too narrow", {"width": 1}),
    ("an internal address", {"url": "http://10.0.0.1/"}),
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without logging requests."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def site(folder: Path = ROOT / "examples/site") -> Iterator[int]:
    """Serve the bundled page, or another folder, on a free loopback port; yields the port."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def service(allowed: str, python: str | Path = sys.executable, **settings: str) -> Iterator[httpx.Client]:
    """Run ``tintype serve`` in a temporary folder; yields a client. ``allowed``: TINTYPE_ALLOW_ADDRESSES."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTING_PREFIXES)}
    if chromium := os.environ.get("TINTYPE_CHROMIUM"):
        kept["TINTYPE_CHROMIUM"] = chromium
    if str(python) != sys.executable:
        kept.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory(prefix="tintype-demo-") as folder:
        env = {**kept, "PORT": str(port), "TINTYPE_DATA_DIR": folder, "TINTYPE_ALLOW_ADDRESSES": allowed}
        env |= {"TINTYPE_WORKERS": "2", "TINTYPE_LOG_LEVEL": "error", "TINTYPE_DAEMON_IDLE_TIMEOUT": "1s", **settings}
        process = subprocess.Popen([str(python), "-m", "tintype", "serve"], env=env, cwd=folder)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False) as client:
                wait_for(client, process)
                yield client
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_TIMEOUT)


def free_port() -> int:
    """An unused loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Wait until the service responds; exits if it does not start."""
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            client.get("/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("The service did not start; its messages are above.")


class Report:
    """Table of responses; ``succeeded`` if all had the expected status."""

    def __init__(self) -> None:
        self.table = Table(
            "request", "status", "X-Cache", "type", "bytes", "ms", "file", box=None, padding=(0, 2, 0, 0)
        )
        self.succeeded = True

    def add(self, what: str, response: httpx.Response, ms: float, expected: int, file: str = "") -> None:
        """Add a row."""
        self.succeeded &= response.status_code == expected
        kind = response.headers.get("Content-Type", "").partition(";")[0].removeprefix("application/")
        state = response.headers.get("X-Cache", "")
        status = str(response.status_code) if response.status_code == expected else f"[red]{response.status_code}"
        self.table.add_row(what, status, state, kind, f"{len(response.content):,}", f"{ms:.1f}", file)
        if response.status_code != expected:
            self.table.add_row(f"[red]{response.text[:200]}")


def timed(client: httpx.Client, method: str, path: str, **more: Any) -> tuple[httpx.Response, float]:
    """A response and its duration in milliseconds."""
    begin = time.perf_counter()
    response = client.request(method, path, **more)
    return response, (time.perf_counter() - begin) * 1000


def run(client: httpx.Client, page: str, report: Report, folder: Path) -> None:
    """Request every route once."""
    for file, what, options in SHOTS:
        response, ms = timed(client, "GET", "/thumb", params={"url": page, **options})
        report.add(f"GET /thumb, {what}", response, ms, httpx.codes.OK, f"{folder.name}/{file}" if file else "")
        if file and response.is_success:
            (folder / file).write_bytes(response.content)
    for what in ("stored", "the same request again"):
        response, ms = timed(client, "POST", "/persist", json={"url": page, "format": "webp"})
        cached = " (cached)" if response.is_success and response.json()["cached"] else ""
        report.add(f"POST /persist, {what}{cached}", response, ms, httpx.codes.OK)
    if response.is_success:
        stored, ms = timed(client, "GET", response.json()["url"])
        report.add("GET /stored/…", stored, ms, httpx.codes.OK)
    for what, options in INVALID:
        response, ms = timed(client, "GET", "/thumb", params={"url": page, **options})
        report.add(f"GET /thumb, {what}", response, ms, httpx.codes.BAD_REQUEST)
    for path in ("/health", "/ready"):
        response, ms = timed(client, "GET", path)
        report.add(f"GET {path}", response, ms, httpx.codes.OK)


def main() -> int:
    """Run the demo; 0 if every response had the expected status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "demo"
    folder.mkdir(exist_ok=True)
    report = Report()
    with site() as port, service(f"127.0.0.1:{port}") as client:
        run(client, f"http://127.0.0.1:{port}/", report, folder)
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(report.table)
    return 0 if report.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
