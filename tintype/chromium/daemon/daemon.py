"""The capture daemon: one process that owns Chromium and takes pictures for whoever connects.

``python -m tintype.chromium ADDRESS CONFIG [LOCK]`` listens on ``unix://…`` or ``tcp://host:port``. A frame is
its length (4 bytes, big endian) and the bytes of :mod:`tintype.wire`; each request is answered in turn. Once it listens
and Chromium runs, one line of JSON on standard output says so, or why not; LOCK, a descriptor, is closed then.
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
from tintype.chromium.daemon.auth import AuthenticatedServer
from tintype.chromium.daemon.config import DaemonConfig, address_for, command_for
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.chromium.process.launch import LaunchFailed
from tintype.errors import ConfigurationError
from tintype.rpc import auth

if TYPE_CHECKING:
    from tintype.chromium.daemon.server import CaptureServer

__all__ = ["DaemonConfig", "address_for", "command_for", "run"]

log = structlog.get_logger("tintype.chromium")

_LOCK_TIMEOUT = 10.0


async def run(config: DaemonConfig, address: str, ready: Callable[[], None] = lambda: None, secret: str = "") -> None:
    """Serve until told to end or no longer needed; raises ConfigurationError, LaunchFailed or OSError.

    With a ``secret`` only clients that know it are served over TCP; addresses beyond loopback are not without.
    """
    if auth.is_remote_address(address) and not secret:
        raise ConfigurationError(f"TINTYPE_ENGINE_SECRET: must be set to listen on {address}, beyond loopback")
    finished = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, finished.set)
    with _address_lock(address):
        booth = await _open_runtime(config, finished)
        if booth is None:
            return
        from tintype.chromium.daemon.server import CaptureServer  # noqa: PLC0415 - the browser starts first, see Booth

        try:
            await _serve(
                CaptureServer(booth, config.idle_timeout, finished), address, ready, secret, config.drain_timeout
            )
        finally:
            await booth.close()
    log.info("daemon_stopped", address=address, pid=os.getpid())


async def _open_runtime(config: DaemonConfig, finished: asyncio.Event) -> CaptureRuntime | None:
    """The booth, unless we are told to end before it stands."""
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
    capture_server: CaptureServer, address: str, ready: Callable[[], None], secret: str, grace: float
) -> None:
    server = await _listen(address, capture_server, secret)
    try:
        log.info("daemon_ready", address=address, pid=os.getpid())
        ready()
        await capture_server.finished.wait()
    finally:
        server.close()
        _unlink(address)
        await capture_server.drain(grace)
        await capture_server.close()


async def _listen(address: str, server: CaptureServer, secret: str) -> asyncio.Server:
    parts = urlsplit(address)
    if parts.scheme == "tcp":
        serve = AuthenticatedServer(secret, server.serve).serve if secret else server.serve
        return await asyncio.start_server(serve, parts.hostname, parts.port)
    _unlink(address)
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(server.serve, parts.path, backlog=512)
    finally:
        os.umask(before)


def _unlink(address: str) -> None:
    if address.startswith("unix://"):
        Path(urlsplit(address).path).unlink(missing_ok=True)


@contextlib.contextmanager
def _address_lock(address: str) -> Iterator[None]:
    """Hold the address: a daemon that is ending removes its socket before the next one makes its own."""
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
    """A descriptor that holds the lock on the file that is at this path now, not on one removed meanwhile."""
    while time.monotonic() < deadline:
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)
        time.sleep(0.02)
    raise OSError("another capture daemon serves this address")


def main(arguments: list[str], secret: str = "") -> int:
    """Run from the command line, which any user may read, and so without a secret in it; the exit status."""
    address, config = arguments[0], DaemonConfig.from_json(arguments[1] if len(arguments) > 1 else "{}")
    lock = int(arguments[2]) if len(arguments) > 2 else None  # noqa: PLR2004 - it may be left out
    logs.configure(config.log_level, "json")
    try:
        asyncio.run(run(config, address, lambda: _report_ready({"ready": True}, lock), secret))
    except (ConfigurationError, LaunchFailed, OSError, ValueError) as error:
        log.error("daemon_start_failed", reason=str(error))
        _report_ready({"error": str(error)})
        return 1
    return 0


def _report_ready(line: dict[str, Any], lock: int | None = None) -> None:
    """Tell whoever started us, and nobody after that; whoever else waits for a daemon may come."""
    if lock is not None:
        os.close(lock)
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
