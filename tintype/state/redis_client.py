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

CONNECT_WITHIN, ANSWER_WITHIN = 1.0, 2.0
"""Seconds until a connection, or an answer, counts as lost."""
MOST_CONNECTIONS = 4096
"""Of one process: one for each thread that asks, and one for each lock that is being renewed."""
REST = 1.0
"""Seconds a Redis that failed is left alone; then one caller tries."""


class CircuitOpen(redis.ConnectionError):
    """Refused here: Redis failed a moment ago."""


class BreakerRedis(redis.Redis):
    """A client that, once Redis has failed, refuses at once instead of waiting again and again."""

    def __init__(self, pool: redis.ConnectionPool, outage: CircuitBreaker) -> None:
        super().__init__(connection_pool=pool)
        self.outage = outage
        self._at_hand: deque[redis.Connection] = deque()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask Redis, as every other method does in the end; raises RedisError."""
        return self._watched(super().execute_command, *args, **options)

    def ask(self, *words: bytes | str | int) -> Any:
        """Ask as :meth:`execute_command` does, at a third of its cost: on a connection kept for nothing else."""
        return self._watched(self._exchange, *words)

    def _watched(self, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if not self.outage.may_try():
            raise CircuitOpen("left alone for a moment after a failure")
        try:
            answer = question(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.outage.failed(error)
            raise
        except redis.ResponseError:
            # A refusal is an answer too: after a restart the first one is that a script is unknown.
            self.outage.passed()
            raise
        self.outage.passed()
        return answer

    def _exchange(self, *words: bytes | str | int) -> Any:
        """One command and its answer; a connection that was closed meanwhile gets a second try."""
        while self._at_hand:
            with suppress(IndexError, redis.ConnectionError):
                connection = self._at_hand.pop()
                if connection.pid == os.getpid():
                    return self._talk(connection, words)
        return self._talk(self.connection_pool.make_connection(), words)

    def _talk(self, connection: Any, words: Sequence[bytes | str | int]) -> Any:
        try:
            connection.send_packed_command(connection.pack_command(*words), check_health=False)
            answer = connection.read_response()
        except redis.ResponseError:
            self._at_hand.append(connection)
            raise
        self._at_hand.append(connection)
        return answer

    def attempt(self, question: Callable[[], Any], otherwise: Result) -> Result:
        """What Redis answers to a question, or something else if it cannot."""
        try:
            return cast("Result", question())
        except redis.RedisError as error:
            if not isinstance(error, CircuitOpen):
                self.outage.complain(error)
            return otherwise

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
            socket_connect_timeout=CONNECT_WITHIN,
            socket_timeout=ANSWER_WITHIN,
            max_connections=MOST_CONNECTIONS,
        )
    except ValueError as error:
        # the text is left out: it may quote what was written, a password included
        raise ConfigurationError("REDIS_URL: must be redis://…, rediss://… or unix://…") from error
    return BreakerRedis(pool, CircuitBreaker("redis", where, pause=REST))
