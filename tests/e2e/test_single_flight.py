"""Concurrent requests cause one capture: across processes, and with Redis across nodes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from harness.node import GUNICORN, Node
from harness.servers import RedisServer
from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode

pytestmark = pytest.mark.browser

_GTHREAD = (*GUNICORN[:-1], "--threads", "16", GUNICORN[-1])


def ask_together(nodes: list[Node], count: int, url: str, **options: str) -> list[httpx.Response]:
    def send(number: int) -> httpx.Response:
        base = f"http://127.0.0.1:{nodes[number % len(nodes)].port}"
        return httpx.get(f"{base}/thumb", params={"url": url, **options}, timeout=60, trust_env=False)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(send, range(count)))


def test_fifty_requests_to_four_processes_capture_once(start_node: StartNode, site: SiteServer) -> None:
    node = start_node(command=_GTHREAD)
    url = site.url("/plain.html?concurrent=1")
    answers = ask_together([node], 50, url)
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert site.visits("/plain.html?concurrent=1") == 1
    assert sum(a.headers["X-Cache"] == "MISS" for a in answers) == 1


def test_ten_concurrent_sizes_capture_once(start_node: StartNode, site: SiteServer) -> None:
    node = start_node(command=_GTHREAD)
    url = site.url("/plain.html?sizes=1")

    def send(width: int) -> httpx.Response:
        return node.thumb(url, thumb_width=str(width))

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(send, range(100, 1100, 100)))
    assert {a.status_code for a in answers} == {200}
    assert site.visits("/plain.html?sizes=1") == 1


def test_two_nodes_with_one_redis_capture_once(
    start_node: StartNode, redis_server: RedisServer, site: SiteServer
) -> None:
    env = {"REDIS_URL": redis_server.url}
    nodes = [start_node(name=name, env=env) for name in ("north", "south")]
    url = site.url("/plain.html?nodes=1")
    answers = ask_together(nodes, 20, url)
    assert {a.status_code for a in answers} == {200}
    assert site.visits("/plain.html?nodes=1") == 1
