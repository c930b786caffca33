"""Messages to job workers in real brokers: Redis and RabbitMQ, which are stopped, emptied and restarted."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog

from harness.servers import RabbitServer, RedisServer
from tests.support.concurrency import eventually
from tintype.errors import BackendUnavailable, ConfigurationError
from tintype.state import broker as broker_module
from tintype.state.broker import DramatiqBroker, open_rabbitmq, open_redis


@dataclass
class Service:
    """A broker that runs, and how to open a connection to it."""

    server: RedisServer | RabbitServer
    open: Callable[[str, str], DramatiqBroker]

    def connect(self, prefix: str = "tintype") -> DramatiqBroker:
        return self.open(self.server.url, prefix)


@pytest.fixture(scope="module", params=["redis", "rabbitmq"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    server = RedisServer(persistent=True) if request.param == "redis" else RabbitServer()
    with server:
        yield Service(server, open_redis if request.param == "redis" else open_rabbitmq)


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A prefix of keys and queues for each test."""
    return f"t{abs(hash(request.node.name))}"


class Calls:
    """Counts calls of an actor."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count += 1


def test_tops_up_to_the_number_of_pages(service: Service, prefix: str) -> None:
    broker, other = service.connect(prefix), service.connect(prefix)
    assert (broker.top_up(5), broker.top_up(5), other.top_up(7), other.top_up(0)) == (5, 0, 2, 0)
    broker.close()
    other.close()


def test_installations_with_different_prefixes_share_nothing(service: Service, prefix: str) -> None:
    one, two = service.connect(prefix), service.connect(f"{prefix}-two")
    assert (one.top_up(2), two.top_up(3)) == (2, 3)
    one.close()
    two.close()


def test_calls_the_worker_once_for_each_message(service: Service, prefix: str) -> None:
    broker, calls = service.connect(prefix), Calls()
    broker.top_up(20)
    consumer = broker.consume(calls, threads=3)
    assert consumer.is_alive()
    assert eventually(lambda: calls.count == 20, 60)
    consumer.pause()
    consumer.stop(30)
    assert not consumer.is_alive()
    assert broker.top_up(0) == 0
    assert calls.count == 20
    broker.close()


def test_stop_finishes_the_running_call_and_returns_the_other_messages(service: Service, prefix: str) -> None:
    broker, begun, release, calls = service.connect(prefix), threading.Event(), threading.Event(), Calls()

    def work() -> None:
        calls()
        begun.set()
        release.wait(30)

    broker.top_up(10)
    consumer = broker.consume(work, threads=1)
    assert begun.wait(30)
    consumer.pause()
    release.set()
    consumer.stop(30)
    assert calls.count == 1
    assert eventually(lambda: broker.top_up(9) == 0, 60)
    broker.close()


def test_call_that_raises_is_repeated(service: Service, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "MIN_BACKOFF", 10)
    broker, calls = service.connect(prefix), Calls()

    def work() -> None:
        calls()
        if calls.count == 1:
            raise RuntimeError("once")

    broker.top_up(1)
    consumer = broker.consume(work, threads=1)
    assert eventually(lambda: calls.count == 2, 60)
    consumer.stop(30)
    broker.close()


def test_restarted_broker_is_used_again(service: Service, prefix: str) -> None:
    broker, calls = service.connect(prefix), Calls()
    consumer = broker.consume(calls, threads=1)
    service.server.stop()
    with structlog.testing.capture_logs() as logs:
        with pytest.raises(BackendUnavailable):
            broker.top_up(3)
        service.server.start()
        assert eventually(lambda: _sends(broker), 60)
        assert eventually(lambda: calls.count >= 1, 60)
    assert "guest:" not in str(logs)
    assert {entry["event"] for entry in logs} <= {"state_failed", "state_recovered"}
    assert sum(entry["event"] == "state_failed" and entry["backend"] == "broker" for entry in logs) <= 3
    assert consumer.is_alive()
    consumer.stop(30)
    broker.close()


def _sends(broker: DramatiqBroker) -> bool:
    try:
        return broker.top_up(1) >= 0
    except BackendUnavailable:
        return False


@pytest.mark.parametrize("url", ["amqp://user:secret@host:port/", "amqp://user:secret@[::1/"])
def test_error_for_an_invalid_url_does_not_repeat_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="TINTYPE_BROKER_URL") as raised:
        open_rabbitmq(url, "tintype")
    assert "secret" not in str(raised.value)


WITHOUT_BROKER = """
import sys
from tintype import application
from tintype.settings import Settings
application.build_application(Settings.load(), serving=True).close()
assert not {"dramatiq", "pika"} & set(sys.modules)
"""


def test_service_without_a_broker_does_not_import_dramatiq(tmp_path: object) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_BROKER], check=True, timeout=120, cwd=str(tmp_path))
