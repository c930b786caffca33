"""The capture daemon: one process that owns Chromium and takes pictures for whoever connects.

``python -m tintype.chromium.daemon ADDRESS CONFIG [LOCK]`` listens on ``unix://…`` or ``tcp://host:port``. A frame is
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
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from pydantic import ValidationError

from tintype import errors, logs, wire
from tintype.chromium.booth import Booth
from tintype.chromium.config import DaemonConfig, address_for, command_for
from tintype.chromium.launch import LaunchFailed
from tintype.errors import ConfigurationError, TintypeError
from tintype.options import Shot

__all__ = ["DaemonConfig", "address_for", "command_for", "run"]

log = structlog.get_logger("tintype.chromium")

FRAME = struct.Struct(">I")
_LONGEST_REQUEST = 1 << 20
_LOCK_WITHIN = 10.0


class Daemon:
    """Connections, requests, and the end: by a signal, or some time after the last client is gone."""

    def __init__(self, booth: Booth, linger: float, finished: asyncio.Event) -> None:
        self.finished = finished
        self._booth = booth
        self._linger = linger
        self._clients: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[bytes]]] = {
            "capture": self._capture,
            "status": self._status,
            "probe": self._probe,
            "stop-if-idle": self._stop_if_idle,
        }
        self._wait_for_clients()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client until it is gone."""
        task = asyncio.current_task()
        assert task  # noqa: S101 - servers run this as a task
        self._clients.add(task)
        if self._timer:
            self._timer.cancel()
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            writer.close()
            if not self._clients:
                self._wait_for_clients()

    async def close(self) -> None:
        """Tell whoever waits, and let every client go."""
        await self._booth.pool.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _wait_for_clients(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._linger, self._end_unless_needed)

    def _end_unless_needed(self) -> None:
        if not self._clients:
            self.finished.set()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests and answers. A client that hangs up meanwhile has lost interest."""
        following = asyncio.ensure_future(_read(reader))
        try:
            while request := await following:
                following = asyncio.ensure_future(_read(reader))
                answer = asyncio.ensure_future(self._answer(request))
                try:
                    await asyncio.wait({answer, following}, return_when=asyncio.FIRST_COMPLETED)
                    if not answer.done() and (following.exception() or not following.result()):
                        return
                    body = await answer
                finally:
                    answer.cancel()
                writer.writelines((FRAME.pack(len(body)), body))
                await writer.drain()
        finally:
            following.cancel()

    async def _answer(self, request: bytes) -> bytes:
        try:
            header, _ = wire.unpack(request)
            return await self._operations[header["op"]](header)
        except TintypeError as error:
            return wire.pack_problem(error)
        except (wire.Corrupt, ValidationError, KeyError) as error:
            log.error("request_not_understood", error=type(error).__name__)
            return wire.pack_problem(errors.EngineFailed("the capture engine does not understand the request"))
        except Exception:
            log.exception("request_failed")
            return wire.pack_problem(errors.EngineFailed())

    async def _capture(self, header: dict[str, Any]) -> bytes:
        return wire.pack_capture(await self._booth.pool.capture(Shot.model_validate(header["shot"])))

    async def _status(self, _: dict[str, Any]) -> bytes:
        return wire.pack({"kind": "status", **self._booth.status(), "clients": len(self._clients)})

    async def _probe(self, _: dict[str, Any]) -> bytes:
        await self._booth.pool.check()
        return wire.pack({"kind": "ok"})

    async def _stop_if_idle(self, _: dict[str, Any]) -> bytes:
        for _attempt in range(10):  # connections that were just closed are noticed a moment later
            if len(self._clients) == 1:
                break
            await asyncio.sleep(0.02)
        idle = len(self._clients) == 1 and not self._booth.pool.busy
        if idle:
            self.finished.set()
        return wire.pack({"kind": "ok", "stopping": idle})


async def run(config: DaemonConfig, address: str, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until told to end or no longer needed; raises ConfigurationError, LaunchFailed or OSError."""
    finished = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, finished.set)
    with _sole_owner(address):
        booth = await _open(config, finished)
        if booth is None:
            return
        try:
            await _serve(Daemon(booth, config.linger, finished), address, ready)
        finally:
            await booth.close()
    log.info("daemon_ended", address=address, pid=os.getpid())


async def _open(config: DaemonConfig, finished: asyncio.Event) -> Booth | None:
    """The booth, unless we are told to end before it stands."""
    opening = asyncio.create_task(Booth.open(config))
    ending = asyncio.create_task(finished.wait())
    await asyncio.wait({opening, ending}, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if opening.done():
        return opening.result()
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    return None


async def _serve(daemon: Daemon, address: str, ready: Callable[[], None]) -> None:
    server = await _listen(address, daemon)
    try:
        log.info("daemon_ready", address=address, pid=os.getpid())
        ready()
        await daemon.finished.wait()
    finally:
        server.close()
        _unlink(address)
        await daemon.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The next request; empty at the end."""
    try:
        (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
        if length > _LONGEST_REQUEST:
            return b""
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def _listen(address: str, daemon: Daemon) -> asyncio.Server:
    parts = urlsplit(address)
    if parts.scheme == "tcp":
        return await asyncio.start_server(daemon.serve, parts.hostname, parts.port)
    _unlink(address)
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(daemon.serve, parts.path, backlog=512)
    finally:
        os.umask(before)


def _unlink(address: str) -> None:
    if address.startswith("unix://"):
        Path(urlsplit(address).path).unlink(missing_ok=True)


@contextlib.contextmanager
def _sole_owner(address: str) -> Iterator[None]:
    """Hold the address: a daemon that is ending removes its socket before the next one makes its own."""
    if not address.startswith("unix://"):
        yield
        return
    path = Path(urlsplit(address).path + ".lock")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _take(path, time.monotonic() + _LOCK_WITHIN)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _take(path: Path, deadline: float) -> int:
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


def main(arguments: list[str]) -> int:
    """Run from the command line; the exit status."""
    address, config = arguments[0], DaemonConfig.from_json(arguments[1] if len(arguments) > 1 else "{}")
    lock = int(arguments[2]) if len(arguments) > 2 else None  # noqa: PLR2004 - it may be left out
    logs.configure(config.log_level, "json")
    try:
        asyncio.run(run(config, address, lambda: _report({"ready": True}, lock)))
    except (ConfigurationError, LaunchFailed, OSError, ValueError) as error:
        log.error("daemon_does_not_start", reason=str(error))
        _report({"error": str(error)})
        return 1
    return 0


def _report(line: dict[str, Any], lock: int | None = None) -> None:
    """Tell whoever started us, and nobody after that; whoever else waits for a daemon may come."""
    if lock is not None:
        os.close(lock)
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
