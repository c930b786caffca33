"""RPC server of the capture daemon: serves client connections and finishes after the idle timeout."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from pydantic import ValidationError

from tintype import errors
from tintype.chromium.daemon.followed import FollowedCaptures
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.errors import TintypeError
from tintype.options import Shot
from tintype.rpc import codec, framing, messages
from tintype.urls import require_web_url

log = structlog.get_logger("tintype.chromium")

_IDLE_CHECKS, _IDLE_CHECK_INTERVAL = 10, 0.02
"""Checks for other clients before ``stop-if-idle`` is answered, and seconds between them: a closed connection is
noticed only by the next read."""


class CaptureServer:
    """Reads operations from clients and replies to them in order, each client in a separate task.

    ``finished`` is set by a signal, by a client that stops the daemon, or ``idle_timeout`` seconds after the last
    client has disconnected.
    """

    def __init__(self, runtime: CaptureRuntime, idle_timeout: float, finished: asyncio.Event) -> None:
        self.finished = finished
        self._runtime = runtime
        self._idle_timeout = idle_timeout
        self._clients: set[asyncio.Task[None]] = set()
        self._busy_clients: set[asyncio.Task[None]] = set()
        self._followed = FollowedCaptures()
        self._draining = False
        self._idle_timer: asyncio.TimerHandle | None = None
        self._start_idle_timer()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it disconnects."""
        task = asyncio.current_task()
        assert task  # noqa: S101 - servers run this as a task
        self._clients.add(task)
        if self._idle_timer:
            self._idle_timer.cancel()
        try:
            await self._handle_connection(reader, writer, task)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has disconnected
        finally:
            self._clients.discard(task)
            self._busy_clients.discard(task)
            writer.close()
            if not self._clients:
                self._start_idle_timer()

    async def drain(self, time_limit: float) -> None:
        """Disconnect idle clients and let busy ones finish their operation, for at most ``time_limit`` seconds."""
        self._draining = True
        for client in self._clients - self._busy_clients:
            client.cancel()
        if time_limit and self._busy_clients:
            log.info("daemon_draining", answers=len(self._busy_clients))
            await asyncio.wait(self._busy_clients, timeout=time_limit)

    async def close(self) -> None:
        """Fail the captures in progress and disconnect every client."""
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
        """Read operations and write replies. A client that disconnects meanwhile cancels its operation."""
        following = asyncio.ensure_future(_read_request(reader))
        try:
            while not self._draining and (request := await following):
                self._busy_clients.add(task)
                following = asyncio.ensure_future(_read_request(reader))
                reply = asyncio.ensure_future(self._reply_to(request))
                try:
                    await asyncio.wait({reply, following}, return_when=asyncio.FIRST_COMPLETED)
                    if not reply.done() and (following.exception() or not following.result()):
                        return
                    body = await reply
                finally:
                    reply.cancel()
                await framing.write_frame(writer, body)
                self._busy_clients.discard(task)
        finally:
            following.cancel()

    async def _reply_to(self, request: bytes) -> bytes:
        try:
            return await self._execute(messages.unpack_operation(request))
        except TintypeError as error:
            return codec.pack_problem(error)
        except (codec.CorruptValue, ValidationError) as error:
            log.error("rpc_request_invalid", error=type(error).__name__)
            return codec.pack_problem(
                errors.EngineError("the capture daemon cannot read the request; compare versions")
            )
        except Exception:
            log.exception("rpc_request_failed")
            return codec.pack_problem(errors.EngineError())

    async def _execute(self, operation: messages.Operation) -> bytes:
        match operation:
            case messages.CaptureOperation():
                return await self._capture(operation)
            case messages.ProgressOperation(progress_id=progress_id):
                step, ahead = self._runtime.pool.progress(self._followed.key_of(progress_id))
                return messages.pack_reply(messages.ProgressReply(step=step, ahead=ahead))
            case messages.CancelOperation(progress_id=progress_id):
                return messages.pack_reply(messages.CancelReply(cancelled=self._followed.cancel(progress_id)))
            case messages.StatusOperation():
                return messages.pack_reply(await self._runtime.status(clients=len(self._clients)))
            case messages.MetricsOperation():
                return messages.pack_reply(self._runtime.metrics(clients=len(self._clients)))
            case messages.ProbeOperation():
                await self._runtime.pool.check()
                return messages.pack_reply(messages.ProbePassed())
            case messages.StopIfIdleOperation():
                return messages.pack_reply(messages.StopReply(stopping=await self._stop_if_idle()))
        raise codec.CorruptValue(f"no such operation: {type(operation).__name__}")

    async def _capture(self, operation: messages.CaptureOperation) -> bytes:
        shot = _validated_shot(operation.shot)
        capture = self._runtime.pool.capture(shot, fresh=operation.fresh, low_priority=operation.low_priority)
        return codec.pack_capture(await self._followed.run(operation.progress_id, shot.key, capture))

    async def _stop_if_idle(self) -> bool:
        for _ in range(_IDLE_CHECKS):
            if len(self._clients) == 1:
                break
            await asyncio.sleep(_IDLE_CHECK_INTERVAL)
        is_idle = len(self._clients) == 1 and not self._runtime.pool.in_progress
        if is_idle:
            self.finished.set()
        return is_idle


def _validated_shot(fields: dict[str, Any]) -> Shot:
    """Return the shot of a request; raises ValidationError, or InvalidRequest for a URL that is not http or https."""
    shot = Shot.model_validate(fields)
    require_web_url(shot.url)
    return shot


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """Read the next request; empty at the end of the stream and for one that is too long."""
    try:
        return await framing.read_frame(reader, framing.MAX_REQUEST)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
