"""``GET /metrics`` of a running service with several workers: each worker exposes the metrics of all."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.concurrency import eventually
from tests.support.metrics import value
from tests.support.serve_process import ServeProcess, children, get, is_healthy

pytestmark = pytest.mark.usefixtures("own_settings")

HEALTHY = {"route": "/health", "status": "200", "cache": "none"}


def health_requests(url: str) -> float:
    return value(get(url, "/metrics"), "tintype_requests_total", **HEALTHY)


def test_every_worker_exposes_the_sums() -> None:
    with ServeProcess(PORT="0", TINTYPE_WORKERS="3") as served:
        url = served.wait_listening()["url"]
        assert eventually(lambda: value(get(url, "/metrics"), "tintype_workers") == 3)
        for _ in range(40):
            get(url, "/health")
        assert {health_requests(url) for _ in range(10)} == {40}
        assert value(get(url, "/metrics"), "tintype_requests_in_progress") == 1


def test_counters_survive_a_killed_worker() -> None:
    with ServeProcess(PORT="0", TINTYPE_WORKERS="1") as served:
        url = served.wait_listening()["url"]
        for _ in range(5):
            get(url, "/health")
        (worker,) = children(served.process.pid)
        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: worker not in children(served.process.pid) and is_healthy(url))
        assert health_requests(url) >= 6
