"""Benchmark of hostile clients: what each attack costs the web processes, and what honest clients notice of it.

``python -m bench.hostile_callers [--tintype PATH] [--attack NAME …] [--memory-limit MIB] [--workers N]``. Runs the
``tintype`` executable of any checkout, so that the same attacks can be compared before and after a change. Loopback
only. The service is killed when its web processes exceed the memory limit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.table import Table

from bench.hostile_watch import Observation, Watch
from bench.service import Site
from bench.tables import print_tables
from harness.node import Node

KEY = "k" * 32
_MIB = 1 << 20
SETTLE_SECONDS = 5.0
"""Seconds after an attack until the memory that is still held is measured."""
HOLD_SECONDS = 20.0
"""Seconds for which slow clients keep their connections."""
SLOW_NAME, SLOW_LOOKUP = "cold.slow.test", 0.8
"""A host name that the service resolves after so many seconds."""
_SITECUSTOMIZE = f"""
import socket, time
_resolve = socket.getaddrinfo
def _slow(host, *more, **named):
    if host in ("{SLOW_NAME}", b"{SLOW_NAME}"):
        time.sleep({SLOW_LOOKUP})
        host = "127.0.0.1"
    return _resolve(host, *more, **named)
socket.getaddrinfo = _slow
"""


class AttackedNode(Node):
    """A node with those settings only that all checkouts know."""

    def _environment(self) -> dict[str, str]:
        known = super()._environment()
        for name in ("TINTYPE_DAEMON_IDLE_TIMEOUT", "TINTYPE_WORKERS", "PYTHONPATH"):
            known.pop(name)
        return {**known, **self.env}


@dataclass
class Setup:
    """A running node, the site that it may capture, and the headers of an honest client."""

    node: Node
    site: Site
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def client(self) -> httpx.Client:
        """One client for all threads: to make a client for each request would cost more than the service."""
        limits = httpx.Limits(max_connections=None)
        return httpx.Client(base_url=f"http://127.0.0.1:{self.node.port}", timeout=120, trust_env=False, limits=limits)

    def page(self, number: int) -> str:
        """The URL of a page, quoted for a query."""
        return quote(self.site.url(number), safe="")

    def get(self, path: str) -> httpx.Response:
        """Send a GET as an honest client."""
        return self.client.get(path, headers=self.headers)


@dataclass(frozen=True)
class Attack:
    """One attack; ``prepare`` runs before the measurement. Both return notes for the table."""

    name: str
    run: Callable[[Setup], str]
    prepare: Callable[[Setup], object] = lambda _: None
    env: dict[str, str] = field(default_factory=dict)


def statuses(responses: Iterator[str] | list[str]) -> str:
    """How often each status occurred: ``96 × 200, 4 × 503``."""
    return ", ".join(f"{number} x {status}" for status, number in sorted(Counter(responses).items()))


def in_parallel(number: int, request: Callable[[int], str]) -> str:
    """Send requests at the same time, each by its own thread; returns their statuses."""
    start = threading.Barrier(number)

    def one(index: int) -> str:
        start.wait()
        try:
            return request(index)
        except (OSError, httpx.HTTPError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(number) as pool:
        return statuses(list(pool.map(one, range(number))))


def long_user_agent(setup: Setup) -> str:
    response = setup.get(f"/thumb?url=http%3A%2F%2Fx%2F&user_agent={'a' * 20_000}%01")
    return f"20 KB: {response.status_code}"


def long_user_agent_in_body(setup: Setup) -> str:
    body = json.dumps({"url": "http://x/", "user_agent": "a" * 20_000 + "\x01"})
    return f"20 KB: {post(setup, body).status_code}"


def unknown_members(setup: Setup) -> str:
    body = json.dumps({"url": "http://x/", **{f"w{n}idth": 1 for n in range(50_000)}})
    response = post(setup, body)
    return f"{response.status_code}, response of {len(response.content) / 1024:,.0f} KB"


def deep_json(setup: Setup) -> str:
    depths = (100, 480, 600, 800, 960, 2_000, 100_000)
    return statuses([str(post(setup, '{"url":' + "[" * n + "]" * n + "}").status_code) for n in depths])


def post(setup: Setup, body: str) -> httpx.Response:
    headers = {**setup.headers, "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{setup.node.port}/thumb"
    return httpx.post(url, content=body, headers=headers, timeout=120, trust_env=False)


LARGE = "width=3840&height=2160&scale=1.7"


def large_capture(setup: Setup) -> None:
    setup.get(f"/thumb?url={setup.page(7)}&{LARGE}").raise_for_status()


def derived_images(setup: Setup) -> str:
    def request(number: int) -> str:
        path = f"/thumb?url={setup.page(7)}&{LARGE}&thumb_width={3500 + number}&format=avif"
        return str(setup.get(path).status_code)

    return in_parallel(160, request)


def error_images(setup: Setup) -> str:
    def request(number: int) -> str:
        path = f"/thumb?url={setup.page(8)}&on_error=image&format=avif&width={3840 - number}&height=2160"
        return str(setup.client.get(path).status_code)

    return in_parallel(200, request)


def placeholders(setup: Setup) -> str:
    def request(number: int) -> str:
        path = (
            f"/thumb?url={setup.page(20_000 + number)}&placeholder=true&format=avif&width={3840 - number}&height=2160"
        )
        return str(setup.get(path).status_code)

    return in_parallel(100, request)


@contextmanager
def connections(setup: Setup, number: int, receive_buffer: int = 0) -> Iterator[list[socket.socket]]:
    """Open connections to the node."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            each = stack.enter_context(socket.socket())
            if receive_buffer:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            each.connect(("127.0.0.1", setup.node.port))
            opened.append(each)
        yield opened


def slow_senders(setup: Setup) -> str:
    """Bodies that arrive byte by byte, until ``HOLD_SECONDS`` have passed; a cold page is requested each second."""
    head = b"POST /thumb HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    colds: list[str] = []
    with connections(setup, 24) as senders:
        for sender in senders:
            sender.sendall(head)
        until = time.monotonic() + HOLD_SECONDS
        number = 1000
        while time.monotonic() < until:
            time.sleep(1)
            for sender in senders:
                with suppress(OSError):
                    sender.sendall(b" ")
            number += 1
            colds.append(str(setup.get(f"/thumb?url={setup.page(number)}").status_code))
        alive = sum(is_open(sender) for sender in senders)
    return f"cold pages: {statuses(colds)}; {alive} of 24 connections held"


def store_large(setup: Setup) -> None:
    url = f"http://127.0.0.1:{setup.node.port}/persist"
    members = {"url": setup.site.url(9), "width": 3840, "height": 2160, "scale": 1.7, "format": "png", "js": _NOISE}
    response = httpx.post(url, json=members, headers=setup.headers, timeout=120, trust_env=False)
    response.raise_for_status()
    _stored[setup.node.port] = "/stored/" + response.json()["key"]


_stored: dict[int, str] = {}
_NOISE = """
const c = document.createElement('canvas'); c.width = c.height = 1024; document.body.replaceChildren(c);
c.style = 'position:fixed;inset:0;width:100vw;height:100vh;image-rendering:pixelated';
const g = c.getContext('2d'), d = g.createImageData(1024, 1024);
for (let i = 0; i < d.data.length; i += 65536) crypto.getRandomValues(d.data.subarray(i, i + 65536));
for (let i = 3; i < d.data.length; i += 4) d.data[i] = 255;
g.putImageData(d, 0, 0);
"""


def slow_readers(setup: Setup) -> str:
    """Connections that request a large stored thumbnail and read almost nothing."""
    path = _stored[setup.node.port]
    with connections(setup, 60, receive_buffer=2048) as readers:
        for reader in readers:
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(HOLD_SECONDS)
        alive = sum(is_open(reader, reading=True) for reader in readers)
    return f"{alive} of 60 connections held"


def is_open(connection: socket.socket, *, reading: bool = False) -> bool:
    """Whether the server has neither closed nor answered; while ``reading``, whether it still sends."""
    connection.settimeout(0.05)
    try:
        received = connection.recv(1 << 16)
    except TimeoutError:
        return True
    except OSError:
        return False
    return reading and bool(received)


def long_forwarded_for(setup: Setup) -> str:
    """1,000 requests, each with another value of 200 KB."""
    value, counts = "1" * 200_000, []
    with httpx.Client(base_url=f"http://127.0.0.1:{setup.node.port}", timeout=60, trust_env=False) as client:
        for number in range(1000):
            headers = {"X-Forwarded-For": f"{number}{value}"}
            counts.append(str(client.get("/thumb?url=http%3A%2F%2F10.0.0.1%2F", headers=headers).status_code))
    return statuses(counts)


def cold_host(setup: Setup) -> str:
    url = quote(f"http://{SLOW_NAME}:{setup.site.server_port}/?n=1", safe="")
    return in_parallel(96, lambda _: str(setup.get(f"/thumb?url={url}").status_code))


ATTACKS = (
    Attack("long user_agent", long_user_agent),
    Attack("long user_agent in a body", long_user_agent_in_body),
    Attack("50,000 unknown members", unknown_members),
    Attack("deep JSON", deep_json),
    Attack("160 derived thumbnails", derived_images, large_capture),
    Attack("200 error images without a key", error_images, env={"TINTYPE_API_KEYS": f"honest:{KEY}"}),
    Attack("100 placeholders", placeholders),
    Attack("24 slow senders", slow_senders, env={"TINTYPE_THREADS": "16", "TINTYPE_WORKERS": "1"}),
    Attack("60 slow readers", slow_readers, store_large, {"TINTYPE_WORKERS": "1"}),
    Attack("X-Forwarded-For of 200 KB", long_forwarded_for, env={"TINTYPE_THUMB_LIMIT": "5 per hour"}),
    Attack("96 clients of a cold host", cold_host, env={"TINTYPE_WORKERS": "1"}),
)


def measure(attack: Attack, command: tuple[str, ...], workers: int, memory_limit: int) -> Observation:
    """Start a node, run one attack against it, and stop it."""
    site = Site(None)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        env = {
            "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.server_port}",
            "TINTYPE_WORKERS": str(workers),
            "PYTHONPATH": scratch,
            **attack.env,
        }
        headers = {"Authorization": f"Bearer {KEY}"} if "TINTYPE_API_KEYS" in attack.env else {}
        node = AttackedNode(data=Path(scratch) / "node", env=env, command=command)
        node.start()
        try:
            setup = Setup(node, site, headers)
            return observe(attack, setup, memory_limit)
        finally:
            end(node)
            site.shutdown()
            site.server_close()


def observe(attack: Attack, setup: Setup, memory_limit: int) -> Observation:
    hit = f"/thumb?url={setup.page(0)}&thumb_width=320&format=jpeg"
    for _ in range(8):  # each worker caches the query
        setup.get(hit).raise_for_status()
    attack.prepare(setup)
    with Watch(setup.node, hit, memory_limit, setup.headers) as watch:
        note = attack.run(setup)
    watch.observation.notes.append(note)
    watch.settle(SETTLE_SECONDS)
    return watch.observation


def end(node: Node) -> None:
    """Stop a node, or what remains of one that was killed."""
    if node.process.poll() is None:
        node.stop()
    else:
        node.__exit__()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = shutil.which("tintype", path=str(Path(sys.executable).parent)) or "tintype"
    parser.add_argument("--tintype", default=default, help="the executable to attack")
    parser.add_argument("--attack", action="append", help="attacks whose name contains this text; all without")
    parser.add_argument("--memory-limit", type=int, default=4096, help="MiB of the web processes")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [a for a in ATTACKS if not arguments.attack or any(text in a.name for text in arguments.attack)]
    heads = (
        "attack",
        "s",
        "MiB before",
        "peak",
        "after",
        "slowest /health, s",
        "hits (failed)",
        "slowest hit, s",
        "note",
    )
    table = Table(*heads)
    for attack in chosen:
        seen = measure(attack, (arguments.tintype, "serve"), arguments.workers, arguments.memory_limit * _MIB)
        table.add_row(*row(attack, seen))
        Console(stderr=True).print(*row(attack, seen), sep=" | ")
    print_tables(table)


def row(attack: Attack, seen: Observation) -> tuple[str, ...]:
    """The cells of one attack."""
    memory = [f"{value / _MIB:,.0f}" for value in (seen.memory_before, seen.memory_peak, seen.memory_after)]
    ended = ["ENDED at the memory limit"] if seen.was_ended else []
    hits = f"{seen.hits} ({seen.hits_failed})"
    times = f"{seen.health_max:.2f}", hits, f"{seen.hit_max:.2f}"
    return attack.name, f"{seen.seconds:.1f}", *memory, *times, "; ".join([*ended, *seen.notes])


if __name__ == "__main__":
    main()
