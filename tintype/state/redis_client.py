"""One Redis client per process and URL, with short timeouts and a circuit breaker."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import resources
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from tintype.errors import ConfigurationError
from tintype.state.circuit_breaker import CircuitBreaker

Result = TypeVar("Result")

CONNECT_TIMEOUT, RESPONSE_TIMEOUT = 1.0, 2.0
"""Seconds until connecting, or waiting for a response, fails."""
MAX_CONNECTIONS = 4096
"""Per process: one for each thread, and one for each lock whose lease is being extended."""
OPEN_SECONDS = 1.0
"""Seconds the circuit stays open after a failure; then one call probes."""


class CircuitOpen(redis.ConnectionError):
    """Not sent: Redis failed less than ``OPEN_SECONDS`` ago."""


class BreakerRedis(redis.Redis):
    """A client whose calls raise CircuitOpen without waiting after Redis has failed."""

    def __init__(self, pool: redis.ConnectionPool, breaker: CircuitBreaker) -> None:
        super().__init__(connection_pool=pool)
        self.breaker = breaker
        self._idle: deque[redis.Connection] = deque()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command, as all other methods do in the end; raises RedisError."""
        return self._guarded(super().execute_command, *args, **options)

    def execute_fast(self, *words: bytes | str | int) -> Any:
        """Send a command at a third of the cost of :meth:`execute_command`, on connections reserved for this method."""
        return self._guarded(self._execute_on_idle, *words)

    def _guarded(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if not self.breaker.allows():
            raise CircuitOpen("Redis failed a moment ago; not sent")
        try:
            response = call(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.breaker.record_failure(error)
            raise
        except redis.ResponseError:
            # Redis responded, so it works. After a restart the first response is NOSCRIPT.
            self.breaker.record_success()
            raise
        self.breaker.record_success()
        return response

    def _execute_on_idle(self, *words: bytes | str | int) -> Any:
        """Send a command and read its response; a closed connection is replaced once."""
        while self._idle:
            with suppress(IndexError, redis.ConnectionError):
                connection = self._idle.pop()
                if connection.pid == os.getpid():
                    return self._send_and_read(connection, words)
        return self._send_and_read(self.connection_pool.make_connection(), words)

    def _send_and_read(self, connection: Any, words: Sequence[bytes | str | int]) -> Any:
        try:
            connection.send_packed_command(connection.pack_command(*words), check_health=False)
            response = connection.read_response()
        except redis.ResponseError:
            self._idle.append(connection)
            raise
        self._idle.append(connection)
        return response

    def call_or_default(self, call: Callable[[], Any], default: Result) -> Result:
        """The result of a call that uses this client, or ``default`` if Redis fails."""
        try:
            return cast("Result", call())
        except redis.RedisError as error:
            if not isinstance(error, CircuitOpen):
                self.breaker.report(error)
            return default

    def script(self, *names: str) -> Script:
        """A Lua script, concatenated from files of this folder."""
        folder = resources.files(__package__)
        text = "\n".join(folder.joinpath(f"{name}.lua").read_text() for name in names)
        return self.register_script(text)


@functools.cache
def client_for(url: str) -> BreakerRedis:
    """The one client of this process for a URL, which connects on first use. Raises ConfigurationError."""
    # retry on a connection that Redis has closed, not after a timeout
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    try:
        parts = urlsplit(url)
        location = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        pool = redis.ConnectionPool.from_url(
            url,
            protocol=2,
            retry=retry,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=RESPONSE_TIMEOUT,
            max_connections=MAX_CONNECTIONS,
        )
    except ValueError as error:
        # without the text of the error, which may contain the password of the URL
        raise ConfigurationError("REDIS_URL: must be redis://…, rediss://… or unix://…") from error
    return BreakerRedis(pool, CircuitBreaker("redis", location, open_seconds=OPEN_SECONDS))
