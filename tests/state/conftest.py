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


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_client, "OPEN_SECONDS", 0.05)
    monkeypatch.setattr(redis_client, "RESPONSE_TIMEOUT", 0.2)
