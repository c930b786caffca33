"""Storage that hangs: time limit, places, circuit breaker; S3 servers that never reply, reply by half or reset."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.contracts.storage import stored_object
from tests.support.fakes import Clock, MemoryStorage
from tintype.deadline import answer_within
from tintype.errors import BackendUnavailable, Overloaded
from tintype.model import StoredObject
from tintype.storage import guarded, s3_client
from tintype.storage.guarded import GuardedStorage
from tintype.storage.s3 import S3Storage

STORED = stored_object()


class HangingStorage(MemoryStorage):
    """Hangs in every read until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.released, self.started = threading.Event(), threading.Semaphore(0)
        self.reads = 0

    def get(self, key: str) -> StoredObject | None:
        self.reads += 1
        self.started.release()
        assert self.released.wait(30)
        return super().get(key)


@pytest.fixture
def hanging() -> Iterator[HangingStorage]:
    storage = HangingStorage()
    yield storage
    storage.released.set()


class TestTimeLimit:
    def test_default_is_15_seconds(self) -> None:
        assert guarded.OPERATION_TIMEOUT == 15

    def test_operation_that_hangs_is_unavailable(
        self, hanging: HangingStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guarded, "OPERATION_TIMEOUT", 0.05)
        with pytest.raises(BackendUnavailable) as raised:
            GuardedStorage(hanging).get(STORED.key)
        assert raised.value.retry_after

    def test_deadline_of_the_request_ends_the_wait_earlier(
        self, hanging: HangingStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guarded, "OPERATION_TIMEOUT", 600)
        monkeypatch.setattr(guarded, "MIN_OPERATION_TIMEOUT", 0.05)
        with answer_within(0), pytest.raises(BackendUnavailable):
            GuardedStorage(hanging).get(STORED.key)

    def test_operation_after_the_deadline_has_some_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded, "MIN_OPERATION_TIMEOUT", 15)
        storage = GuardedStorage(MemoryStorage())
        with answer_within(0):
            storage.put(STORED)
        assert storage.get(STORED.key) == STORED

    def test_errors_and_results_pass_through(self) -> None:
        storage = MemoryStorage()
        guard = GuardedStorage(storage)
        guard.put(STORED)
        assert guard.get(STORED.key) == STORED
        storage.error = "the disk is full"
        with pytest.raises(BackendUnavailable, match="the disk is full"):
            guard.put(STORED)
        with pytest.raises(BackendUnavailable, match="the disk is full"):
            guard.get(STORED.key)


class TestPlaces:
    def test_limited_number_of_operations_hangs(self, hanging: HangingStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded, "MAX_WAIT", 0.01)
        guard = GuardedStorage(hanging)
        with ThreadPoolExecutor(guarded.MAX_CONCURRENT) as pool:
            running = [pool.submit(guard.get, STORED.key) for _ in range(guarded.MAX_CONCURRENT)]
            for _ in running:
                assert hanging.started.acquire(timeout=10)
            with pytest.raises(Overloaded):
                guard.get(STORED.key)
            hanging.released.set()
            assert [one.result(10) for one in running] == [None] * guarded.MAX_CONCURRENT
        assert guard.get(STORED.key) is None


class TestCircuit:
    def test_opens_after_a_timeout_and_closes_after_a_probe(
        self, hanging: HangingStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guarded, "OPERATION_TIMEOUT", 0.05)
        clock = Clock()
        guard = GuardedStorage(hanging, clock)
        for _ in range(20):
            with pytest.raises(BackendUnavailable):
                guard.get(STORED.key)
        assert hanging.started.acquire(timeout=10)
        assert hanging.reads == 1
        monkeypatch.setattr(guarded, "OPERATION_TIMEOUT", 15)
        guard.put(STORED)
        hanging.released.set()
        clock.advance(guarded.OPEN_SECONDS + 1)
        assert [guard.get(STORED.key) for _ in range(3)] == [STORED] * 3

    def test_stays_closed_after_quick_failures(self) -> None:
        storage = MemoryStorage()
        guard = GuardedStorage(storage)
        storage.error = "this object is damaged"
        for _ in range(3):
            with pytest.raises(BackendUnavailable, match="damaged"):
                guard.get(STORED.key)
        storage.error = ""
        assert guard.get(STORED.key) is None


def never_reply(_: socket.socket) -> None:
    threading.Event().wait(5)


def reply_by_half(client: socket.socket) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nhalf")
    threading.Event().wait(5)


def reset(client: socket.socket) -> None:
    client.recv(65536)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextmanager
def server(behave: object) -> Iterator[str]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            behave(self.request)  # type: ignore[operator]

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


@pytest.mark.parametrize("behave", [never_reply, reply_by_half, reset])
def test_s3_server_that_misbehaves_is_unavailable_within_the_limit(
    behave: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "READ_TIMEOUT", 0.1)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    with server(behave) as endpoint:
        guard = GuardedStorage(S3Storage("bucket", region="us-east-1", endpoint_url=endpoint, credentials=keys))
        begin = time.monotonic()
        with pytest.raises(BackendUnavailable):
            guard.get(STORED.key)
        assert time.monotonic() - begin < guarded.OPERATION_TIMEOUT
