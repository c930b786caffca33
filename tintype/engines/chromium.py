"""Client of the capture daemon: the engine ``chromium``, which starts a local daemon on demand.

Safe to use from many threads, and after a fork: connections belong to the process that opened them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog

from tintype.deadline import time_left
from tintype.engines.daemon_launcher import DaemonLauncher, StartFailed, dial
from tintype.errors import BackendUnavailable, BrowserCrashed, CaptureTimeout, EngineError, TintypeError
from tintype.low_priority import is_low_priority, wait_limit
from tintype.model import Capture
from tintype.options import Shot
from tintype.progress import current_progress_id
from tintype.rpc import auth, codec, framing, messages
from tintype.rpc.tls import UNSECURED, TransportSecurity

log = structlog.get_logger("tintype.engines.daemon")

_ATTEMPTS = 3
"""New connections per operation: to the daemon, to one that exits but still accepts, to its successor."""
_RETRY_DELAY = 0.05
START_TIMEOUT = 20.0
"""Seconds until a start of the daemon fails; its first client waits so long, see :mod:`tintype.deadline`."""
PROBE_TIMEOUT, QUICK_TIMEOUT = 1.4, 0.4
"""Seconds for a test capture, and for an operation that needs no browser: ``/ready`` responds within 2 s in all."""
STATUS_TIMEOUT = 5.0
"""Seconds for the state of the daemon, which it asks the browser for."""
WARNINGS_TTL = 10.0
"""Seconds for which warnings are reused, as long as the result of a check."""
_MAX_IDLE = 64
"""Idle connections kept per process; more are closed."""
_LAYER_WARNINGS = {
    "sandbox": "Chromium runs without its sandbox",
    "namespaces": "the kernel refuses Chromium namespaces",
    "folders": "the folders of the service are visible to Chromium",
}

Decoded = TypeVar("Decoded")


class DaemonSilent(BackendUnavailable):
    """The daemon did not reply in time: it is stopped, overloaded or restarting. Never cached for a page."""


@dataclass(slots=True)
class _ConnectionPool:
    """Connections of one process."""

    pid: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: list[socket.socket] = field(default_factory=list)
    busy: set[socket.socket] = field(default_factory=set)


class ChromiumEngine:
    """The client of a capture daemon at ``unix://path`` or ``tcp://host:port``.

    With a ``command`` the daemon is started if none runs; without, it is operated elsewhere. ``timeout`` is the time in
    seconds for one reply, the wait in the daemon's queue included. Raises ConfigurationError for ``tcp://`` without a
    secret, beyond loopback also without TLS, and for a file of authorities that cannot be read.
    """

    def __init__(  # noqa: PLR0913 - four of them have defaults
        self,
        address: str,
        command: Sequence[str] | None,
        run_dir: Path,
        timeout: float,
        *,
        connect_timeout: float = 5.0,
        start_timeout: float = START_TIMEOUT,
        log_file: Path | None = None,
        security: TransportSecurity = UNSECURED,
    ) -> None:
        security.require_for_client(address)
        is_tcp = address.startswith("tcp://")
        self.address = address
        self._timeout = timeout
        self._secret = security.secret if is_tcp else ""
        self._tls = security.client_context() if is_tcp else None
        self._connect_timeout = connect_timeout
        self._launcher = DaemonLauncher(command, run_dir, address, start_timeout, log_file) if command else None
        self._pool = _ConnectionPool()
        self._warnings: tuple[float, tuple[str, ...]] = (float("-inf"), ())
        self._closed = False

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        """Capture a page, again if the daemon exits meanwhile; raises TintypeError."""
        fields = shot.model_dump(mode="json", exclude_defaults=True)
        operation = messages.CaptureOperation(
            shot=fields, fresh=fresh, progress_id=current_progress_id(), low_priority=is_low_priority()
        )
        return self._call(operation, codec.unpack_capture)

    def check(self) -> None:
        """Capture a tiny page within 1.4 s; raises BackendUnavailable. Starts a local daemon, which takes longer.

        A daemon that is too busy for that passes if all its slots are in use.
        """
        connection = self._take_idle() or self._open_connection()
        self._release(connection)  # a daemon is running now
        try:
            self._call(messages.ProbeOperation(), _unpack_probe, PROBE_TIMEOUT)
        except (BrowserCrashed, EngineError, CaptureTimeout) as error:
            raise BackendUnavailable(error.detail) from error
        except DaemonSilent:
            metrics = self.metrics()
            if not metrics or metrics["busy"] < metrics["slots"]:
                raise

    def status(self) -> messages.DaemonStatus:
        """Return the state of the daemon; raises TintypeError, BackendUnavailable if it is silent."""
        return self._call(messages.StatusOperation(), _unpack_status, STATUS_TIMEOUT)

    def metrics(self) -> dict[str, Any] | None:
        """Return counters and gauges of a running daemon; None if no daemon runs. Never starts one.

        Holds only the members that the daemon's version has; see :class:`~tintype.rpc.messages.DaemonMetrics`.
        """
        try:
            return _decode(self._call_once(messages.MetricsOperation(), QUICK_TIMEOUT), _unpack_metrics)
        except OSError:
            return None
        except TintypeError as error:
            log.warning("daemon_metrics_failed", address=self.address, error=error.code, reason=error.detail)
            return None

    def progress(self, progress_id: str) -> tuple[str, int]:
        """Return the step of a capture and the captures before it in the queue; an empty step if none is known.

        Never starts a daemon.
        """
        try:
            reply = self._call_once(messages.ProgressOperation(progress_id=progress_id), QUICK_TIMEOUT)
            progress = _decode(reply, lambda data: messages.unpack_reply(messages.ProgressReply, data))
        except (OSError, TintypeError):
            return "", 0
        return progress.step, progress.ahead

    def cancel(self, progress_id: str) -> bool:
        """Cancel a capture for its client; return whether it was in progress. Never starts a daemon."""
        try:
            reply = self._call_once(messages.CancelOperation(progress_id=progress_id), QUICK_TIMEOUT)
            return _decode(reply, lambda data: messages.unpack_reply(messages.CancelReply, data)).cancelled
        except (OSError, TintypeError):
            return False

    def warnings(self) -> tuple[str, ...]:
        """Return a warning for each inactive isolation layer; none while the daemon does not reply."""
        read_at, warnings = self._warnings
        if time.monotonic() < read_at + WARNINGS_TTL:
            return warnings
        layers = (self.metrics() or {}).get("layers", {})
        warnings = tuple(warning for layer, warning in _LAYER_WARNINGS.items() if not layers.get(layer, True))
        self._warnings = time.monotonic(), warnings
        return warnings

    def connect(self) -> None:
        """Connect, and start the daemon if needed, before the first capture; raises BackendUnavailable."""
        self._release(self._open_connection())

    def close(self) -> None:
        """Close the connections, which fails the operations in progress. Idempotent.

        A local daemon without clients stops after its idle timeout.
        """
        self._closed = True
        self._drop_idle()
        pool = self._process_pool()
        with pool.lock:
            for connection in pool.busy:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def stop_if_idle(self) -> bool:
        """Stop the daemon if we are its only client; return whether it stops. Never starts one."""
        try:
            reply = self._call_once(messages.StopIfIdleOperation(), self._connect_timeout, keep=False)
            return _decode(reply, lambda data: messages.unpack_reply(messages.StopReply, data)).stopping
        except (OSError, TintypeError):
            return False

    def _call(
        self, operation: messages.Operation, decode: Callable[[bytes], Decoded], timeout: float | None = None
    ) -> Decoded:
        """Return the decoded reply; raises TintypeError. Retries, as the daemon may have closed an idle connection.

        The silence of the daemon is no fault of a page, so it is no CaptureTimeout.
        """
        fresh_attempts = 0
        while True:
            connection = self._take_idle()
            if connection is None:
                connection = self._open_connection()
                fresh_attempts += 1
            try:
                with self._in_use(connection):
                    reply = _round_trip(connection, operation, timeout or time_left(wait_limit(self._timeout)))
            except TimeoutError:
                connection.close()
                raise DaemonSilent("the capture daemon did not reply in time", retry_after=5) from None
            except OSError as error:
                connection.close()
                self._drop_idle()
                log.warning("daemon_connection_lost", address=self.address, error=str(error), attempt=fresh_attempts)
                if fresh_attempts >= _ATTEMPTS or self._closed:
                    raise BrowserCrashed(retry_after=1) from error
                time.sleep(_RETRY_DELAY)
                continue
            except BaseException:
                connection.close()  # the rest of this reply must not be read as the next one
                raise
            self._release(connection)
            return _decode(reply, decode)

    def _call_once(self, operation: messages.Operation, timeout: float, *, keep: bool = True) -> bytes:
        """Return the reply of a running daemon, without starting one or retrying; raises OSError."""
        connection = self._take_idle() or self._dial()
        try:
            reply = _round_trip(connection, operation, timeout)
        except BaseException:
            connection.close()
            raise
        if keep:
            self._release(connection)
        else:
            connection.close()
        return reply

    def _open_connection(self) -> socket.socket:
        """Connect to a running daemon, or start it; raises BackendUnavailable."""
        try:
            return self._dial()
        except OSError as error:
            if not self._launcher:
                log.error("daemon_unreachable", address=self.address, error=str(error))
                raise BackendUnavailable("the capture daemon does not respond", retry_after=5) from error
        try:
            return self._launcher.start(self._connect_timeout)
        except StartFailed as failure:
            log.error("daemon_start_failed", address=self.address, reason=str(failure))
            raise BackendUnavailable("the capture daemon does not start", retry_after=5) from failure

    def _dial(self) -> socket.socket:
        """Connect and do the handshakes of TLS and of the shared secret; raises OSError."""
        connection = dial(self.address, self._connect_timeout)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_hostname=urlsplit(self.address).hostname)
            if self._secret:
                auth.authenticate_to_server(connection, self._secret, self._connect_timeout)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise ConnectionError(f"TLS: {error.verify_message or error}; see TINTYPE_ENGINE_TLS_CA") from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _take_idle(self) -> socket.socket | None:
        pool = self._process_pool()
        with pool.lock:
            return pool.idle.pop() if pool.idle else None

    @contextlib.contextmanager
    def _in_use(self, connection: socket.socket) -> Iterator[None]:
        """Record that an operation uses a connection, for ``close``."""
        pool = self._process_pool()
        with pool.lock:
            pool.busy.add(connection)
        try:
            yield
        finally:
            with pool.lock:
                pool.busy.discard(connection)

    def _release(self, connection: socket.socket) -> None:
        pool = self._process_pool()
        with pool.lock:
            if not self._closed and len(pool.idle) < _MAX_IDLE:
                pool.idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        pool = self._process_pool()
        with pool.lock:
            pool.idle, dropped = [], pool.idle
        _close_all(dropped)

    def _process_pool(self) -> _ConnectionPool:
        """Return this process's pool; a new one after a fork, where another thread may hold the inherited lock."""
        if self._pool.pid != os.getpid():
            inherited, self._pool = self._pool.idle, _ConnectionPool()
            _close_all(inherited)  # our copies: the parent's stay open
        return self._pool


def _round_trip(connection: socket.socket, operation: messages.Operation, timeout: float) -> bytes:
    """Send an operation and receive its reply; raises OSError, TimeoutError among them."""
    deadline = time.monotonic() + timeout
    framing.send_frame(connection, messages.pack_operation(operation), deadline)
    return framing.receive_frame(connection, deadline)


def _decode(reply: bytes, decode: Callable[[bytes], Decoded]) -> Decoded:
    """Decode a reply; raises the TintypeError it holds, or EngineError if it is corrupt."""
    try:
        return decode(reply)
    except codec.CorruptValue:
        pass  # a problem, perhaps
    try:
        problem = codec.unpack_problem(reply)
    except codec.CorruptValue as error:
        raise EngineError("the capture daemon sent a corrupt reply; compare versions") from error
    raise problem


def _unpack_probe(reply: bytes) -> messages.ProbePassed:
    return messages.unpack_reply(messages.ProbePassed, reply)


def _unpack_status(reply: bytes) -> messages.DaemonStatus:
    return messages.unpack_reply(messages.DaemonStatus, reply)


def _unpack_metrics(reply: bytes) -> dict[str, Any]:
    fields, _ = codec.unpack(reply)
    if fields.pop("kind", None) != "metrics":
        raise codec.CorruptValue("not metrics")
    return fields


def _close_all(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.close()
