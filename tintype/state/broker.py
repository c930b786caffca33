"""Messages to job workers by Dramatiq, in Redis or RabbitMQ: each lets a worker claim one page of the job store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

import dramatiq
import pika
import structlog
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerError
from dramatiq.middleware import Retries, TimeLimit

from tintype.circuit_breaker import CircuitBreaker
from tintype.errors import BackendUnavailable, ConfigurationError
from tintype.state.redis_client import RedisFailure, client_for

log = structlog.get_logger("tintype.state")

ACTOR = "capture_page"
HEARTBEAT_SECONDS = 15
"""A worker without a sign of life for so long has lost its messages to the others."""
MAINTENANCE_CHANCE = 100_000
"""Commands in a million that look for messages of lost workers in Redis; a worker sends at least four per second."""
MAX_RETRIES, MIN_BACKOFF, MAX_BACKOFF = 3, 1_000, 15_000
"""Retries of a message whose call has raised, and milliseconds before them; then it is a dead letter."""
TIME_LIMIT = 600_000
"""Milliseconds after which a call is ended; captures have limits of their own, which are far lower."""
DEAD_LETTER_SECONDS = 86_400
POLL_INTERVAL = 250
"""Milliseconds between two looks at an idle queue."""
_CONNECTION = {"heartbeat": "15", "connection_attempts": "1", "socket_timeout": "5", "blocked_connection_timeout": "10"}
"""Parameters of connections to RabbitMQ, in seconds, unless the URL has others."""
_FAILURES = (BrokerError, RedisFailure, pika.exceptions.AMQPError, OSError)


class DramatiqBroker:
    """Sends and receives messages; ``count_waiting`` returns how many wait in the queue of the broker."""

    def __init__(self, broker: dramatiq.Broker, queue: str, location: str, count_waiting: Callable[[], int]) -> None:
        self._broker, self._queue, self._count_waiting = broker, queue, count_waiting
        self._breaker = CircuitBreaker("broker", location, open_seconds=0)
        broker.add_middleware(TimeLimit(time_limit=TIME_LIMIT))
        broker.add_middleware(Retries(max_retries=MAX_RETRIES, min_backoff=MIN_BACKOFF, max_backoff=MAX_BACKOFF))
        _report_by(self._breaker)

    def top_up(self, pages: int) -> int:
        """Send messages until one waits for each of so many pages; returns their number. Raises BackendUnavailable."""
        with self._raising_errors():
            self._broker.declare_queue(self._queue)
            missing = max(0, pages - self._count_waiting())
            for _ in range(missing):
                message = dramatiq.Message[None](
                    queue_name=self._queue, actor_name=ACTOR, args=(), kwargs={}, options={}
                )
                self._broker.enqueue(message)
            return missing

    @contextmanager
    def _raising_errors(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            self._breaker.record_failure(error)
            raise BackendUnavailable("the broker of jobs failed; see the log") from error
        self._breaker.record_success()

    def consume(self, work: Callable[[], None], threads: int) -> DramatiqConsumer:
        """Call ``work`` for each message, in so many threads; a message is acknowledged after the call."""
        dramatiq.actor(actor_name=ACTOR, queue_name=self._queue, broker=self._broker)(work)
        worker = dramatiq.Worker(
            self._broker, queues={self._queue}, worker_timeout=POLL_INTERVAL, worker_threads=threads
        )
        # One message more for each thread, so that no thread waits for the next look at the queue.
        worker.queue_prefetch = worker.delay_prefetch = 2 * threads
        worker.start()
        return DramatiqConsumer(worker)

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._broker.close()


class DramatiqConsumer:
    """The threads of a job worker."""

    def __init__(self, worker: dramatiq.Worker) -> None:
        self._worker = worker

    def pause(self) -> None:
        """Begin no further call."""
        for thread in self._worker.workers:
            thread.stop()

    def stop(self, timeout: float) -> None:
        """Wait at most ``timeout`` seconds for the running calls, and return the other messages."""
        self._worker.stop(timeout=int(timeout * 1000))

    def is_alive(self) -> bool:
        """Whether every thread runs."""
        threads = [*self._worker.workers, *self._worker.consumers.values()]
        return all(thread.is_alive() for thread in threads)


def open_redis(url: str, prefix: str) -> DramatiqBroker:
    """A broker in Redis, which connects on first use. Raises ConfigurationError."""
    queue, namespace, client = "jobs", f"{prefix}:broker", client_for(url)
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        client=client,
        middleware=[],
        namespace=namespace,
        heartbeat_timeout=HEARTBEAT_SECONDS * 1000,
        maintenance_chance=MAINTENANCE_CHANCE,
        dead_message_ttl=DEAD_LETTER_SECONDS * 1000,
    )

    def count_waiting() -> int:
        # Also a sign of life: maintenance lists all keys of Redis for each process that has given none.
        broker.do_qsize(queue)
        return int(client.llen(f"{namespace}:{queue}"))

    return DramatiqBroker(broker, queue, _location(url), count_waiting)


def open_rabbitmq(url: str, prefix: str) -> DramatiqBroker:
    """A broker in RabbitMQ, which connects on first use. Raises ConfigurationError."""
    queue = f"jobs.{prefix}"
    try:
        broker = RabbitmqBroker(url=_with_parameters(url), middleware=[], confirm_delivery=True)
        location = _location(url)
    except (ValueError, TypeError) as error:
        # without the text of the error, which may contain the password of the URL
        raise ConfigurationError("TINTYPE_BROKER_URL: must be amqp://user:password@host:port/vhost") from error
    return DramatiqBroker(broker, queue, location, lambda: broker.get_queue_message_counts(queue)[0])


def _with_parameters(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**_CONNECTION, **dict(parse_qsl(parts.query))})).geturl()


def _location(url: str) -> str:
    """Host and port of a URL, without its password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    ports = {"amqp": 5672, "amqps": 5671}
    return f"{parts.hostname}:{parts.port or ports.get(parts.scheme, 6379)}"


class _LibraryLogs(logging.Handler):
    """Reports errors of the libraries once per outage, instead of once per second and connection."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        super().__init__(logging.ERROR)
        self._breaker = breaker

    def emit(self, record: logging.LogRecord) -> None:
        self._breaker.record_failure(record.getMessage())


def _report_by(breaker: CircuitBreaker) -> None:
    for name in ("dramatiq", "pika"):
        library = logging.getLogger(name)
        library.handlers = [_LibraryLogs(breaker)]
        library.propagate = False
