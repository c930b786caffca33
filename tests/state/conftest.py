"""The fixtures of a small disk and of Redis servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.servers import RedisServer
from tests.support.disks import small_disk
from tintype.state import redis_client
from tintype.state.redis_client import client_for

__all__ = ["small_disk"]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def url(shared_server: RedisServer) -> str:
    client_for(shared_server.url).flushall()
    return shared_server.url


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that the test may stop."""
    with RedisServer() as server:
        yield server


@pytest.fixture(autouse=True)
def long_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a Redis that the machine stalls; a stopped one refuses connections at once."""
    for name in ("CONNECT_TIMEOUT", "RESPONSE_TIMEOUT", "FAST_TIMEOUT"):
        monkeypatch.setattr(redis_client, name, 30.0)


@pytest.fixture
def short_timeouts(long_timeouts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a Redis that is frozen."""
    for name in ("RESPONSE_TIMEOUT", "FAST_TIMEOUT"):
        monkeypatch.setattr(redis_client, name, 1.0)


@pytest.fixture
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send commands again soon after a failure."""
    monkeypatch.setattr(redis_client, "OPEN_SECONDS", 0.05)
