"""Hostile callers of a drill, one attack each, and callers that request hostile pages."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import quote

from bench.drill.honest import random_address, send
from bench.drill.world import World
from harness.hostile_site import ATTACKS

PAGE_CALLERS = 2
"""Callers that request hostile pages, each from another address."""
_PARALLEL = 24
_SLOW_CONNECTIONS = 24
_SLOW_SECONDS = 20.0
_PAUSE = 1.0
"""Seconds between two rounds of one attack."""


class HostileCallers:
    """Repeats every attack in a thread of its own until the drill ends; ``rounds`` counts them."""

    def __init__(self, world: World, stopping: threading.Event, attacks: Collection[str] | None = None) -> None:
        self._world, self._stopping = world, stopping
        self.rounds: Counter[str] = Counter()
        every: dict[str, Callable[[], None]] = {
            "long user_agent": self.send_long_user_agent,
            "50,000 unknown members": self.send_unknown_members,
            "nested JSON": self.send_nested_json,
            "error pictures": self.request_error_pictures,
            "derived pictures": self.request_derived_pictures,
            "forged X-Forwarded-For": self.forge_addresses,
            "slow senders": self.send_slowly,
            "slow readers": self.read_slowly,
            "idle connections": self.hold_connections,
            **{f"hostile pages {number}": self.request_hostile_page for number in range(PAGE_CALLERS)},
        }
        self._attacks = every if attacks is None else {attack: every[attack] for attack in attacks}

    def run(self) -> None:
        """Attack until the drill ends."""
        threads = [threading.Thread(target=self._repeat, args=item, daemon=True) for item in self._attacks.items()]
        for thread in threads:
            thread.start()
        self._stopping.wait()
        for thread in threads:
            thread.join(_SLOW_SECONDS + 10)

    def send_long_user_agent(self) -> None:
        """Text that a backtracking pattern reads in quadratic time."""
        self._get(f"/thumb?url={self._page()}&user_agent={'a' * 60_000}%01")

    def send_unknown_members(self) -> None:
        """A body of a megabyte with nothing but names that are not options."""
        members = {f"unknown_{number}": 1 for number in range(50_000)}
        self._post("/thumb", json.dumps({"url": self._world.site.url("/plain.html"), **members}).encode())

    def send_nested_json(self) -> None:
        """JSON that a recursive reader cannot read."""
        depth = random.choice((600, 960, 5_000, 100_000))
        self._post("/thumb", b'{"url":' + b"[" * depth + b"]" * depth + b"}")

    def request_error_pictures(self) -> None:
        """Large error pictures of different sizes."""
        sizes = random.sample(range(2000, 3840), _PARALLEL)
        paths = [f"/thumb?url=x&on_error=image&format=avif&width={size}&height=2160" for size in sizes]
        self._in_parallel(paths)

    def request_derived_pictures(self) -> None:
        """Large pictures of different sizes from one capture."""
        base = f"/thumb?url={self._page()}&width=3840&height=2160&scale=1.7&format=avif"
        self._in_parallel([f"{base}&thumb_width={3500 + number}" for number in range(_PARALLEL)])

    def forge_addresses(self) -> None:
        """Header fields that claim another client address, in every spelling, and long ones."""
        forged = f"10.{random.randrange(256)}.0.1"
        head = f"GET /thumb?url=x HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: {forged}\r\nX-Forwarded-For: {forged}"
        self._exchange(f"{head}{', 10.0.0.1' * 2_000}\r\nConnection: close\r\n\r\n".encode())

    def send_slowly(self) -> None:
        """Bodies of which one byte is sent now and then."""
        head = b"POST /thumb HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
        self._hold([head] * _SLOW_CONNECTIONS, step=lambda connection: connection.send(b" "))

    def read_slowly(self) -> None:
        """Large answers that are read a few bytes at a time."""
        path = f"/thumb?url={self._page('/noise.html')}&width=2560&height=1440"
        self._get(path)
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        self._hold([head] * _SLOW_CONNECTIONS, step=lambda connection: connection.recv(256))

    def hold_connections(self) -> None:
        """Connections that send nothing."""
        self._hold([b""] * (4 * _SLOW_CONNECTIONS), step=lambda connection: connection.send(b""))

    def request_hostile_page(self) -> None:
        """One of the hostile pages of the harness, as a page that was not captured before."""
        page = self._world.hostile.url(f"{random.choice(ATTACKS)}?{time.time_ns()}")
        self._get(f"/thumb?url={quote(page, safe='')}", address=random_address())

    def _repeat(self, name: str, attack: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            with suppress(OSError):  # a connection that the service closes
                attack()
            self.rounds[name] += 1
            self._stopping.wait(_PAUSE)

    def _page(self, path: str = "/plain.html") -> str:
        return quote(self._world.site.url(f"{path}?attack=1"), safe="")

    def _get(self, path: str, address: str = "127.2.0.1") -> None:
        send(self._world.node.port, "GET", path, address=address)

    def _post(self, path: str, body: bytes) -> None:
        send(self._world.node.port, "POST", path, body, address="127.2.0.2")

    def _in_parallel(self, paths: list[str]) -> None:
        def get(path: str) -> None:
            with suppress(OSError):
                self._get(path, address="127.2.0.3")

        with ThreadPoolExecutor(_PARALLEL) as threads:
            list(threads.map(get, paths))

    def _exchange(self, request: bytes) -> None:
        with self._connect("127.2.0.4") as connection:
            connection.sendall(request)
            while connection.recv(1 << 16):
                pass

    def _hold(self, heads: list[bytes], step: Callable[[socket.socket], object]) -> None:
        """Open connections, send their heads and repeat a step on each of them until the service closes them."""
        connections = []
        until = time.monotonic() + _SLOW_SECONDS
        try:
            for head in heads:
                connection = self._connect("127.2.0.5")
                connections.append(connection)
                connection.sendall(head)
            while time.monotonic() < until and not self._stopping.wait(2):
                for connection in connections:
                    with suppress(OSError):
                        step(connection)
        finally:
            for connection in connections:
                connection.close()

    def _connect(self, address: str) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        try:
            connection.bind((address, 0))
            connection.connect(("127.0.0.1", self._world.node.port))
        except OSError:
            connection.close()
            raise
        return connection
