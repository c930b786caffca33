"""Benchmark of cache hits against nginx's static files and the common recipe: requests per second and CPU time.

``python -m bench.hits [--rounds N] [--seconds N] [--sizes 10,60] [--recipe PYTHON]``. Every server, its Redis included,
runs on core 0, the load generator on core 1; contestants alternate, and the table shows medians over the rounds.
Tintype limits rates and logs every hit; nginx logs nothing. Requires ``nginx`` and ``wrk`` (apt install nginx-light
wrk), and for the recipe flask-limiter: PYTHON is an interpreter that has it (``pip install 'tintype[bench]'``).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from rich.console import Console
from rich.table import Table

from bench import load, process_tree
from bench.load import Ask, Seen
from harness.nginx import Edge
from harness.node import GUNICORN, SERVE, Node, free_port
from harness.servers import RedisServer
from tintype import backends
from tintype.application import build_application
from tintype.model import Thumbnail, digest_of
from tintype.service.thumbnail_cache import ThumbnailCache
from tintype.settings import Settings

SERVERS, LOAD = 0, 1
"""CPU cores."""
PAGES = 500
PLENTY = "1000000000 per minute"
TARGETS = {
    "embedded": "A1: 0.40 × nginx, 40 × recipe",
    "limiter in Redis": "A2: 0.17 × nginx, 18 × recipe",
    "304": "A3: 0.45 × nginx",
    "behind the edge": "A4: 0.75 × nginx",
}


@dataclass
class Contestant:
    """A server under load; the CPU time of ``members`` and their descendants is counted."""

    port: int
    asks: Callable[[int], Sequence[Ask]]
    members: Sequence[int]
    seen: dict[int, list[Seen]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)

    def run(self, size: int, seconds: int) -> None:
        before = sum(map(process_tree.cpu, self.members))
        seen = load.hammer(self.port, self.asks(size), seconds, LOAD)
        self.seen.setdefault(size, []).append(seen)
        self.cpu.setdefault(size, []).append((sum(map(process_tree.cpu, self.members)) - before) / seen.requests * 1e6)


def picture(size: int, number: int) -> bytes:
    """Incompressible bytes, different for each thumbnail."""
    return number.to_bytes(8, "big") + os.urandom((size << 10) - 8)


def page(size: int, number: int) -> str:
    return f"https://site{number}.example.com/{size}"


def query(size: int, number: int) -> str:
    return f"/thumb?url={quote(page(size, number), safe='')}&thumb_width=320&format=jpeg"


def fill(environ: dict[str, str], sizes: Sequence[int]) -> dict[int, list[str]]:
    """Fill the cache of a service with these settings; returns entity tags by size."""
    settings = Settings.load(environ, None)
    state, parts = backends.open_state(settings), build_application(settings)
    tags: dict[int, list[str]] = {}
    memory = ThumbnailCache(state.records, state.masters, 60)
    for size in sizes:
        tags[size] = []
        for number in range(PAGES):
            pairs = [("url", page(size, number)), ("thumb_width", "320"), ("format", "jpeg")]
            body = picture(size, number)
            made = Thumbnail(
                body=body, mime="image/jpeg", width=320, height=180, taken_at=time.time(), digest=digest_of(body)
            )
            memory.put_thumbnail(parts.request_parser.parse(pairs).capture_request, made, 86_400)
            tags[size].append(made.etag)
    return tags


@contextmanager
def nginx(scratch: Path, sizes: Sequence[int]) -> Iterator[Contestant]:
    """Static files of nginx."""
    binary, port = shutil.which("nginx") or "/usr/sbin/nginx", free_port()
    root = scratch / "static"
    for size in sizes:
        (root / str(size)).mkdir(parents=True)
        for number in range(PAGES):
            (root / str(size) / f"{number}.jpg").write_bytes(picture(size, number))
    scratch.chmod(0o755)
    (scratch / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;"
        "events { worker_connections 512; } http { sendfile on; tcp_nopush on; access_log off;"
        "keepalive_requests 1000000; types { image/jpeg jpg; }"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}"
    )
    with ended(subprocess.Popen([binary, "-c", str(scratch / "nginx.conf")], stderr=subprocess.DEVNULL)) as process:
        yield Contestant(port, lambda size: [Ask(f"/{size}/{n}.jpg") for n in range(PAGES)], [process.pid])


@contextmanager
def recipe(python: str, server: RedisServer, sizes: Sequence[int]) -> Iterator[Contestant]:
    """The recipe: Flask, four sync workers of gunicorn, redis-py, flask-limiter."""
    port, here = free_port(), Path(__file__).parent
    environ = {**os.environ, "REDIS_URL": server.unix_url, "THUMB_LIMIT": PLENTY}
    command = [python, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "--log-level", "error", "recipe:app"]
    keys = subprocess.run(
        [python, "-c", KEYS, json.dumps([page(s, n) for s in sizes for n in range(PAGES)])],
        cwd=here,
        env=environ,
        check=True,
        capture_output=True,
    ).stdout.split()
    client = Redis.from_url(server.unix_url)
    for key, (size, number) in zip(keys, ((s, n) for s in sizes for n in range(PAGES)), strict=True):
        client.set(key, picture(size, number))
    with ended(subprocess.Popen(command, cwd=here, env=environ)) as process:
        yield Contestant(port, lambda size: [Ask(query(size, n)) for n in range(PAGES)], [process.pid, server.pid])


KEYS = """
import json, sys, recipe
for url in json.loads(sys.argv[1]):
    print(recipe.key_of({**recipe.DEFAULTS, "url": url, "thumb_width": "320", "format": "jpeg"}))
"""


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Terminate a process at the end of the block."""
    try:
        time.sleep(2)
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended immediately")
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def ours(
    data: Path, sizes: Sequence[int], command: tuple[str, ...] = SERVE, server: RedisServer | None = None, **more: str
) -> Iterator[dict[str, Contestant]]:
    """The service without a browser, because nothing is captured: hits and 304 responses."""
    environ = {
        "TINTYPE_DATA_DIR": str(data),
        "TINTYPE_WORKERS": "1",
        "TINTYPE_ENGINE": "unix:///nowhere",
        "TINTYPE_THUMB_LIMIT": PLENTY,
        "TINTYPE_LIMIT_EXEMPT": "",
        **({"REDIS_URL": server.unix_url} if server else {}),
        **more,
    }
    tags = fill(environ, sizes)
    with Node(data=data, env=environ, command=command) as node:
        members = [node.process.pid, *([server.pid] if server else [])]
        yield {
            "hits": Contestant(node.port, lambda size: [Ask(query(size, n)) for n in range(PAGES)], members),
            "304": Contestant(
                node.port, lambda size: [Ask(query(size, n), tag) for n, tag in enumerate(tags[size])], members
            ),
        }


def contestants(stack: ExitStack, sizes: Sequence[int], python: str) -> dict[str, Contestant]:
    """Start all available contestants on one core; report missing ones."""
    scratch, found = Path(stack.enter_context(tempfile.TemporaryDirectory())), {}
    if shutil.which("nginx") or Path("/usr/sbin/nginx").exists():
        found["nginx static"] = stack.enter_context(nginx(scratch, sizes))
    else:
        report("nginx is missing: apt install nginx-light")
    if subprocess.run([python, "-c", "import flask_limiter"], check=False, capture_output=True).returncode == 0:
        found["recipe"] = stack.enter_context(recipe(python, stack.enter_context(RedisServer()), sizes))
    else:
        report("the recipe is left out: pip install 'tintype[bench]', or --recipe with a Python that has flask-limiter")
    embedded = stack.enter_context(ours(scratch / "embedded", sizes))
    found |= {"embedded": embedded["hits"], "304": embedded["304"]}
    if "nginx static" in found:
        found["behind the edge"] = edge(stack, scratch, embedded["hits"])
    shared = stack.enter_context(RedisServer())
    found["limiter in Redis"] = stack.enter_context(ours(scratch / "redis", sizes, server=shared))["hits"]
    found["under gunicorn"] = stack.enter_context(ours(scratch / "gunicorn", sizes, GUNICORN))["hits"]
    return found


def edge(stack: ExitStack, scratch: Path, behind: Contestant) -> Contestant:
    """The shipped nginx configuration in front of the service."""
    running = stack.enter_context(Edge(scratch / "edge", behind.port, bare=True))
    return Contestant(running.port, behind.asks, [running.pid, *behind.members])


def report(what: str) -> None:
    print(what, file=sys.stderr)


def rows(found: dict[str, Contestant], size: int) -> dict[str, dict[str, float]]:
    """Medians of each contestant, and ratios to the references."""
    rate = {name: statistics.median(seen.rate for seen in each.seen[size]) for name, each in found.items()}
    made = {}
    for name, each in found.items():
        seen = each.seen[size]
        made[name] = {
            "per second": rate[name],
            "× nginx": rate[name] / rate.get("nginx static", float("nan")),
            "× recipe": rate[name] / rate.get("recipe", float("nan")),
            "CPU µs": statistics.median(each.cpu[size]),
            "p50 ms": statistics.median(one.p50 for one in seen),
            "p99 ms": statistics.median(one.p99 for one in seen),
            "wrong": sum(one.wrong for one in seen),
        }
    return made


def show(size: int, figures: dict[str, dict[str, float]], rounds: int) -> None:
    table = Table("", *next(iter(figures.values())), "target", title=f"{size} KB, median of {rounds} rounds")
    for name, row in figures.items():
        shown = (f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in row.values())  # noqa: PLR2004
        table.add_row(name, *shown, TARGETS.get(name, ""))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--sizes", default="10,60", help="KB of a picture")
    parser.add_argument("--recipe", default=sys.executable, metavar="PYTHON", help="an interpreter with flask-limiter")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")]
    report(f"load by {load.generator()}, from core {LOAD}; servers on core {SERVERS}")
    os.sched_setaffinity(0, {SERVERS})
    with ExitStack() as stack:
        found = contestants(stack, sizes, asked.recipe)
        for round_ in range(asked.rounds + 1):
            for size in sizes:
                for each in found.values():
                    each.run(size, asked.seconds if round_ else 1)
        for each in found.values():  # the first round warmed up
            for size in sizes:
                del each.seen[size][0], each.cpu[size][0]
    figures = {size: rows(found, size) for size in sizes}
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for size, row in figures.items():
        show(size, row, asked.rounds)


if __name__ == "__main__":
    main()
