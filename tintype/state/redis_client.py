"""One Redis client per process and URL, with short timeouts, a circuit breaker, and new connections after a failover.

A planned failover turns the old primary into a replica, which keeps its connections and rejects writes. After an error
that only such a server returns, the client drops all connections; the next ones go where the name or the proxy leads by
then. A limited age of connections does the same for an old primary that returns no such error.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import resources
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import redis
import structlog
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from tintype.circuit_breaker import CircuitBreaker
from tintype.errors import ConfigurationError
from tintype.logs import LogThrottle

log = structlog.get_logger("tintype.state")

Result = TypeVar("Result")

RedisFailure = redis.RedisError
"""The error that the calls of a client raise."""
PREFIX = "tintype"
"""Start of every key, unless the operator sets another one for a Redis that several installations share."""
CONNECT_TIMEOUT, RESPONSE_TIMEOUT = 1.0, 2.0
"""Seconds until connecting, or waiting for a response, fails."""
FAST_TIMEOUT = 0.2
"""Seconds until a call of every cached response fails. The caller has a substitute, which must not come late."""
PROBE_WAIT = 0.2
"""Seconds that the one call per ``OPEN_SECONDS`` waits for the probe of a server that has failed."""
MAX_CONNECTIONS = 4096
"""Per process: one for each thread, and one for each lock whose lease is being extended."""
OPEN_SECONDS = 1.0
"""Seconds the circuit stays open after a failure; then one call probes."""
MAX_CONNECTION_AGE = 300.0
"""Seconds after which connections are replaced, so that a name that has moved is followed without an error."""
MIN_RENEWAL_PAUSE, MAX_RENEWAL_PAUSE = 0.5, 8.0
"""Seconds between two renewals while the server has no primary: doubled each time, up to the maximum."""
_NO_PRIMARY = (redis.exceptions.ReadOnlyError, redis.exceptions.ClusterDownError, redis.exceptions.BusyLoadingError)
_NO_PRIMARY_CODES = ("NOREPLICAS", "MISCONF", "UNBLOCKED")
"""Codes of redis.io/docs for servers that accept no writes now, and that redis-py has no class for."""


class CircuitOpen(redis.ConnectionError):
    """Not sent: Redis failed less than ``OPEN_SECONDS`` ago."""


class BreakerRedis(redis.Redis):
    """A client whose calls raise CircuitOpen without waiting after Redis has failed.

    ``open_pool`` makes a pool of connections. All connections are replaced if the server is not a primary any more.
    """

    def __init__(
        self,
        open_pool: Callable[[], redis.ConnectionPool],
        breaker: CircuitBreaker,
        location: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(connection_pool=open_pool())
        self.breaker = breaker
        self._open_pool = open_pool
        self._location = location
        self._clock = clock
        self._idle: deque[redis.Connection] = deque()
        self._last_probe: threading.Thread | None = None
        self._renew_at = clock() + MAX_CONNECTION_AGE
        self._last_renewal, self._pause = float("-inf"), MIN_RENEWAL_PAUSE
        self._log_throttle = LogThrottle(clock=clock)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command, as all other methods do in the end; raises RedisError."""
        return self._guarded(super().execute_command, *args, **options)

    def execute_fast(self, *words: bytes | str | int) -> Any:
        """Send a command at a third of the cost of :meth:`execute_command`, on connections reserved for this method."""
        try:
            return self._guarded(self._execute_on_idle, *words)
        except redis.TimeoutError:
            self._start_probe()  # a server that was only slow once is used again without a pause
            raise

    def _guarded(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if not self.breaker.allows() or (self.breaker.is_open and not self._probe()):
            raise CircuitOpen("Redis failed a moment ago; not sent")
        if self._clock() >= self._renew_at:
            self._renew_connections()
        try:
            response = call(*args, **options)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.breaker.record_failure(error)
            self._leave_without_primary(error)
            raise
        except redis.ResponseError as error:
            # Redis responded, so it works. After a restart the first response is NOSCRIPT.
            self.breaker.record_success()
            self._leave_without_primary(error)
            raise
        self.breaker.record_success()
        return response

    def _probe(self) -> bool:
        """Whether a server that has failed responds within ``PROBE_WAIT``; a later response closes the circuit, too."""
        self._start_probe().join(PROBE_WAIT)
        return not self.breaker.is_open

    def _start_probe(self) -> threading.Thread:
        """The thread that probes, a new one unless one runs already."""
        probe = self._last_probe
        if probe is None or not probe.is_alive():  # in a child after a fork, the threads of the parent are not alive
            probe = self._last_probe = threading.Thread(target=self._send_probe, name="redis-probe", daemon=True)
            probe.start()
        return probe

    def _send_probe(self) -> None:
        try:
            super().execute_command("PING")  # type: ignore[no-untyped-call]
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self.breaker.record_failure(error)
        except redis.ResponseError:
            self.breaker.record_success()  # it responds; the next call gets its error
        else:
            self.breaker.record_success()

    def _leave_without_primary(self, error: redis.RedisError) -> None:
        """Drop all connections if an error shows that their server is no primary, at most once per pause."""
        if not isinstance(error, _NO_PRIMARY) and not str(error).startswith(_NO_PRIMARY_CODES):
            return
        elapsed = self._clock() - self._last_renewal
        if elapsed < self._pause:
            return
        self._pause = MIN_RENEWAL_PAUSE if elapsed > 2 * MAX_RENEWAL_PAUSE else min(2 * self._pause, MAX_RENEWAL_PAUSE)
        self._renew_connections()
        if self._log_throttle.allows():
            effect = "all connections are replaced until a primary responds"
            log.warning("redis_primary_lost", location=self._location, reason=str(error), effect=effect)

    def _renew_connections(self) -> None:
        """Use new connections from the next command on. A command in progress finishes on its connection."""
        self._last_renewal = self._clock()
        self._renew_at = self._last_renewal + MAX_CONNECTION_AGE
        old_pool, old_idle = self.connection_pool, self._idle
        self.connection_pool, self._idle = self._open_pool(), deque()
        old_pool.disconnect(inuse_connections=False)
        with suppress(IndexError):
            while True:
                old_idle.pop().disconnect()  # type: ignore[no-untyped-call]

    def _execute_on_idle(self, *words: bytes | str | int) -> Any:
        """Send a command and read its response; a closed connection is replaced once."""
        idle = self._idle
        while idle:
            with suppress(IndexError, redis.ConnectionError):
                connection = idle.pop()
                if connection.pid == os.getpid():
                    return _send_and_read(connection, words, idle)
        opened: Any = self.connection_pool.make_connection()
        opened.socket_timeout = FAST_TIMEOUT
        return _send_and_read(opened, words, idle)

    def call_or_default(self, call: Callable[[], Any], default: Result) -> Result:
        """The result of a call that uses this client, or ``default`` if Redis fails."""
        try:
            return cast("Result", call())
        except redis.RedisError as error:
            self.report(error)
            return default

    def report(self, error: redis.RedisError) -> None:
        """Count and log a failure, unless the circuit was open and the failure is reported already."""
        if not isinstance(error, CircuitOpen):
            self.breaker.report(error)

    def script(self, *names: str) -> Script:
        """A Lua script, concatenated from files of this folder."""
        folder = resources.files(__package__)
        text = "\n".join(folder.joinpath(f"{name}.lua").read_text() for name in names)
        return self.register_script(text)


def _send_and_read(connection: Any, words: Sequence[bytes | str | int], idle: deque[redis.Connection]) -> Any:
    """The response to a command; the connection is idle afterwards unless it is broken."""
    try:
        connection.send_packed_command(connection.pack_command(*words), check_health=False)
        response = connection.read_response()
    except redis.ResponseError:
        idle.append(connection)
        raise
    idle.append(connection)
    return response


@functools.cache
def client_for(url: str) -> BreakerRedis:
    """The one client of this process for a URL, which connects on first use. Raises ConfigurationError."""
    # retry on a connection that Redis has closed, not after a timeout
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    try:
        parts = urlsplit(url)
        location = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        open_pool = functools.partial(
            redis.ConnectionPool.from_url,
            url,
            protocol=2,
            retry=retry,
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_timeout=RESPONSE_TIMEOUT,
            max_connections=MAX_CONNECTIONS,
        )
        breaker = CircuitBreaker("redis", location, open_seconds=OPEN_SECONDS)
        return BreakerRedis(open_pool, breaker, location)
    except ValueError as error:
        # without the text of the error, which may contain the password of the URL
        raise ConfigurationError("REDIS_URL: must be redis://…, rediss://… or unix://…") from error
