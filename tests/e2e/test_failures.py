"""Failures of browser, daemon, workers, Redis, S3 and disk: responses are valid, no process or file is left behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from harness import processes
from harness.node import Node
from harness.servers import RedisServer, S3Server
from harness.site_server import SiteServer
from tests.e2e.conftest import StartNode
from tests.support.concurrency import eventually
from tests.support.disks import mounted
from tintype import imaging
from tintype.web.request_body import MAX_SENDERS_PER_CLIENT

pytestmark = pytest.mark.browser


def is_whole(answer: httpx.Response) -> bool:
    """Whether the answer is an image of the right size, or an error with a code."""
    if answer.status_code == 200:
        return imaging.size(BytesIO(answer.content).getvalue())[:2] == (1280, 720)
    return answer.status_code in (429, 502, 503, 504) and bool(answer.json()["error"])


def test_recovers_from_a_browser_killed_during_a_capture(start_node: StartNode, site: SiteServer) -> None:
    node = start_node()
    assert node.thumb(site.url("/plain.html")).status_code == 200
    browser = processes.tree(node.daemon_pid())[1]
    with ThreadPoolExecutor(1) as background:
        pending = background.submit(node.thumb, site.url("/plain.html?kill=1"), delay="1500")
        assert eventually(lambda: site.visits("/plain.html?kill=1") == 1)
        os.kill(browser, signal.SIGKILL)
        assert is_whole(pending.result())
    assert node.thumb(site.url("/plain.html?after=1")).status_code == 200


def test_recovers_from_a_killed_daemon(start_node: StartNode, site: SiteServer) -> None:
    node = start_node()
    assert node.thumb(site.url("/plain.html")).status_code == 200
    family = processes.tree(node.daemon_pid())
    os.kill(family[0], signal.SIGKILL)
    assert eventually(lambda: processes.have_ended(family))
    assert node.thumb(site.url("/plain.html?reborn=1")).status_code == 200


def test_survives_a_redis_outage(start_node: StartNode, redis_server: RedisServer, site: SiteServer) -> None:
    node = start_node(env={"REDIS_URL": redis_server.url})
    url = site.url("/plain.html?redis=1")
    assert [node.thumb(url).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]
    redis_server.stop()
    # A worker may still have the first page in its memory; no worker has the second.
    assert node.thumb(url).status_code == 200
    during = node.thumb(site.url("/plain.html?redis=2"))
    assert (during.status_code, during.headers["X-Cache"]) == (200, "MISS")
    redis_server.start()
    assert eventually(lambda: node.thumb(url).headers["X-Cache"] == "HIT")


def test_survives_an_s3_outage(start_node: StartNode, s3_server: S3Server, site: SiteServer) -> None:
    s3_server.create_bucket("thumbs")
    env = {"S3_BUCKET": "thumbs", "S3_REGION": "us-east-1", "S3_ENDPOINT_URL": s3_server.url}
    node = start_node(env={**env, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    assert node.persist(site.url("/plain.html")).status_code == 200
    s3_server.stop()
    refused = node.persist(site.url("/plain.html?s3=1"))
    assert (refused.status_code, refused.json()["error"]) == (503, "backend-unavailable")
    assert str(s3_server.port) not in refused.text
    s3_server.start()
    s3_server.create_bucket("thumbs")
    assert node.persist(site.url("/plain.html?s3=1")).json()["cached"] is False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with space for a service and one large image."""
    with mounted(tmp_path / "small", megabytes=6) as folder:
        yield folder


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(64 << 10))


def test_survives_a_full_disk(start_node: StartNode, small_disk: Path, site: SiteServer) -> None:
    node = start_node(data=small_disk)
    filler = small_disk / "filler"
    fill(filler)
    answer = node.thumb(site.url("/noise.html"))
    assert answer.status_code == 200, answer.text
    persisted = node.persist(site.url("/noise.html"))
    objects = [path for path in (small_disk / "stored").rglob("*") if path.is_file()]
    if persisted.status_code == 200:  # the cache had deleted entries that were large enough
        assert node.get("/stored/" + persisted.json()["key"]).content == answer.content
    else:
        assert (persisted.status_code, persisted.json()["error"], objects) == (503, "backend-unavailable", [])
    filler.unlink()
    assert node.persist(site.url("/noise.html")).status_code == 200
    assert node.thumb(site.url("/noise.html?again=1")).status_code == 200


def ask_all(node: Node, urls: list[str]) -> list[httpx.Response | None]:
    """Request all URLs concurrently; None for a connection that ended before its response."""

    def request_thumbnail(url: str) -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{node.port}/thumb", params={"url": url}, timeout=60, trust_env=False)
        except httpx.TransportError:
            return None

    with ThreadPoolExecutor(len(urls)) as pool:
        return list(pool.map(request_thumbnail, urls))


def begin_to_post(port: int) -> socket.socket:
    """Open a connection and send the head of a POST request without its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    lines = ["POST /thumb HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 100"]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def test_serves_others_while_clients_never_finish_sending(start_node: StartNode, site: SiteServer) -> None:
    node = start_node(env={"TINTYPE_WORKERS": "1", "TINTYPE_THREADS": "4"})
    assert node.thumb(site.url("/plain.html")).status_code == 200
    with ExitStack() as senders:
        connections = [senders.enter_context(begin_to_post(node.port)) for _ in range(MAX_SENDERS_PER_CLIENT + 3)]
        assert eventually(lambda: len(select.select(connections, [], [], 0)[0]) == 3)
        rejected, _, _ = select.select(connections, [], [], 0)
        assert all(b" 429 " in connection.recv(200).split(b"\r\n")[0] for connection in rejected)
        assert node.thumb(site.url("/plain.html")).headers["X-Cache"] == "HIT"
        assert node.get("/health").status_code == 200
    assert eventually(lambda: node.thumb(site.url("/plain.html?later=1")).status_code == 200)


def test_sigterm_under_load_finishes_requests(start_node: StartNode, site: SiteServer) -> None:
    node = start_node()
    urls = [site.url(f"/plain.html?load={number}") for number in range(12)]
    with ThreadPoolExecutor(1) as background:
        pending = background.submit(ask_all, node, urls)
        assert eventually(lambda: site.visits("/plain.html?load=0") == 1 or site.total_visits() > 0)
        assert node.stop() == 0
        answers = pending.result()
    assert all(answer is None or is_whole(answer) for answer in answers)
    node.start()
    assert all(is_whole(answer) for answer in ask_all(node, urls[:6]) if answer)


def test_sigkill_of_the_service_leaves_no_process(start_node: StartNode, site: SiteServer) -> None:
    node = start_node()
    assert node.thumb(site.url("/plain.html")).status_code == 200
    family = {*processes.tree(node.process.pid), *processes.tree(node.daemon_pid())}
    for pid in processes.tree(node.process.pid):
        with contextlib.suppress(ProcessLookupError):  # a worker exits when its parent has exited
            os.kill(pid, signal.SIGKILL)
    node.process.wait(10)
    assert eventually(lambda: processes.have_ended(family), within=30)
    node.start()
    assert node.thumb(site.url("/plain.html")).headers["X-Cache"] == "HIT"
