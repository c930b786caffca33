"""Benchmark of cache hits against nginx's static files and the common recipe: requests per second and CPU time.

``python -m bench.hits [--rounds N] [--seconds N] [--sizes 10,60] [--recipe PYTHON]``. Every server, its Redis included,
runs on core 0, the load generator on core 1; servers alternate, and the table shows medians over the rounds.
Tintype limits rates and logs every hit; nginx logs nothing. Requires ``nginx`` and ``wrk`` (apt install nginx-light
wrk), and for the recipe flask-limiter: PYTHON is an interpreter that has it (``pip install 'tintype[bench]'``).
"""

from __future__ import annotations

import argparse
import json
import math
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
from rich.table import Table

from bench import load, process_tree
from bench.load import LoadResult, Request
from bench.tables import print_tables
from harness.nginx import NginxServer
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
CLIENTS = 64
"""Addresses in one row, which a trusted proxy reports; in all others the load generator is one client."""
ENOUGH, MAX_SECONDS = 2000, 20
"""Requests of each row in each round, also of slow servers; and seconds that they may take."""
PLENTY = "1000000000 per minute"
TARGETS = {
    "embedded": "A1: 0.40 × nginx, 40 × recipe",
    "limiter in Redis": "A2: 0.20 × nginx, 18 × recipe",
    "Redis, 64 clients": "A2",
    "304": "A3: 0.45 × nginx",
    "behind nginx": "A4: 0.75 × nginx",
}


@dataclass
class ServerUnderTest:
    """A server under load; the CPU time of ``members`` and their descendants is counted."""

    port: int
    requests: Callable[[int], Sequence[Request]]
    members: Sequence[int]
    results: dict[int, list[LoadResult]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)

    def run(self, size: int, seconds: int) -> None:
        """Send requests for some seconds, or for as long as ENOUGH of them take at the speed of the first round."""
        if first := self.results.get(size):
            seconds = min(MAX_SECONDS, max(seconds, math.ceil(ENOUGH / max(1.0, first[0].rate))))
        before = sum(map(process_tree.cpu, self.members))
        result = load.generate(self.port, self.requests(size), seconds, LOAD)
        self.results.setdefault(size, []).append(result)
        self.cpu.setdefault(size, []).append(
            (sum(map(process_tree.cpu, self.members)) - before) / max(1, result.requests) * 1e6
        )


def random_bytes(size: int, number: int) -> bytes:
    """Incompressible bytes, different for each thumbnail."""
    return number.to_bytes(8, "big") + os.urandom((size << 10) - 8)


def page(size: int, number: int) -> str:
    return f"https://site{number}.example.com/{size}"


def query(size: int, number: int) -> str:
    return f"/thumb?url={quote(page(size, number), safe='')}&thumb_width=320&format=jpeg"


def fill(environ: dict[str, str], sizes: Sequence[int]) -> dict[int, list[str]]:
    """Fill the cache of a service with these settings; returns entity tags by size."""
    settings = Settings.load(environ, None)
    state, application = backends.open_state(settings), build_application(settings)
    tags: dict[int, list[str]] = {}
    cache = ThumbnailCache(state.records, state.masters, 60)
    for size in sizes:
        tags[size] = []
        for number in range(PAGES):
            pairs = [("url", page(size, number)), ("thumb_width", "320"), ("format", "jpeg")]
            body = random_bytes(size, number)
            thumbnail = Thumbnail(
                body=body, mime="image/jpeg", width=320, height=180, taken_at=time.time(), digest=digest_of(body)
            )
            cache.put_thumbnail(application.request_parser.parse(pairs).capture_request, thumbnail, 86_400)
            tags[size].append(thumbnail.etag)
    return tags


@contextmanager
def nginx(scratch: Path, sizes: Sequence[int]) -> Iterator[ServerUnderTest]:
    """Static files of nginx."""
    binary, port = shutil.which("nginx") or "/usr/sbin/nginx", free_port()
    root = scratch / "static"
    for size in sizes:
        (root / str(size)).mkdir(parents=True)
        for number in range(PAGES):
            (root / str(size) / f"{number}.jpg").write_bytes(random_bytes(size, number))
    scratch.chmod(0o755)
    (scratch / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;"
        "events { worker_connections 512; } http { sendfile on; tcp_nopush on; access_log off;"
        "keepalive_requests 1000000; types { image/jpeg jpg; }"
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}"
    )
    with terminated_at_end(
        subprocess.Popen([binary, "-c", str(scratch / "nginx.conf")], stderr=subprocess.DEVNULL)
    ) as process:
        yield ServerUnderTest(port, lambda size: [Request(f"/{size}/{n}.jpg") for n in range(PAGES)], [process.pid])


@contextmanager
def recipe(python: str, server: RedisServer, sizes: Sequence[int]) -> Iterator[ServerUnderTest]:
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
        client.set(key, random_bytes(size, number))
    with terminated_at_end(subprocess.Popen(command, cwd=here, env=environ)) as process:
        yield ServerUnderTest(
            port, lambda size: [Request(query(size, n)) for n in range(PAGES)], [process.pid, server.pid]
        )


KEYS = """
import json, sys, recipe
for url in json.loads(sys.argv[1]):
    print(recipe.key_of({**recipe.DEFAULTS, "url": url, "thumb_width": "320", "format": "jpeg"}))
"""


@contextmanager
def terminated_at_end(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Terminate a process at the end of the block."""
    try:
        time.sleep(2)
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended immediately")
        yield process
    finally:
        process.terminate()
        process.wait(20)


def environ_of(data: Path) -> dict[str, str]:
    """Settings of a service with one worker and no browser, whose clients never reach their rate limits."""
    return {
        "TINTYPE_DATA_DIR": str(data),
        "TINTYPE_WORKERS": "1",
        "TINTYPE_ENGINE": "unix:///nowhere",
        "TINTYPE_THUMB_LIMIT": PLENTY,
        "TINTYPE_LIMIT_EXEMPT": "",
    }


@contextmanager
def tintype(
    data: Path, sizes: Sequence[int], command: tuple[str, ...] = SERVE, server: RedisServer | None = None, **more: str
) -> Iterator[dict[str, ServerUnderTest]]:
    """The service without a browser, because nothing is captured: hits of one client or of many, 304 responses."""
    environ = {**environ_of(data), **({"REDIS_URL": server.unix_url} if server else {}), **more}
    tags = fill(environ, sizes)
    with Node(data=data, env=environ, command=command) as node:
        members = [node.process.pid, *([server.pid] if server else [])]
        yield {
            "hits": ServerUnderTest(node.port, lambda size: [Request(query(size, n)) for n in range(PAGES)], members),
            "clients": ServerUnderTest(
                node.port,
                lambda size: [Request(query(size, n), client=f"192.0.2.{n % CLIENTS}") for n in range(PAGES)],
                members,
            ),
            "304": ServerUnderTest(
                node.port, lambda size: [Request(query(size, n), tag) for n, tag in enumerate(tags[size])], members
            ),
        }


def start_servers(stack: ExitStack, sizes: Sequence[int], python: str) -> dict[str, ServerUnderTest]:
    """Start all available servers on one core; report missing ones."""
    scratch, servers = Path(stack.enter_context(tempfile.TemporaryDirectory())), {}
    if shutil.which("nginx") or Path("/usr/sbin/nginx").exists():
        servers["nginx static"] = stack.enter_context(nginx(scratch, sizes))
    else:
        report("nginx is missing: apt install nginx-light")
    if subprocess.run([python, "-c", "import flask_limiter"], check=False, capture_output=True).returncode == 0:
        servers["recipe"] = stack.enter_context(recipe(python, stack.enter_context(RedisServer()), sizes))
    else:
        report("skipping the recipe: pip install 'tintype[bench]', or --recipe with a Python that has flask-limiter")
    embedded = stack.enter_context(tintype(scratch / "embedded", sizes))
    servers |= {"embedded": embedded["hits"], "304": embedded["304"]}
    if "nginx static" in servers:
        servers["behind nginx"] = behind_nginx(stack, scratch, embedded["hits"])
    shared = stack.enter_context(RedisServer())
    redis = stack.enter_context(tintype(scratch / "redis", sizes, server=shared, TINTYPE_TRUSTED_PROXIES="127.0.0.1"))
    servers |= {"limiter in Redis": redis["hits"], "Redis, 64 clients": redis["clients"]}
    servers["under gunicorn"] = stack.enter_context(tintype(scratch / "gunicorn", sizes, GUNICORN))["hits"]
    return servers


def behind_nginx(stack: ExitStack, scratch: Path, upstream: ServerUnderTest) -> ServerUnderTest:
    """The shipped nginx configuration in front of the service."""
    running = stack.enter_context(NginxServer(scratch / "nginx-front", upstream.port, bare=True))
    return ServerUnderTest(running.port, upstream.requests, [running.pid, *upstream.members])


def report(what: str) -> None:
    print(what, file=sys.stderr)


def rows(servers: dict[str, ServerUnderTest], size: int) -> dict[str, dict[str, float]]:
    """Medians of each server, and ratios to the references."""
    rate = {name: statistics.median(result.rate for result in server.results[size]) for name, server in servers.items()}
    table = {}
    for name, server in servers.items():
        results = server.results[size]
        table[name] = {
            "per second": rate[name],
            "× nginx": rate[name] / rate.get("nginx static", float("nan")),
            "× recipe": rate[name] / rate.get("recipe", float("nan")),
            "CPU µs": statistics.median(server.cpu[size]),
            "p50 ms": statistics.median(result.p50 for result in results),
            "p99 ms": statistics.median(result.p99 for result in results),
            "requests": sum(result.requests for result in results),
            "wrong": sum(result.wrong for result in results),
        }
    return table


def show(size: int, figures: dict[str, dict[str, float]], rounds: int) -> None:
    table = Table("", *next(iter(figures.values())), "target", title=f"{size} KB, median of {rounds} rounds")
    for name, row in figures.items():
        shown = (f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in row.values())  # noqa: PLR2004
        table.add_row(name, *shown, TARGETS.get(name, ""))
    print_tables(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--sizes", default="10,60", help="KB of a thumbnail, separated by commas")
    parser.add_argument(
        "--recipe", default=sys.executable, metavar="PYTHON", help="Python interpreter that has flask-limiter"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    report(f"load by {load.generator()}, from core {LOAD}; servers on core {SERVERS}")
    os.sched_setaffinity(0, {SERVERS})
    with ExitStack() as stack:
        servers = start_servers(stack, sizes, arguments.recipe)
        for round_ in range(arguments.rounds + 1):
            for size in sizes:
                for server in servers.values():
                    server.run(size, arguments.seconds if round_ else 1)
        for server in servers.values():  # the first round warmed up
            for size in sizes:
                del server.results[size][0], server.cpu[size][0]
    figures = {size: rows(servers, size) for size in sizes}
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for size, row in figures.items():
        show(size, row, arguments.rounds)


if __name__ == "__main__":
    main()
