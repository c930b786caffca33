"""The tools that ``bench.captures`` compares: Tintype, a Playwright script and url-to-png, with the same Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import process_tree
from bench.pages import Sites
from harness.node import Node, free_port
from harness.waiting import eventually
from tintype.provision.find_browser import find_chromium

VIEWPORT = 1280, 720
_START_SECONDS, _END_SECONDS = 60, 10
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Captured:
    """One capture of a tool; without an image it has failed."""

    seconds: float
    body: bytes | None


CaptureFunction = Callable[[Sequence[str], int], tuple[float, list[Captured]]]
"""Captures URLs with a number of concurrent clients; returns the seconds of all, and each capture."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A running tool: the process whose tree is measured, and a function that captures URLs."""

    pid: int
    capture: CaptureFunction


def node(sites: Sites, scratch: Path, **env: str) -> Node:
    """Tintype with default settings and one worker; ``env`` replaces settings. Not started yet."""
    base = {"TINTYPE_ALLOW_ADDRESSES": sites.allowed, "TINTYPE_WORKERS": "1"}
    return Node(data=scratch / "ours", env={**base, **env})


def service(running: Node, **options: str) -> Tool:
    """Captures by a running node, with these options."""
    return Tool(running.process.pid, _over_http(lambda url: running.thumb(url, **options)))


@contextmanager
def url_to_png(checkout: Path, scratch: Path) -> Iterator[Tool]:
    """A built checkout of url-to-png with its own defaults, waiting for ``load``; raises SystemExit if it is not built.

    It gets the Chromium that Tintype uses, by a module that Node.js loads first, and is asked for the whole viewport.
    """
    main = checkout / "dist" / "main.js"
    if not main.is_file():
        raise SystemExit(f"{main} is missing: build url-to-png there (npm install, npm run build)")
    port, node = free_port(), shutil.which("node")
    if not node:
        raise SystemExit("node is missing, which runs url-to-png")
    own = {"BROWSER_WAIT_UNTIL": "load", "PORT": str(port), "LOG_LEVEL": "warn", "BENCH_CHROMIUM": str(find_chromium())}
    command = [node, "--import", (_HERE / "url_to_png_browser.mjs").as_uri(), str(main)]
    log = (scratch / "url-to-png.log").open("wb")
    width, height = map(str, VIEWPORT)
    size = {"viewportWidth": width, "viewportHeight": height, "width": width, "height": height}
    with (
        log,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client,
        subprocess.Popen(command, cwd=checkout, env={**os.environ, **own}, stdout=log, stderr=log) as process,
    ):
        try:
            if not eventually(lambda: _responds(client), within=_START_SECONDS):
                raise SystemExit(f"url-to-png did not start: {(scratch / 'url-to-png.log').read_text()[-1000:]}")
            yield Tool(process.pid, _over_http(lambda url: client.get("/", params={"url": url, **size})))
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt url-to-png, which then closes its browsers and exits; it does not exit at SIGTERM."""
    family = process_tree.members(process.pid)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _responds(client: httpx.Client) -> bool:
    try:
        return client.get("/ping").is_success
    except httpx.TransportError:
        return False


def _over_http(
    request: Callable[[str], httpx.Response],
) -> Callable[[Sequence[str], int], tuple[float, list[Captured]]]:
    """A function that captures URLs by requests of concurrent clients."""

    def capture_one(url: str) -> Captured:
        begin = time.perf_counter()
        try:
            response = request(url)
        except httpx.TransportError:
            return Captured(time.perf_counter() - begin, None)
        return Captured(time.perf_counter() - begin, response.content if response.is_success else None)

    def capture(urls: Sequence[str], callers: int) -> tuple[float, list[Captured]]:
        begin = time.perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            captured = list(pool.map(capture_one, urls))
        return time.perf_counter() - begin, captured

    return capture


@contextmanager
def playwright(python: str, scratch: Path) -> Iterator[Tool]:
    """The Playwright script, run by an interpreter that has Playwright."""
    script = _HERE / "playwright_baseline.py"
    command = [python, "-I", str(script), str(find_chromium()), str(scratch)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout

        def capture(urls: Sequence[str], callers: int) -> tuple[float, list[Captured]]:
            print(json.dumps({"urls": list(urls), "callers": callers}), file=process.stdin, flush=True)
            reply = json.loads(process.stdout.readline())
            bodies = [(scratch / f"{number}.png").read_bytes() for number in range(len(urls))]
            return reply["all"], [Captured(*each) for each in zip(reply["seconds"], bodies, strict=True)]

        yield Tool(process.pid, capture)
