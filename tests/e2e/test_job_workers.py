"""Nodes that serve and job workers that capture, as processes: jobs end, also when a worker is killed or stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.node import JobWorkerNode, Node
from harness.servers import RedisServer
from harness.waiting import eventually
from tests.support.snapsharp_server import KEY, SnapSharpServer

StartWorker = Callable[[str], JobWorkerNode]
PAGES = [f"http://1.1.1.1/{number}" for number in range(6)]
"""A public address, so no lookup is needed; nothing connects to it."""


@pytest.fixture
def api() -> Iterator[SnapSharpServer]:
    """A hosted engine, so that the test needs no browser."""
    with SnapSharpServer() as server:
        yield server


@pytest.fixture
def settings(redis_server: RedisServer, api: SnapSharpServer, tmp_path: Path) -> dict[str, str]:
    """Settings that all nodes share."""
    return {
        "REDIS_URL": redis_server.url,
        "TINTYPE_STORAGE_DIR": str(tmp_path / "stored"),
        "TINTYPE_ENGINE": "snapsharp",
        "SNAPSHARP_API_KEY": KEY,
        "SNAPSHARP_BASE_URL": api.url,
        "TINTYPE_WORKERS": "1",
    }


@pytest.fixture
def start_worker(settings: dict[str, str], tmp_path: Path) -> Iterator[StartWorker]:
    with ExitStack() as running:
        yield lambda name: running.enter_context(JobWorkerNode(data=tmp_path / name, env=settings))


@pytest.fixture
def node(settings: dict[str, str], tmp_path: Path) -> Iterator[Node]:
    """A node that captures no pages of jobs itself."""
    with Node(data=tmp_path / "node", env={**settings, "TINTYPE_JOB_WORKERS": "0"}) as node:
        yield node


def submit(node: Node) -> str:
    response = node.client.post("/jobs", json={"pages": PAGES})
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def report(node: Node, job: str) -> dict[str, Any]:
    return dict(node.get(f"/jobs/{job}").json())


def test_workers_capture_the_jobs_of_a_node_that_captures_none(
    node: Node, start_worker: StartWorker, api: SnapSharpServer
) -> None:
    api.fault = "hanging"
    killed = start_worker("killed")
    job = submit(node)
    assert eventually(lambda: report(node, job)["progress"]["running"], 60), killed.output()
    killed.process.kill()
    killed.process.wait(30)
    api.fault = ""
    worker = start_worker("worker")
    assert eventually(lambda: report(node, job)["status"] == "completed", 60), worker.output() + node.output()
    assert report(node, job)["progress"]["captured"] == len(PAGES)
    assert worker.stop() == 0
    assert "job_worker_stopped" in worker.output()
    assert not (worker.data / "run" / "job-worker").exists()
