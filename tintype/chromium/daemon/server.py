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
_LONGEST_REQUEST = 16 << 20
"""Bytes: a million characters of HTML, each written as JSON escapes it."""


class CaptureServer:
    """Connections, requests, and the end: by a signal, or some time after the last client is gone."""

    def __init__(self, booth: CaptureRuntime, linger: float, finished: asyncio.Event) -> None:
        self.finished = finished
        self._booth = booth
        self._linger = linger
        self._clients: set[asyncio.Task[None]] = set()
        self._answered: set[asyncio.Task[None]] = set()
        self._leaving = False
        self._timer: asyncio.TimerHandle | None = None
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[bytes]]] = {
            "capture": self._capture,
            "status": self._status,
            "figures": self._figures,
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
            await self._converse(reader, writer, task)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            self._answered.discard(task)
            writer.close()
            if not self._clients:
                self._wait_for_clients()

    async def drain(self, within: float) -> None:
        """Let answers under way be finished, for so many seconds; whoever asks nothing is let go and asks elsewhere."""
        self._leaving = True
        for client in self._clients - self._answered:
            client.cancel()
        if within and self._answered:
            log.info("daemon_draining", answers=len(self._answered))
            await asyncio.wait(self._answered, timeout=within)

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

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        """Requests and answers. A client that hangs up meanwhile has lost interest."""
        following = asyncio.ensure_future(_read(reader))
        try:
            while not self._leaving and (request := await following):
                self._answered.add(task)
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
                self._answered.discard(task)
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
        return codec.pack_capture(await self._booth.pool.capture(Shot.model_validate(header["shot"])))

    async def _status(self, _: dict[str, Any]) -> bytes:
        return codec.pack({"kind": "status", **await self._booth.status(), "clients": len(self._clients)})

    async def _figures(self, _: dict[str, Any]) -> bytes:
        return codec.pack({"kind": "figures", **self._booth.figures(), "clients": len(self._clients)})

    async def _probe(self, _: dict[str, Any]) -> bytes:
        await self._booth.pool.check()
        return codec.pack({"kind": "ok"})

    async def _stop_if_idle(self, _: dict[str, Any]) -> bytes:
        for _attempt in range(10):  # connections that were just closed are noticed a moment later
            if len(self._clients) == 1:
                break
            await asyncio.sleep(0.02)
        idle = len(self._clients) == 1 and not self._booth.pool.busy
        if idle:
            self.finished.set()
        return codec.pack({"kind": "ok", "stopping": idle})


async def _read(reader: asyncio.StreamReader) -> bytes:
    """The next request; empty at the end."""
    try:
        (length,) = FRAME.unpack(await reader.readexactly(FRAME.size))
        if length > _LONGEST_REQUEST:
            return b""
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
