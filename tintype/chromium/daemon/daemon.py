"""The capture daemon: one process that owns Chromium and captures pages for its clients.

``python -m tintype.chromium ADDRESS CONFIG [LOCK]`` listens on ``unix://…`` or ``tcp://host:port`` and speaks the
protocol of :mod:`tintype.rpc`. Once it listens and Chromium runs, it writes one line of JSON to standard output: ready,
or the error. LOCK is the inherited descriptor of the start lock; the daemon closes it at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from tintype import logs
from tintype.chromium.daemon.config import DaemonConfig, address_for, command_for
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.chromium.process.launch import LaunchFailed
from tintype.errors import ConfigurationError
from tintype.rpc.auth import AUTH_TIMEOUT, AuthenticatedServer, Handler
from tintype.rpc.tls import UNSECURED, TransportSecurity

if TYPE_CHECKING:
    from tintype.chromium.daemon.server import CaptureServer

__all__ = ["DaemonConfig", "address_for", "command_for", "run"]

log = structlog.get_logger("tintype.chromium")

_LOCK_TIMEOUT = 10.0
_LOCK_POLL_INTERVAL = 0.02
_UNIX_BACKLOG = 512
_PRIVATE_UMASK = 0o177


async def run(
    config: DaemonConfig,
    address: str,
    ready: Callable[[], None] = lambda: None,
    security: TransportSecurity = UNSECURED,
) -> None:
    """Serve until SIGTERM, SIGINT or the idle timeout; raises ConfigurationError, LaunchFailed or OSError.

    ``security`` applies to TCP; addresses beyond loopback are refused without a secret, and without TLS unless it
    permits plain text.
    """
    security.require_for_server(address)
    finished = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, finished.set)
    with _address_lock(address):
        runtime = await _open_runtime(config, finished)
        if runtime is None:
            return
        from tintype.chromium.daemon.server import CaptureServer  # noqa: PLC0415 - imported while Chromium starts

        try:
            capture_server = CaptureServer(runtime, config.idle_timeout, finished)
            await _serve(capture_server, address, ready, security, config.drain_timeout)
        finally:
            await runtime.close()
    log.info("daemon_stopped", address=address, pid=os.getpid())


async def _open_runtime(config: DaemonConfig, finished: asyncio.Event) -> CaptureRuntime | None:
    """Start Chromium; None if a signal arrives first."""
    opening = asyncio.create_task(CaptureRuntime.open(config))
    ending = asyncio.create_task(finished.wait())
    await asyncio.wait({opening, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if opening.done():
        return opening.result()
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    return None


async def _serve(
    capture_server: CaptureServer,
    address: str,
    ready: Callable[[], None],
    security: TransportSecurity,
    drain_timeout: float,
) -> None:
    server = await _listen(address, capture_server, security)
    try:
        log.info("daemon_ready", address=address, pid=os.getpid())
        ready()
        await capture_server.finished.wait()
    finally:
        server.close()
        _unlink(address)
        await capture_server.drain(drain_timeout)
        await capture_server.close()


async def _listen(address: str, server: CaptureServer, security: TransportSecurity) -> asyncio.Server:
    parts = urlsplit(address)
    if parts.scheme == "tcp":
        handler = AuthenticatedServer(security.secret, server.serve).serve if security.secret else server.serve
        context = security.server_context()
        options: dict[str, Any] = {"ssl": context, "ssl_handshake_timeout": AUTH_TIMEOUT} if context else {}
        return await asyncio.start_server(connection_callback(handler), parts.hostname, parts.port, **options)
    _unlink(address)
    before = os.umask(_PRIVATE_UMASK)
    try:
        return await asyncio.start_unix_server(connection_callback(server.serve), parts.path, backlog=_UNIX_BACKLOG)
    finally:
        os.umask(before)


def connection_callback(handle: Handler) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """A callback for ``asyncio.start_server`` that runs each connection in a task of its handler.

    The handler itself would do from Python 3.12 on. Python 3.11 reports a cancelled handler as an error of the loop.
    """
    tasks: set[asyncio.Future[None]] = set()

    def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return on_connected


def _unlink(address: str) -> None:
    if address.startswith("unix://"):
        Path(urlsplit(address).path).unlink(missing_ok=True)


@contextlib.contextmanager
def _address_lock(address: str) -> Iterator[None]:
    """Own a Unix socket's address: a daemon that stops removes its socket before the next one creates its own."""
    if not address.startswith("unix://"):
        yield
        return
    path = Path(urlsplit(address).path + ".lock")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _acquire(path, time.monotonic() + _LOCK_TIMEOUT)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _acquire(path: Path, deadline: float) -> int:
    """Return a descriptor that locks the file now at this path, and not one removed meanwhile; raises OSError."""
    while time.monotonic() < deadline:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)
        time.sleep(_LOCK_POLL_INTERVAL)
    raise OSError("another capture daemon serves this address; stop it first")


def serve(address: str, config: DaemonConfig, security: TransportSecurity) -> None:
    """Run the daemon in this process until SIGTERM; raises as :func:`run`. Standard output receives the ready line."""
    logs.configure(config.log_level, config.log_format)
    asyncio.run(run(config, address, lambda: _report_ready({"ready": True}), security))


def main(arguments: list[str]) -> int:
    """Run the daemon from command-line arguments and return the exit status.

    A client starts it, for a Unix socket without secrets: any user can read a command line.
    """
    address, config = arguments[0], DaemonConfig.from_json(arguments[1] if len(arguments) > 1 else "{}")
    lock = int(arguments[2]) if len(arguments) > 2 else None  # noqa: PLR2004 - it may be left out
    logs.configure(config.log_level, config.log_format)
    try:
        asyncio.run(run(config, address, lambda: _report_ready({"ready": True}, lock)))
    except (ConfigurationError, LaunchFailed, OSError, ValueError) as error:
        log.error("daemon_start_failed", reason=str(error))
        _report_ready({"error": str(error)})
        return 1
    return 0


def _report_ready(line: dict[str, Any], lock: int | None = None) -> None:
    """Write the line for the process that started us, close standard output, and release the start lock."""
    if lock is not None:
        os.close(lock)
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.close(devnull)
