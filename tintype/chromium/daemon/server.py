"""What do clients ask of the daemon, and when has the last one gone? Frames in, captures and problems out."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from pydantic import ValidationError

from tintype import errors
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.errors import TintypeError
from tintype.options import Shot
from tintype.rpc import codec

log = structlog.get_logger("tintype.chromium")

FRAME = struct.Struct(">I")
_MAX_REQUEST = 16 << 20
"""Bytes: a million characters of HTML, each written as JSON escapes it."""


class CaptureServer:
    """Connections, requests, and the end: by a signal, or some time after the last client is gone."""

    def __init__(self, runtime: CaptureRuntime, idle_timeout: float, finished: asyncio.Event) -> None:
        self.finished = finished
        self._runtime = runtime
        self._idle_timeout = idle_timeout
        self._clients: set[asyncio.Task[None]] = set()
        self._busy_clients: set[asyncio.Task[None]] = set()
        self._draining = False
        self._idle_timer: asyncio.TimerHandle | None = None
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[bytes]]] = {
            "capture": self._capture,
            "status": self._status,
            "figures": self._metrics,
            "probe": self._probe,
            "stop-if-idle": self._stop_if_idle,
        }
        self._start_idle_timer()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client until it is gone."""
        task = asyncio.current_task()
        assert task  # noqa: S101 - servers run this as a task
        self._clients.add(task)
        if self._idle_timer:
            self._idle_timer.cancel()
        try:
            await self._handle_connection(reader, writer, task)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            self._busy_clients.discard(task)
            writer.close()
            if not self._clients:
                self._start_idle_timer()

    async def drain(self, time_limit: float) -> None:
        """Let answers under way be finished, for so many seconds; whoever asks nothing is let go and asks elsewhere."""
        self._draining = True
        for client in self._clients - self._busy_clients:
            client.cancel()
        if time_limit and self._busy_clients:
            log.info("daemon_draining", answers=len(self._busy_clients))
            await asyncio.wait(self._busy_clients, timeout=time_limit)

    async def close(self) -> None:
        """Tell whoever waits, and let every client go."""
        await self._runtime.pool.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _start_idle_timer(self) -> None:
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_timeout, self._finish_if_idle)

    def _finish_if_idle(self) -> None:
        if not self._clients:
            self.finished.set()

    async def _handle_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        """Requests and answers. A client that hangs up meanwhile has lost interest."""
        following = asyncio.ensure_future(_read_request(reader))
        try:
            while not self._draining and (request := await following):
                self._busy_clients.add(task)
                following = asyncio.ensure_future(_read_request(reader))
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
                self._busy_clients.discard(task)
        finally:
            following.cancel()

    async def _answer(self, request: bytes) -> bytes:
        try:
            header, _ = codec.unpack(request)
            return await self._operations[header["op"]](header)
        except TintypeError as error:
            return codec.pack_problem(error)
        except (codec.CorruptValue, ValidationError, KeyError) as error:
            log.error("rpc_request_invalid", error=type(error).__name__)
            return codec.pack_problem(errors.EngineError("the capture engine does not understand the request"))
        except Exception:
            log.exception("rpc_request_failed")
            return codec.pack_problem(errors.EngineError())

    async def _capture(self, header: dict[str, Any]) -> bytes:
        return codec.pack_capture(await self._runtime.pool.capture(Shot.model_validate(header["shot"])))

    async def _status(self, _: dict[str, Any]) -> bytes:
        return codec.pack({"kind": "status", **await self._runtime.status(), "clients": len(self._clients)})

    async def _metrics(self, _: dict[str, Any]) -> bytes:
        return codec.pack({"kind": "figures", **self._runtime.metrics(), "clients": len(self._clients)})

    async def _probe(self, _: dict[str, Any]) -> bytes:
        await self._runtime.pool.check()
        return codec.pack({"kind": "ok"})

    async def _stop_if_idle(self, _: dict[str, Any]) -> bytes:
        for _attempt in range(10):  # connections that were just closed are noticed a moment later
            if len(self._clients) == 1:
                break
            await asyncio.sleep(0.02)
        idle = len(self._clients) == 1 and not self._runtime.pool.busy
        if idle:
            self.finished.set()
        return codec.pack({"kind": "ok", "stopping": idle})


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """The next request; empty at the end."""
    try:
        (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
        if length > _MAX_REQUEST:
            return b""
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
