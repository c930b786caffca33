"""Two nodes behind nginx as in deploy/two-nodes, with one Redis and one S3 server, and a load of requests."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import quote

import httpx

from harness.nginx import NginxServer
from harness.node import Node
from harness.servers import RedisServer, S3Server
from harness.waiting import eventually

BUCKET = "thumbs"
BYPASS_NGINX_CACHE = {"X-Api-Key": "any"}
"""nginx never serves requests with a key from its cache. Nodes without API keys ignore the header."""
PAUSE = 0.015
"""Seconds between two requests of a load, below the flood limit of nginx."""


class Site(Protocol):
    """The server of the target pages."""

    @property
    def port(self) -> int: ...


class TwoNodes:
    """All processes running; a context manager."""

    def __init__(self, folder: Path, site: Site, **env: str) -> None:
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
            self.edge = running.enter_context(NginxServer(self._folder / "edge", self.north.port, self.south.port))
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.north, self.south

    def thumb(self, url: str, more: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
        """Request a thumbnail through nginx."""
        return self.edge.get(f"/thumb?url={quote(url, safe='')}&thumb_width=320{more}", headers)

    def thumbs(self, queries: Sequence[tuple[str, str]]) -> list[httpx.Response]:
        """Request thumbnails concurrently. Each query: the URL, and the rest of the query string."""
        together = threading.Barrier(len(queries))

        def request(query: tuple[str, str]) -> httpx.Response:
            together.wait()
            return self.thumb(*query)

        with ThreadPoolExecutor(len(queries)) as clients:
            return list(clients.map(request, queries))

    def start_all(self, url: str) -> None:
        """Start stopped nodes and wait until nginx forwards requests to both. The thumbnail of ``url`` is cached."""
        for node in self.nodes:
            if node.process.poll() is not None:
                node.start()
        before = [self.thumb_responses(node) for node in self.nodes]

        def both_respond() -> bool:
            self.thumb(url, headers=BYPASS_NGINX_CACHE)
            return all(self.thumb_responses(node) > count for node, count in zip(self.nodes, before, strict=True))

        assert eventually(both_respond, within=60), self.north.output() + self.south.output()

    def busy_node(self) -> Node:
        """A node on which a request waits for a capture."""
        return next(node for node in self.nodes if self._waits(node))

    def wait_idle(self) -> None:
        """Wait until no request and no background refresh waits for a capture."""
        assert eventually(lambda: not any(map(self._waits, self.nodes)), within=60)

    def thumb_responses(self, node: Node) -> int:
        """Number of responses of a node for /thumb so far."""
        lines = node.get("/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith("tintype_requests_total{") and 'route="/thumb"' in line]
        return round(sum(float(line.rpartition(" ")[2]) for line in counts))

    @staticmethod
    def _waits(node: Node) -> bool:
        return re.search("^tintype_waiting_requests [1-9]", node.get("/metrics").text, re.MULTILINE) is not None


@dataclass
class Load:
    """Responses to clients that repeatedly request cached thumbnails."""

    responses: list[tuple[int, str, float, float]] = field(default_factory=list)
    """Status, X-Cache (or the name of a connection error), duration in seconds, start (monotonic)."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> list[tuple[int, str, float, float]]:
        return [one for one in self.responses if one[:2] != (200, "HIT")]

    def wait_for(self, more: int, within: float = 60.0) -> None:
        """Wait until ``more`` further responses have arrived."""
        wanted, deadline = len(self.responses) + more, time.monotonic() + within
        while len(self.responses) < wanted:
            assert time.monotonic() < deadline, f"only {len(self.responses)} of {wanted} responses"
            self.ended.wait(0.01)


@contextmanager
def hits(pair: TwoNodes, urls: Sequence[str], clients: int = 4) -> Iterator[Load]:
    """Repeatedly request cached thumbnails while the block runs, bypassing the cache of nginx."""
    load = Load()

    def send_requests(first: int) -> None:
        at = first
        while not load.ended.is_set():
            at, begin = at + 1, time.monotonic()
            try:
                response = pair.thumb(urls[at % len(urls)], headers=BYPASS_NGINX_CACHE)
                outcome = response.status_code, response.headers.get("x-cache", "")
            except httpx.TransportError as error:
                outcome = 0, type(error).__name__
            load.responses.append((*outcome, time.monotonic() - begin, begin))
            load.ended.wait(clients * PAUSE)

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(send_requests, number) for number in range(clients)]
        try:
            yield load
        finally:
            load.ended.set()
        for each in running:
            each.result()
