"""``/metrics`` of a real service with several workers: whichever answers, the figures are everybody's."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.concurrency import eventually
from tests.support.metrics import value
from tests.support.serve_process import ServeProcess, children, get, is_healthy

pytestmark = pytest.mark.usefixtures("own_settings")

HEALTHY = {"route": "/health", "status": "200", "cache": "none"}


def healthy(url: str) -> float:
    return value(get(url, "/metrics"), "tintype_requests_total", **HEALTHY)


def test_all_workers_count_as_one() -> None:
    with ServeProcess(PORT="0", TINTYPE_WORKERS="3") as served:
        url = served.wait_listening()["url"]
        assert eventually(lambda: value(get(url, "/metrics"), "tintype_workers") == 3)
        for _ in range(40):
            get(url, "/health")
        assert {healthy(url) for _ in range(10)} == {40}
        assert value(get(url, "/metrics"), "tintype_requests_in_progress") == 1


def test_nothing_falls_when_a_worker_dies() -> None:
    with ServeProcess(PORT="0", TINTYPE_WORKERS="1") as served:
        url = served.wait_listening()["url"]
        for _ in range(5):
            get(url, "/health")
        (worker,) = children(served.process.pid)
        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: worker not in children(served.process.pid) and is_healthy(url))
        assert healthy(url) >= 6
