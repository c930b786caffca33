"""Two nodes behind a real nginx as deploy/two-nodes has them, with one Redis and one S3 server; and their callers."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote

import httpx

from harness.nginx import Edge
from harness.node import Node
from harness.servers import RedisServer, S3Server
from harness.site_server import SiteServer
from harness.waiting import eventually

BUCKET = "thumbs"
PASSING = {"X-Api-Key": "any"}
"""With it nginx answers nothing from its own cache; nodes that have no keys do not mind."""
PAUSE = 0.015
"""Seconds between two requests of a load, below the flood limit of nginx."""


class Pair:
    """Everything running; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path, site: SiteServer, **env: str) -> None:
        self._folder, self._site, self._env = folder, site, env

    def __enter__(self) -> Self:
        with ExitStack() as running:
            redis, storage = running.enter_context(RedisServer()), running.enter_context(S3Server())
            storage.create_bucket(BUCKET)
            self.env = {
                "REDIS_URL": redis.url,
                "S3_BUCKET": BUCKET,
                "S3_REGION": "us-east-1",
                "S3_ENDPOINT_URL": storage.url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "TINTYPE_TRUSTED_PROXIES": "127.0.0.1",
                "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{self._site.port}",
                "TINTYPE_WORKERS": "1",
                "TINTYPE_SLOTS": "4",
                "TINTYPE_TIMEOUT": "60s",
                "TINTYPE_LIMIT_EXEMPT": "127.0.0.1/32",
                **self._env,
            }
            self.north, self.south = (Node(data=self._folder / name, env=self.env) for name in ("north", "south"))
            with ThreadPoolExecutor(2) as both:
                list(both.map(running.enter_context, (self.north, self.south)))
            self.edge = running.enter_context(Edge(self._folder / "edge", self.north.port, self.south.port))
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.north, self.south

    def thumb(self, url: str, more: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
        """A picture, asked of the edge."""
        return self.edge.get(f"/thumb?url={quote(url, safe='')}&thumb_width=320{more}", headers)

    def thumbs(self, asked: Sequence[tuple[str, str]]) -> list[httpx.Response]:
        """Pictures asked for at the same moment, each a URL and what else its query says."""
        together = threading.Barrier(len(asked))

        def ask(what: tuple[str, str]) -> httpx.Response:
            together.wait()
            return self.thumb(*what)

        with ThreadPoolExecutor(len(asked)) as crowd:
            return list(crowd.map(ask, asked))

    def gather(self, url: str) -> None:
        """Start who is not running, and wait until nginx gives work to both; the picture of ``url`` is known."""
        for node in self.nodes:
            if node.process.poll() is not None:
                node.start()
        before = [self.took_part(node) for node in self.nodes]

        def both() -> bool:
            self.thumb(url, headers=PASSING)
            return all(self.took_part(node) > known for node, known in zip(self.nodes, before, strict=True))

        assert eventually(both, within=60), self.north.output() + self.south.output()

    def busy(self) -> Node:
        """A node at which a caller waits for a picture."""
        return next(node for node in self.nodes if self._waits(node))

    def rest(self) -> None:
        """Wait until no caller waits for a picture, a refresh that an earlier one began included."""
        assert eventually(lambda: not any(map(self._waits, self.nodes)), within=60)

    def took_part(self, node: Node) -> int:
        """How many answers a node has given for /thumb so far."""
        lines = node.get("/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith("tintype_requests_total{") and 'route="/thumb"' in line]
        return round(sum(float(line.rpartition(" ")[2]) for line in counts))

    @staticmethod
    def _waits(node: Node) -> bool:
        return re.search("^tintype_waiting_requests [1-9]", node.get("/metrics").text, re.MULTILINE) is not None


@dataclass
class Load:
    """What callers see who ask for known pictures again and again."""

    seen: list[tuple[int, str, float, float]] = field(default_factory=list)
    """Status, cache state, seconds, and when it was asked (monotonic)."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> list[tuple[int, str, float, float]]:
        return [one for one in self.seen if one[:2] != (200, "HIT")]

    def grows(self, by: int, within: float = 60.0) -> None:
        """Wait until so many more were answered."""
        wanted, deadline = len(self.seen) + by, time.monotonic() + within
        while len(self.seen) < wanted:
            assert time.monotonic() < deadline, f"only {len(self.seen)} of {wanted} answers"
            self.ended.wait(0.01)


@contextmanager
def hits(pair: Pair, urls: Sequence[str], callers: int = 4) -> Iterator[Load]:
    """Ask for known pictures past the cache of nginx, so that every answer is a node's."""
    load = Load()

    def call(first: int) -> None:
        at = first
        while not load.ended.is_set():
            at, begin = at + 1, time.monotonic()
            try:
                answer = pair.thumb(urls[at % len(urls)], headers=PASSING)
                told = answer.status_code, answer.headers.get("x-cache", "")
            except httpx.TransportError as error:
                told = 0, type(error).__name__
            load.seen.append((*told, time.monotonic() - begin, begin))
            load.ended.wait(callers * PAUSE)

    with ThreadPoolExecutor(callers) as crowd:
        running = [crowd.submit(call, number) for number in range(callers)]
        try:
            yield load
        finally:
            load.ended.set()
        for each in running:
            each.result()
