"""``/metrics`` of a real service with several workers: whichever answers, the figures are everybody's."""

from __future__ import annotations

import http.client
import os
import signal
from urllib.parse import urlsplit

import pytest

from tests.commands.test_serve import Served, children
from tests.support.concurrency import eventually
from tests.support.metrics import value

pytestmark = pytest.mark.usefixtures("own_settings")

HEALTHY = {"route": "/health", "status": "200", "cache": "none"}


def get(url: str, path: str) -> str:
    """On a connection of its own, so that any worker may get it."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode(errors="replace")
    finally:
        connection.close()


def healthy(url: str) -> float:
    return value(get(url, "/metrics"), "tintype_requests_total", **HEALTHY)


def answers(url: str) -> bool:
    try:
        return bool(get(url, "/health"))
    except OSError:
        return False


def test_all_workers_count_as_one() -> None:
    with Served(PORT="0", TINTYPE_WORKERS="3") as served:
        url = served.listening()["url"]
        assert eventually(lambda: value(get(url, "/metrics"), "tintype_workers") == 3)
        for _ in range(40):
            get(url, "/health")
        assert {healthy(url) for _ in range(10)} == {40}
        assert value(get(url, "/metrics"), "tintype_requests_in_progress") == 1


def test_nothing_falls_when_a_worker_dies() -> None:
    with Served(PORT="0", TINTYPE_WORKERS="1") as served:
        url = served.listening()["url"]
        for _ in range(5):
            get(url, "/health")
        (worker,) = children(served.process.pid)
        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: worker not in children(served.process.pid) and answers(url))
        assert healthy(url) >= 6
