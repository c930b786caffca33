"""Two nodes behind nginx share state through Redis and S3; requests continue when one node is killed or stopped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from harness.node import Node
from harness.site_server import SiteServer
from harness.two_nodes import BYPASS_NGINX_CACHE, TwoNodes, hits
from tests.support.concurrency import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed (Debian: nginx)"),
]


LIMIT = 6


@pytest.fixture(scope="module")
def running(site: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNodes]:
    # An hour instead of the default minute: the test may cross the limit of a window of one minute.
    with TwoNodes(tmp_path_factory.mktemp("pair"), site, TINTYPE_THUMB_LIMIT=f"{LIMIT} per hour") as pair:
        yield pair


@pytest.fixture
def pair(running: TwoNodes, site: SiteServer) -> TwoNodes:
    """Both nodes run and receive requests."""
    running.start_all(site.url("/plain.html"))
    return running


@pytest.fixture
def held(site: SiteServer) -> Iterator[threading.Event]:
    """Requests with ``held`` wait until it is set."""
    site.release_held.clear()
    yield site.release_held
    site.release_held.set()


@pytest.fixture
def known(pair: TwoNodes, site: SiteServer) -> list[str]:
    urls = [site.url(f"/plain.html?known={number}") for number in range(3)]
    assert [pair.thumb(url).status_code for url in urls] == [200] * len(urls)
    return urls


class TestSharedState:
    def test_two_nodes_capture_once(self, pair: TwoNodes, site: SiteServer) -> None:
        pages = [f"/plain.html?cold={number}" for number in range(4)]
        # Two spellings of one request: nginx caches them separately, the service does not.
        queries = [(site.url(page), more) for page in pages for more in ("", "&format=png", "", "&format=png")]
        before = [pair.thumb_responses(node) for node in pair.nodes]
        answers = pair.thumbs(queries)
        assert {a.status_code for a in answers} == {200}
        assert [site.visits(page) for page in pages] == [1] * len(pages)
        assert all(pair.thumb_responses(node) > count for node, count in zip(pair.nodes, before, strict=True))

    def test_persisted_thumbnails_are_shared(self, pair: TwoNodes, site: SiteServer) -> None:
        url = site.url("/plain.html?lasting=1")
        first, again = pair.north.persist(url).json(), pair.south.persist(url).json()
        assert [first["cached"], again["cached"]] == [False, True]
        assert first["url"] == again["url"]
        assert site.visits("/plain.html?lasting=1") == 1

    def test_purges_apply_to_both_nodes(self, pair: TwoNodes, site: SiteServer) -> None:
        page = "/plain.html?forgotten=1"
        url = site.url(page)
        assert [node.thumb(url).headers["x-cache"] for node in pair.nodes] == ["MISS", "HIT"]
        command = [sys.executable, "-m", "tintype", "purge", "--url", url]
        settings = {**os.environ, **pair.env, "TINTYPE_DATA_DIR": str(pair.north.data)}
        subprocess.run(command, env=settings, cwd=pair.north.data, check=True, capture_output=True)

        def captures_again(node: Node) -> bool:
            node.thumb(url)  # workers keep responses for a moment
            return site.visits(page) == 2

        assert eventually(lambda: captures_again(pair.south))
        assert pair.north.thumb(url).headers["x-cache"] == "HIT"
        assert site.visits(page) == 2

    def test_rate_limits_are_shared(self, pair: TwoNodes, site: SiteServer) -> None:
        url = site.url("/plain.html?limited=1")
        pair.thumb(url)
        with pair.edge.from_address("127.0.0.2"):
            answers = [pair.thumb(url, headers=BYPASS_NGINX_CACHE) for _ in range(LIMIT + 3)]
        assert [a.status_code for a in answers] == [200] * LIMIT + [429] * 3
        assert all(int(a.headers["retry-after"]) >= 1 for a in answers[LIMIT:])


class TestKilledNode:
    def test_hits_continue_and_misses_are_retried_on_the_other_node(
        self, pair: TwoNodes, known: list[str], held: threading.Event, site: SiteServer
    ) -> None:
        pages = [f"/plain.html?held=1&lost={number}" for number in range(4)]
        with hits(pair, known) as load, ThreadPoolExecutor(1) as background:
            load.wait_for(50)
            misses = background.submit(pair.thumbs, [(site.url(page), "") for page in pages])
            assert eventually(lambda: all(map(site.visits, pages)), within=60)
            lost = pair.busy_node()
            lost.kill()
            held.set()
            load.wait_for(50)
            answers = misses.result()
            assert {is_thumbnail_or_retryable(answer) for answer in answers} == {True}
            assert {pair.thumb(site.url(page)).status_code for page in pages} == {200}
            lost.start()
            assert eventually(lambda: pair.thumb_responses(lost) > 5)
        assert load.failed == []
        assert all(site.visits(page) <= 2 for page in pages), "tried again more than once"

    def test_a_lost_post_is_reported_and_not_retried(
        self, pair: TwoNodes, held: threading.Event, site: SiteServer
    ) -> None:
        page = "/plain.html?held=1&posted=1"
        pair.wait_idle()
        with ThreadPoolExecutor(1) as background:
            posted = background.submit(pair.edge.post, "/persist", {"url": site.url(page)})
            site.wait_for_visit(page)
            pair.busy_node().kill()
            held.set()
            answer = posted.result()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["error"], answer.json()["status"]) == ("backend-unavailable", 503)
        assert site.visits(page) == 1


class TestStoppedNode:
    def test_finishes_requests_in_progress_without_errors(
        self, pair: TwoNodes, known: list[str], held: threading.Event, site: SiteServer
    ) -> None:
        pages = [f"/plain.html?held=1&last={number}" for number in range(4)]
        with hits(pair, known) as load, ThreadPoolExecutor(2) as background:
            misses = background.submit(pair.thumbs, [(site.url(page), "") for page in pages])
            assert eventually(lambda: all(map(site.visits, pages)), within=60)
            leaving = pair.busy_node()
            ending = background.submit(leaving.stop)
            assert eventually(lambda: not listens(leaving))
            held.set()
            assert ending.result() == 0
            load.wait_for(50)
            assert [answer.status_code for answer in misses.result()] == [200] * len(pages)
        assert load.failed == []
        assert [site.visits(page) for page in pages] == [1] * len(pages)


def listens(node: Node) -> bool:
    """Whether a node accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", node.port), 5).close()
    except OSError:
        return False
    return True


def is_thumbnail_or_retryable(answer: httpx.Response) -> bool:
    """Whether it is an image, or a 503 with an error code and Retry-After."""
    if answer.status_code == 200:
        return answer.headers["content-type"].startswith("image/")
    return answer.status_code == 503 and bool(answer.json()["error"]) and int(answer.headers["retry-after"]) >= 1
