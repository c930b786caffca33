"""Starts the local capture daemon on demand, under a file lock shared by all processes of the data folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import structlog

from tintype.deadline import time_left

log = structlog.get_logger("tintype.engines.daemon")

_FAILURE_TTL = 1.0
"""Seconds for which a failed start is raised again instead of retried, so that concurrent callers share it."""
_POLL_INTERVAL = 0.01
"""Seconds between two attempts to connect to a daemon that another process starts."""
_MAX_LOG_BYTES = 5 << 20


class StartFailed(Exception):
    """The daemon did not start; the text is for the operator."""


class DaemonLauncher:
    """Starts a daemon from a command line, detached, and waits until it reports that it is ready."""

    def __init__(
        self,
        command: Sequence[str],
        run_dir: Path,
        address: str,
        timeout: float = 20.0,
        log_file: Path | None = None,
    ) -> None:
        self._command = list(command)
        self._address = address
        self._lock_file = run_dir / f"{Path(address).name}.start"
        self._timeout = timeout
        self._log_file = log_file
        self._lock = os.getpid(), threading.Lock()
        self._failure: tuple[float, StartFailed] | None = None
        self._background: subprocess.Popen[bytes] | None = None

    def start_in_background(self, connect_timeout: float = 1.0) -> bool:
        """Start the daemon without waiting for it; return False if one runs or another process is starting one.

        The daemon inherits the start lock and holds it until it is ready, so clients wait as for any start.
        """
        with contextlib.suppress(OSError):
            dial(self._address, connect_timeout).close()
            return False
        try:
            with self._start_lock() as lock:
                if lock is not None:
                    self._background = self._spawn(str(lock), stdout=subprocess.DEVNULL, pass_fds=[lock])
        except OSError as error:
            log.info("daemon_prelaunch_failed", reason=str(error))  # the first client retries and gets the error
        return self._background is not None

    def cancel(self) -> None:
        """Terminate a daemon started in the background that is not ready yet; it has no clients."""
        if self._background and self._background.poll() is None:
            try:
                dial(self._address, 1.0).close()
            except OSError:
                self._background.terminate()

    def start(self, connect_timeout: float) -> socket.socket:
        """Connect, starting the daemon unless another process has done it meanwhile; raises StartFailed."""
        if self._lock[0] != os.getpid():  # after a fork another thread may hold the inherited lock
            self._lock = os.getpid(), threading.Lock()
        with self._locked():
            if self._failure and time.monotonic() - self._failure[0] < _FAILURE_TTL:
                raise self._failure[1]
            try:
                return self._connect(connect_timeout)
            except OSError as error:
                failure = StartFailed(str(error))
            except StartFailed as error:
                failure = error
            if time_left(self._timeout) > 0:  # after the deadline of one request, others may still wait
                self._failure = time.monotonic(), failure
            raise failure

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Wait for other threads of this process that start the daemon; raises StartFailed at the deadline."""
        lock = self._lock[1]
        if not lock.acquire(timeout=time_left(2 * self._timeout)):
            raise StartFailed("another request still waits for the capture daemon to start")
        try:
            yield
        finally:
            lock.release()

    def _connect(self, connect_timeout: float) -> socket.socket:
        """Start the daemon if this process gets the start lock, else poll its socket; raises OSError or StartFailed."""
        deadline = time.monotonic() + time_left(self._timeout)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                return dial(self._address, connect_timeout)
            with self._start_lock() as lock:
                if lock is not None:
                    return self._start_and_connect(connect_timeout)
            time.sleep(_POLL_INTERVAL)
        raise StartFailed(f"another process has held {self._lock_file} for {self._timeout:.0f} s; end that process")

    def _start_and_connect(self, connect_timeout: float) -> socket.socket:
        with contextlib.suppress(OSError):
            return dial(self._address, connect_timeout)
        daemon = self._spawn(stdout=subprocess.PIPE)
        self._wait_ready(daemon)
        log.info("daemon_started", pid=daemon.pid)
        return dial(self._address, connect_timeout)

    def _spawn(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start the daemon in a new session; a thread collects its exit status."""
        with self._open_log() as log_file:
            daemon = subprocess.Popen(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stderr=log_file,
                start_new_session=True,
                **options,
            )
        threading.Thread(target=daemon.wait, name="capture-daemon-wait", daemon=True).start()
        return daemon

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[int | None]:
        """Hold the start lock, as a descriptor; None while another process holds it. Raises OSError."""
        lock = os.open(self._lock_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            yield None
            return
        try:
            yield lock
        finally:
            os.close(lock)

    def _wait_ready(self, daemon: subprocess.Popen[bytes]) -> None:
        """Read the daemon's line on standard output: ready, or the error, which is raised as StartFailed."""
        assert daemon.stdout  # noqa: S101 - a pipe was requested
        with daemon.stdout as pipe:
            line = _read_line(pipe.fileno(), time.monotonic() + self._timeout)
        if line is None:
            daemon.kill()
            raise StartFailed(f"the capture daemon was not ready after {self._timeout:.0f} s; see its log")
        try:
            report = json.loads(line)
        except ValueError:
            raise StartFailed(
                f"the capture daemon exited before it was ready; see {self._log_file or 'standard error'}"
            ) from None
        if "error" in report:
            raise StartFailed(str(report["error"]))

    @contextlib.contextmanager
    def _open_log(self) -> Iterator[IO[bytes] | None]:
        """Open the daemon's log file and rotate it over 5 MB; None means our own standard error."""
        if self._log_file is None:
            yield None
            return
        if self._log_file.exists() and self._log_file.stat().st_size > _MAX_LOG_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".old"))
        with self._log_file.open("ab") as file:
            yield file


def dial(address: str, timeout: float) -> socket.socket:
    """Connect to ``unix://path`` or ``tcp://host:port``; raises OSError."""
    parts = urlsplit(address)
    if parts.scheme == "tcp":
        connection = socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(parts.path)
    except BaseException:
        connection.close()
        raise
    return connection


def _read_line(pipe: int, deadline: float) -> bytes | None:
    """Read one line, or what precedes the end of the stream; None at the deadline."""
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            chunk = os.read(pipe, 65536)
            if not chunk:
                return line
            line += chunk
    return line
