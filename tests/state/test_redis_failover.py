"""State in Redis after a failover: caches, locks and rate limits use the new primary."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest
import structlog
from limits.errors import StorageError

from harness.servers import Forwarder, RedisServer
from tests.support.concurrency import eventually
from tests.support.contracts.cache import KB
from tintype.state import redis_client
from tintype.state.redis import RedisCache, RedisLocks, RedisRateLimitStorage
from tintype.state.redis_client import client_for


class Failover:
    """Two servers, and a forwarder that leads to the primary."""

    def __init__(self, old: RedisServer, new: RedisServer, forwarder: Forwarder) -> None:
        self.old, self.new, self.forwarder = old, new, forwarder
        self.url = f"redis://127.0.0.1:{forwarder.port}/0"

    def move_name(self) -> None:
        self.forwarder.target = self.new.port

    def demote(self) -> None:
        """Make the old primary a replica of the new one; it keeps its connections and rejects writes."""
        client_for(self.old.url).replicaof("127.0.0.1", self.new.port)


@pytest.fixture
def failover(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failover]:
    monkeypatch.setattr(redis_client, "MIN_RENEWAL_PAUSE", 0.02)
    monkeypatch.setattr(redis_client, "MAX_RENEWAL_PAUSE", 0.1)
    with RedisServer() as new, Forwarder(server.port) as forwarder:
        yield Failover(server, new, forwarder)


class TestFailover:
    def test_cache_follows_a_planned_failover(self, failover: Failover) -> None:
        cache = RedisCache(failover.url, "records", 100 * KB)
        cache.put("key", b"1", 60)
        failover.move_name()
        failover.demote()
        with structlog.testing.capture_logs() as logs:
            cache.put("key", b"2", 60)
            cache.put("key", b"3", 60)
        assert cache.get("key") == b"3"
        assert RedisCache(failover.new.url, "records", 100 * KB).get("key") == b"3"
        assert [log["event"] for log in logs] == ["redis_primary_lost", "state_failed"]

    def test_cache_follows_a_name_that_moves_later(self, failover: Failover) -> None:
        cache = RedisCache(failover.url, "records", 100 * KB)
        cache.put("key", b"1", 60)
        failover.demote()
        for _ in range(20):
            cache.put("key", b"2", 60)
        failover.move_name()
        assert eventually(lambda: cache.put("key", b"3", 60) or cache.get("key") == b"3")
        assert failover.forwarder.accepted < 20

    def test_locks_and_limits_follow_a_failover(self, failover: Failover) -> None:
        locks, storage = RedisLocks(failover.url), RedisRateLimitStorage(failover.url)
        with locks.hold("name", 1):
            storage.count("key", 10, 60)
        failover.move_name()
        failover.demote()
        with suppress(StorageError):
            storage.count("key", 10, 60)
        assert storage.count("key", 10, 60)[3] == 1
        with locks.hold("name", 1) as held, locks.hold("name", 0) as again:
            assert (held, again) == (True, False)
        assert client_for(failover.new.url).keys("tintype:limits:*")

    def test_all_connections_of_many_threads_are_replaced(self, failover: Failover) -> None:
        cache = RedisCache(failover.url, "records", 100 * KB)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: cache.put(f"key-{n}", b"1", 60), range(64)))
            failover.move_name()
            failover.demote()
            list(pool.map(lambda n: cache.put(f"key-{n}", b"2", 60), range(64)))
            list(pool.map(lambda n: cache.put(f"key-{n}", b"3", 60), range(64)))
        new = RedisCache(failover.new.url, "records", 100 * KB)
        assert [new.get(f"key-{number}") for number in range(64)] == [b"3"] * 64

    def test_connections_to_an_old_primary_have_a_limited_age(
        self, failover: Failover, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_client, "MAX_CONNECTION_AGE", 0.0)
        cache = RedisCache(failover.url, "records", 100 * KB)
        cache.put("key", b"1", 60)
        failover.move_name()
        cache.put("key", b"2", 60)
        assert RedisCache(failover.new.url, "records", 100 * KB).get("key") == b"2"

    @pytest.mark.parametrize(
        "reply",
        [
            b"-READONLY You can't write against a read only replica.",
            b"-LOADING Redis is loading the dataset in memory",
            b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            b"-CLUSTERDOWN The cluster is down",
            b"-NOREPLICAS Not enough good replicas to write.",
            b"-MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.",
        ],
        ids=lambda reply: reply.split()[0].decode(),
    )
    @pytest.mark.usefixtures("short_pause")
    def test_every_error_of_a_lost_primary_ends_its_connections(self, failover: Failover, reply: bytes) -> None:
        with scripted_server(reply + b"\r\n") as port:
            failover.forwarder.target = port
            cache = RedisCache(failover.url, "records", 100 * KB)
            cache.put("key", b"1", 60)
            failover.move_name()
            assert eventually(lambda: cache.put("key", b"2", 60) or cache.get("key") == b"2")


@contextmanager
def scripted_server(reply: bytes) -> Iterator[int]:
    """A server that sends one reply to every command, and its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.readline():
                if head.startswith(b"*"):
                    words = [self.rfile.read(int(self.rfile.readline()[1:]) + 2) for _ in range(int(head[1:]))]
                    is_setup = words[0].upper().startswith((b"CLIENT", b"HELLO", b"SELECT"))
                    self.wfile.write(b"+OK\r\n" if is_setup else reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
