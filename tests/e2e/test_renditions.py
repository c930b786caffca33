"""One capture serves all sizes and formats: across processes, across nodes with one Redis, and after a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from harness.node import GUNICORN, Node
from harness.servers import RedisServer
from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode

pytestmark = pytest.mark.browser

FORMATS = ("jpeg", "webp", "avif", "png")
RENDITIONS = [{"thumb_width": width, "format": form} for width in ("160", "320", "640") for form in FORMATS]


def ask_for_all(nodes: list[Node], url: str) -> list[str]:
    """Request all renditions concurrently from alternating nodes; returns their X-Cache values."""

    def send(number: int) -> httpx.Response:
        base = f"http://127.0.0.1:{nodes[number % len(nodes)].port}"
        return httpx.get(f"{base}/thumb", params={"url": url, **RENDITIONS[number]}, timeout=60, trust_env=False)

    with ThreadPoolExecutor(len(RENDITIONS)) as pool:
        answers = list(pool.map(send, range(len(RENDITIONS))))
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.headers["Content-Type"] for answer in answers] == [f"image/{wish['format']}" for wish in RENDITIONS]
    return [answer.headers["X-Cache"] for answer in answers]


def test_a_process_derives_from_the_capture_of_another(start_node: StartNode, site: SiteServer) -> None:
    node = start_node(command=GUNICORN)
    url = site.url("/plain.html?renditions=1")
    assert node.thumb(url).headers["X-Cache"] == "MISS"
    assert ask_for_all([node], url) == ["DERIVED"] * len(RENDITIONS)
    assert ask_for_all([node], url) == ["HIT"] * len(RENDITIONS)
    node.stop()
    node.start()
    assert node.thumb(url, thumb_width="200").headers["X-Cache"] == "DERIVED", "masters outlive a restart"
    assert site.visits("/plain.html?renditions=1") == 1


def test_a_node_derives_from_the_capture_of_another(
    start_node: StartNode, redis_server: RedisServer, site: SiteServer
) -> None:
    env = {"REDIS_URL": redis_server.url}
    north, south = (start_node(name=name, env=env) for name in ("north", "south"))
    url = site.url("/plain.html?renditions=2")
    assert north.thumb(url).headers["X-Cache"] == "MISS"
    assert ask_for_all([south, north], url) == ["DERIVED"] * len(RENDITIONS)
    assert ask_for_all([north, south], url) == ["HIT"] * len(RENDITIONS)
    assert site.visits("/plain.html?renditions=2") == 1
