"""Nodes that serve and job workers that capture, as processes: jobs end, also when a worker is killed or stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.node import JobWorkerNode, Node
from harness.servers import RedisServer
from harness.site_server import SiteServer
from harness.waiting import eventually
from tests.e2e.conftest import StartNode

pytestmark = pytest.mark.browser

StartWorker = Callable[..., JobWorkerNode]


@pytest.fixture
def shared(redis_server: RedisServer, site: SiteServer, tmp_path: Path) -> dict[str, str]:
    """Settings that all nodes share."""
    return {
        "REDIS_URL": redis_server.url,
        "TINTYPE_STORAGE_DIR": str(tmp_path / "stored"),
        "TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}",
        "TINTYPE_SLOTS": "2",
    }


@pytest.fixture
def start_worker(shared: dict[str, str], tmp_path: Path) -> Iterator[StartWorker]:
    with ExitStack() as running:

        def start(name: str, **settings: str) -> JobWorkerNode:
            return running.enter_context(JobWorkerNode(data=tmp_path / name, env={**shared, **settings}))

        yield start


def submit(node: Node, *urls: str) -> str:
    response = node.client.post("/jobs", json={"pages": list(urls)})
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def report(node: Node, job: str) -> dict[str, Any]:
    return dict(node.get(f"/jobs/{job}").json())


def test_workers_capture_the_jobs_of_a_node_that_captures_none(
    start_node: StartNode, start_worker: StartWorker, shared: dict[str, str], site: SiteServer
) -> None:
    node = start_node(env={**shared, "TINTYPE_JOB_WORKERS": "0"})
    killed = start_worker("killed")
    held = [f"/plain.html?held={number}" for number in range(2)]
    job = submit(node, *map(site.url, held), *(site.url(f"/plain.html?{number}") for number in range(4)))
    site.wait_for_visit(held[0])
    killed.kill()
    site.release_held.set()
    worker = start_worker("worker")
    assert eventually(lambda: report(node, job)["status"] == "completed", 120), worker.output() + node.output()
    assert report(node, job)["progress"]["captured"] == 6
    assert worker.stop() == 0
    assert "job_worker_stopped" in worker.output()
    assert not (worker.data / "run" / "job-worker").exists()
