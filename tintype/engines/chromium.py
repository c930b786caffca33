"""Our own Chromium as an engine: asks the capture daemon over a socket, and starts it when there is none.

Safe to use from many threads, and after a fork: connections belong to the process that made them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from tintype.engines.daemon_launcher import DaemonLauncher, StartFailed, dial
from tintype.errors import BackendUnavailable, BrowserCrashed, CaptureTimeout, EngineError, TintypeError
from tintype.model import Capture
from tintype.options import Shot
from tintype.rpc import auth, codec

log = structlog.get_logger("tintype.engines.daemon")

_FRAME = struct.Struct(">I")
_CHUNK_SIZE = 1 << 20
_ATTEMPTS = 3
"""Fresh connections tried for one answer: the daemon's, one that a dying daemon may still accept, its successor's."""
_RETRY_DELAY = 0.05
_MAX_IDLE = 64
"""Idle connections kept for later; more are closed."""


@dataclass(slots=True)
class _ConnectionPool:
    """Idle connections of one process."""

    pid: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    idle: list[socket.socket] = field(default_factory=list)


class ChromiumEngine:
    """The client of a capture daemon at ``unix://path`` or ``tcp://host:port``.

    With a ``command`` the daemon is started when nobody answers; without, it is run elsewhere. ``patience`` is the
    time in seconds for one answer, waiting in the daemon's line included. With a ``secret`` both ends must know it.
    """

    def __init__(  # noqa: PLR0913 - three of them are seldom said
        self,
        address: str,
        command: Sequence[str] | None,
        run_dir: Path,
        timeout: float,
        *,
        connect_timeout: float = 5.0,
        start_timeout: float = 30.0,
        log_file: Path | None = None,
        secret: str = "",
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._secret = secret
        self._connect_timeout = connect_timeout
        self._launcher = DaemonLauncher(command, run_dir, address, start_timeout, log_file) if command else None
        self._pool = _ConnectionPool()
        self._closed = False

    def capture(self, shot: Shot) -> Capture:
        """Photograph a page; tried again when the daemon dies under it. Raises TintypeError."""
        header = {"op": "capture", "shot": shot.model_dump(mode="json", exclude_defaults=True)}
        return codec.unpack_capture(self._call(header))

    def check(self) -> None:
        """Take a tiny real picture; raises BackendUnavailable."""
        try:
            self._call({"op": "probe"})
        except (BrowserCrashed, EngineError, CaptureTimeout) as error:
            raise BackendUnavailable(error.detail) from error

    def status(self) -> dict[str, Any]:
        """What the daemon says about itself; raises BackendUnavailable."""
        header, _ = codec.unpack(self._call({"op": "status"}))
        return {name: value for name, value in header.items() if name != "kind"}

    def metrics(self) -> dict[str, Any] | None:
        """What a running daemon counts and holds; None while there is none, for nobody starts it for this."""
        try:
            connection = self._take_idle() or self._dial()
            header, _ = codec.unpack(
                _raise_for_problem(_round_trip(connection, {"op": "figures"}, self._connect_timeout))
            )
        except (OSError, TintypeError, codec.CorruptValue):
            return None
        self._release(connection)
        return {name: value for name, value in header.items() if name != "kind"}

    def warnings(self) -> tuple[str, ...]:
        """Which layers of the guard are missing; nothing while the daemon cannot be asked."""
        try:
            status = self.status()
        except TintypeError:
            return ()
        layers = {"sandbox": "Chromium runs without its sandbox", "enclosed": "the kernel refuses Chromium namespaces"}
        return tuple(warning for name, warning in layers.items() if not status[name])

    def connect(self) -> None:
        """Have the daemon running, so that the first capture need not wait for it; raises BackendUnavailable."""
        self._release(self._open_connection())

    def close(self) -> None:
        """Close the connections; a daemon that nobody else uses ends by itself. Idempotent."""
        self._closed = True
        self._drop_idle()

    def stop_if_idle(self) -> bool:
        """End the daemon at once if we are its only client; whether it ends. Never starts one."""
        try:
            connection = self._take_idle() or self._dial()
            answer = _round_trip(connection, {"op": "stop-if-idle"}, self._connect_timeout)
        except OSError:
            return False
        connection.close()
        return bool(codec.unpack(answer)[0].get("stopping"))

    def _call(self, header: dict[str, Any]) -> bytes:
        """One answer; raises TintypeError. A connection that was idle may be dead without our fault."""
        fresh_attempts = 0
        while True:
            connection = self._take_idle()
            if connection is None:
                connection = self._open_connection()
                fresh_attempts += 1
            try:
                answer = _round_trip(connection, header, self._timeout)
            except TimeoutError:
                connection.close()
                raise CaptureTimeout("the capture engine did not answer in time") from None
            except OSError as error:
                connection.close()
                self._drop_idle()
                log.warning("daemon_connection_lost", address=self.address, error=str(error), attempt=fresh_attempts)
                if fresh_attempts >= _ATTEMPTS:
                    raise BrowserCrashed(retry_after=1) from error
                time.sleep(_RETRY_DELAY)
                continue
            except BaseException:
                connection.close()  # half an answer must not be read as the next one's
                raise
            self._release(connection)
            return _raise_for_problem(answer)

    def _open_connection(self) -> socket.socket:
        """A connection to a daemon that runs; raises BackendUnavailable."""
        try:
            return self._dial()
        except OSError as error:
            if not self._launcher:
                log.error("daemon_unreachable", address=self.address, error=str(error))
                raise BackendUnavailable("the capture engine does not answer", retry_after=5) from error
        try:
            return self._launcher.start(self._connect_timeout)
        except StartFailed as failure:
            log.error("daemon_start_failed", address=self.address, reason=str(failure))
            raise BackendUnavailable("the capture engine does not start", retry_after=5) from failure

    def _dial(self) -> socket.socket:
        connection = dial(self.address, self._connect_timeout)
        if self._secret:
            _authenticate(connection, self._secret, self._connect_timeout)
        return connection

    def _take_idle(self) -> socket.socket | None:
        shelf = self._process_pool()
        with shelf.lock:
            return shelf.idle.pop() if shelf.idle else None

    def _release(self, connection: socket.socket) -> None:
        shelf = self._process_pool()
        with shelf.lock:
            if not self._closed and len(shelf.idle) < _MAX_IDLE:
                shelf.idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        shelf = self._process_pool()
        with shelf.lock:
            shelf.idle, dropped = [], shelf.idle
        _close_all(dropped)

    def _process_pool(self) -> _ConnectionPool:
        """That of this process; after a fork a new one, for the old lock may be held by a thread that is not here."""
        if self._pool.pid != os.getpid():
            inherited, self._pool = self._pool.idle, _ConnectionPool()
            _close_all(inherited)  # our copies: the parent's stay open
        return self._pool


def _authenticate(connection: socket.socket, secret: str, timeout: float) -> None:
    """Prove that we know the secret to a daemon that does too; raises OSError, and then the connection is closed."""
    deadline, ours = time.monotonic() + timeout, auth.make_nonce()
    try:
        connection.sendall(auth.MAGIC + ours)
        answer = _receive(connection, auth.NONCE_SIZE + auth.PROOF_SIZE, deadline)
        theirs, proof = answer[: auth.NONCE_SIZE], answer[auth.NONCE_SIZE :]
        if not auth.verify_proof(proof, auth.compute_proof(secret, "server", ours, theirs)):
            raise auth.AuthenticationFailed("the capture daemon does not know TINTYPE_ENGINE_SECRET")
        connection.sendall(auth.compute_proof(secret, "client", ours, theirs))
        _receive(connection, len(auth.OK), deadline)
    except BaseException:
        connection.close()
        raise


def _round_trip(connection: socket.socket, header: dict[str, Any], timeout: float) -> bytes:
    """Send a request, read its answer; raises OSError, TimeoutError among them."""
    deadline = time.monotonic() + timeout
    request = codec.pack(header)
    connection.settimeout(timeout)
    connection.sendall(_FRAME.pack(len(request)) + request)
    (length,) = _FRAME.unpack(_receive(connection, _FRAME.size, deadline))
    return _receive(connection, length, deadline)


def _receive(connection: socket.socket, length: int, deadline: float) -> bytes:
    body = memoryview(bytearray(length))
    have = 0
    while have < length:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        got = connection.recv_into(body[have : have + _CHUNK_SIZE])
        if not got:
            raise ConnectionResetError("the capture daemon hung up")
        have += got
    return bytes(body)


def _raise_for_problem(answer: bytes) -> bytes:
    """The answer, unless it is a problem: then that is raised."""
    try:
        header, _ = codec.unpack(answer)
    except codec.CorruptValue as error:
        raise EngineError("the capture engine's answer is torn") from error
    if header.get("kind") == "problem":
        raise codec.unpack_problem(answer)
    return answer


def _close_all(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.close()
