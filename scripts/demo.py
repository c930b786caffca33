"""The whole service once, unattended: ``make demo`` photographs the bundled page and leaves the pictures in demo/.

``python scripts/demo.py [FOLDER]``. Fails when any answer is not as it should be.
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
OURS = ("TINTYPE_", "S3_", "REDIS_", "SNAPSHARP_", "HOST", "PORT")
STARTING, STOPPING = 60.0, 60.0

SHOTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("light.png", "the page", {}),
    ("", "the same again", {}),
    ("light-320.webp", "as 320 px webp", {"thumb_width": 320, "format": "webp"}),
    ("", "the same again", {"thumb_width": 320, "format": "webp"}),
    ("light-640.avif", "as 640 px avif", {"thumb_width": 640, "format": "avif"}),
    ("dark.webp", "in dark mode", {"dark_mode": 1, "format": "webp"}),
    ("phone.webp", "on a phone", {"device": "iphone-15", "format": "webp"}),
    ("full.webp", "the whole page", {"full_page": 1, "format": "webp"}),
)
MISTAKES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("too narrow", {"width": 1}),
    ("inside our network", {"url": "http://10.0.0.1/"}),
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """The bundled page, without a line for each request."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def site(folder: Path = ROOT / "examples/site") -> Iterator[int]:
    """The bundled page, or another folder, on a free loopback port."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def service(allowed: str, python: str | Path = sys.executable, **settings: str) -> Iterator[httpx.Client]:
    """The service as an operator starts it, in a folder of its own that is gone afterwards."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
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
            process.wait(STOPPING)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Until the service answers, or an error when it does not."""
    deadline = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < deadline:
        try:
            client.get("/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("The service did not start; what it said is above.")


class Report:
    """The table that is printed in the end, and whether all went as it should."""

    def __init__(self) -> None:
        self.table = Table(
            "request", "status", "X-Cache", "type", "bytes", "ms", "file", box=None, padding=(0, 2, 0, 0)
        )
        self.good = True

    def add(self, what: str, answer: httpx.Response, ms: float, wanted: int, file: str = "") -> None:
        """One line; the answer's status should be ``wanted``."""
        self.good &= answer.status_code == wanted
        kind = answer.headers.get("Content-Type", "").partition(";")[0].removeprefix("application/")
        state = answer.headers.get("X-Cache", "")
        status = str(answer.status_code) if answer.status_code == wanted else f"[red]{answer.status_code}"
        self.table.add_row(what, status, state, kind, f"{len(answer.content):,}", f"{ms:.1f}", file)
        if answer.status_code != wanted:
            self.table.add_row(f"[red]{answer.text[:200]}")


def timed(client: httpx.Client, method: str, path: str, **more: Any) -> tuple[httpx.Response, float]:
    """An answer and its milliseconds."""
    begin = time.perf_counter()
    answer = client.request(method, path, **more)
    return answer, (time.perf_counter() - begin) * 1000


def show(client: httpx.Client, page: str, report: Report, pictures: Path) -> None:
    """Ask for everything once."""
    for file, what, options in SHOTS:
        answer, ms = timed(client, "GET", "/thumb", params={"url": page, **options})
        report.add(f"GET /thumb, {what}", answer, ms, httpx.codes.OK, f"{pictures.name}/{file}" if file else "")
        if file and answer.is_success:
            (pictures / file).write_bytes(answer.content)
    for what in ("for good", "the same again"):
        answer, ms = timed(client, "POST", "/persist", json={"url": page, "format": "webp"})
        cached = " (cached)" if answer.is_success and answer.json()["cached"] else ""
        report.add(f"POST /persist, {what}{cached}", answer, ms, httpx.codes.OK)
    if answer.is_success:
        stored, ms = timed(client, "GET", answer.json()["url"])
        report.add("GET /stored/…", stored, ms, httpx.codes.OK)
    for what, options in MISTAKES:
        answer, ms = timed(client, "GET", "/thumb", params={"url": page, **options})
        report.add(f"GET /thumb, {what}", answer, ms, httpx.codes.BAD_REQUEST)
    for path in ("/health", "/ready"):
        answer, ms = timed(client, "GET", path)
        report.add(f"GET {path}", answer, ms, httpx.codes.OK)


def main() -> int:
    """Zero when every answer was as it should be."""
    pictures = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "demo"
    pictures.mkdir(exist_ok=True)
    report = Report()
    with site() as port, service(f"127.0.0.1:{port}") as client:
        show(client, f"http://127.0.0.1:{port}/", report, pictures)
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(report.table)
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
