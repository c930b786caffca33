"""How is Redis asked? By one client a process and address, which gives up soon and then leaves it alone for a while."""

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
"""Seconds until a connection, or an answer, counts as lost."""
MAX_CONNECTIONS = 4096
"""Of one process: one for each thread that asks, and one for each lock that is being renewed."""
OPEN_SECONDS = 1.0
"""Seconds a Redis that failed is left alone; then one caller tries."""


class CircuitOpen(redis.ConnectionError):
    """Refused here: Redis failed a moment ago."""


class BreakerRedis(redis.Redis):
    """A client that, once Redis has failed, refuses at once instead of waiting again and again."""

    def __init__(self, pool: redis.ConnectionPool, breaker: CircuitBreaker) -> None:
        super().__init__(connection_pool=pool)
        self.breaker = breaker
        self._idle: deque[redis.Connection] = deque()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask Redis, as every other method does in the end; raises RedisError."""
        return self._guarded(super().execute_command, *args, **options)

    def execute_fast(self, *words: bytes | str | int) -> Any:
        """Ask as :meth:`execute_command` does, at a third of its cost: on a connection kept for nothing else."""
        return self._guarded(self._execute_on_idle, *words)

    def _guarded(self, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if not self.breaker.allows():
            raise CircuitOpen("left alone for a moment after a failure")
        try:
            answer = question(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.breaker.record_failure(error)
            raise
        except redis.ResponseError:
            # A refusal is an answer too: after a restart the first one is that a script is unknown.
            self.breaker.record_success()
            raise
        self.breaker.record_success()
        return answer

    def _execute_on_idle(self, *words: bytes | str | int) -> Any:
        """One command and its answer; a connection that was closed meanwhile gets a second try."""
        while self._idle:
            with suppress(IndexError, redis.ConnectionError):
                connection = self._idle.pop()
                if connection.pid == os.getpid():
                    return self._send_and_read(connection, words)
        return self._send_and_read(self.connection_pool.make_connection(), words)

    def _send_and_read(self, connection: Any, words: Sequence[bytes | str | int]) -> Any:
        try:
            connection.send_packed_command(connection.pack_command(*words), check_health=False)
            answer = connection.read_response()
        except redis.ResponseError:
            self._idle.append(connection)
            raise
        self._idle.append(connection)
        return answer

    def call_or_default(self, call: Callable[[], Any], default: Result) -> Result:
        """What Redis answers to a question, or something else if it cannot."""
        try:
            return cast("Result", call())
        except redis.RedisError as error:
            if not isinstance(error, CircuitOpen):
                self.breaker.report(error)
            return default

    def script(self, *names: str) -> Script:
        """A script of this folder, made of several files."""
        folder = resources.files(__package__)
        text = "\n".join(folder.joinpath(f"{name}.lua").read_text() for name in names)
        return self.register_script(text)


@functools.cache
def client_for(url: str) -> BreakerRedis:
    """The one client of this process for an address; connects when first asked. Raises ConfigurationError."""
    # A connection that Redis closed meanwhile deserves a second try, one that times out does not.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    try:
        parts = urlsplit(url)
        where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        pool = redis.ConnectionPool.from_url(
            url,
            protocol=2,
            retry=retry,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=RESPONSE_TIMEOUT,
            max_connections=MAX_CONNECTIONS,
        )
    except ValueError as error:
        # the text is left out: it may quote what was written, a password included
        raise ConfigurationError("REDIS_URL: must be redis://…, rediss://… or unix://…") from error
    return BreakerRedis(pool, CircuitBreaker("redis", where, open_seconds=OPEN_SECONDS))
