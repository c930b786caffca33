"""Shared servers of the end-to-end tests: one fixture site, and nodes started on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.node import Node
from harness.servers import RedisServer, S3Server
from harness.site_server import SiteServer

StartNode = Callable[..., Node]


@pytest.fixture(scope="module")
def site() -> Iterator[SiteServer]:
    with SiteServer() as server:
        yield server


@pytest.fixture
def start_node(site: SiteServer, tmp_path: Path) -> Iterator[StartNode]:
    """Start nodes that may reach the fixture site; all are ended afterwards."""
    with ExitStack() as running:

        def start(name: str = "data", **options: object) -> Node:
            env = {"TINTYPE_ALLOW_ADDRESSES": f"127.0.0.1:{site.port}", **dict(options.pop("env", {}))}  # type: ignore[call-overload]
            data = options.pop("data", tmp_path / name)
            return running.enter_context(Node(data=Path(str(data)), env=env, **options))  # type: ignore[arg-type]

        yield start


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server
