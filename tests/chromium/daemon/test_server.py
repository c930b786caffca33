"""The RPC server with a fake runtime: operations, disconnects, cancellation, draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from tests.support.concurrency import async_test
from tintype.chromium.daemon.daemon import connection_callback
from tintype.chromium.daemon.runtime import CaptureRuntime
from tintype.chromium.daemon.server import CaptureServer
from tintype.errors import EngineError, NotAPage, TintypeError
from tintype.model import Capture
from tintype.options import Navigation, Shot
from tintype.rpc import codec, framing, messages

SHOT = Shot(navigation=Navigation(url="http://a.example.com/"))
CAPTURE = messages.CaptureOperation(shot=SHOT.model_dump(mode="json", exclude_defaults=True))
RESULT = Capture(body=b"png", width=1, height=1, taken_at=1.0)


class FakePool:
    """A capture lasts until the test ends it."""

    def __init__(self) -> None:
        self.in_progress = 0
        self.fresh = False
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.outcome: asyncio.Future[Capture] = asyncio.get_running_loop().create_future()

    async def capture(self, shot: Shot, *, fresh: bool = False, low_priority: bool = False) -> Capture:
        assert shot == SHOT
        self.fresh, self.low_priority = fresh, low_priority
        self.in_progress += 1
        self.started.set()
        try:
            return await asyncio.shield(self.outcome)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        finally:
            self.in_progress -= 1

    def progress(self, key: str) -> tuple[str, int]:
        return ("navigate", 0) if key == SHOT.key else ("", 0)

    async def check(self) -> None:
        raise TintypeError("no browser")

    async def close(self) -> None:
        self.outcome.cancel()


class Client:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def send(self, operation: messages.Operation | bytes) -> None:
        body = operation if isinstance(operation, bytes) else messages.pack_operation(operation)
        await framing.write_frame(self.writer, body)

    async def receive(self) -> bytes:
        return await framing.read_frame(self._reader, framing.MAX_REQUEST)

    async def call(self, operation: messages.Operation | bytes) -> bytes:
        await self.send(operation)
        return await self.receive()

    async def wait_closed(self) -> None:
        assert await self._reader.read() == b""


class Harness:
    """A server on a free port of loopback, and its clients."""

    def __init__(self) -> None:
        self.pool = FakePool()
        self.finished = asyncio.Event()
        runtime = cast("CaptureRuntime", SimpleNamespace(pool=self.pool))
        self.server = CaptureServer(runtime, 60.0, self.finished)
        self.tasks: list[asyncio.Task[Any]] = []
        self._clients: list[Client] = []

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Harness]:
        harness = cls()
        async with await asyncio.start_server(connection_callback(harness._serve), "127.0.0.1", 0) as listener:
            harness._port = listener.sockets[0].getsockname()[1]
            try:
                yield harness
            finally:
                for client in harness._clients:
                    client.writer.close()
                await harness.server.close()

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self._port))
        self._clients.append(client)
        return client

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.tasks.append(task)
        await self.server.serve(reader, writer)

    _port = 0


class TestOperations:
    @async_test
    async def test_reply_with_a_capture(self) -> None:
        async with Harness.running() as harness:
            harness.pool.outcome.set_result(RESULT)
            client = await harness.connect()
            assert codec.unpack_capture(await client.call(CAPTURE)) == RESULT
            assert not harness.pool.fresh
            assert codec.unpack_capture(await client.call(msgspec.structs.replace(CAPTURE, fresh=True))) == RESULT
            assert harness.pool.fresh
            assert not harness.pool.low_priority
            assert (
                codec.unpack_capture(await client.call(msgspec.structs.replace(CAPTURE, low_priority=True))) == RESULT
            )
            assert harness.pool.low_priority

    @async_test
    async def test_reply_with_the_error_of_a_capture(self) -> None:
        async with Harness.running() as harness:
            harness.pool.outcome.set_exception(NotAPage("a download"))
            client = await harness.connect()
            assert isinstance(codec.unpack_problem(await client.call(CAPTURE)), NotAPage)

    @pytest.mark.parametrize(
        "request_", [b"nonsense", codec.pack({"op": "figures"}), codec.pack({"op": "capture", "shot": {"colour": 1}})]
    )
    def test_reply_with_an_engine_error_to_an_unreadable_request(self, request_: bytes) -> None:
        @async_test
        async def scenario() -> None:
            async with Harness.running() as harness:
                client = await harness.connect()
                assert isinstance(codec.unpack_problem(await client.call(request_)), EngineError)

        scenario()

    @async_test
    async def test_stop_only_for_the_last_client(self) -> None:
        async with Harness.running() as harness:
            first, second = await harness.connect(), await harness.connect()
            await second.call(messages.ProbeOperation())
            reply = await first.call(messages.StopIfIdleOperation())
            assert messages.unpack_reply(messages.StopReply, reply).stopping is False
            second.writer.close()
            reply = await first.call(messages.StopIfIdleOperation())
            assert messages.unpack_reply(messages.StopReply, reply).stopping is True
            assert harness.finished.is_set()


class TestFollowedCaptures:
    ID = "a" * 32

    @async_test
    async def test_other_connections_read_the_step_and_cancel(self) -> None:
        async with Harness.running() as harness:
            requester, other = await harness.connect(), await harness.connect()
            await requester.send(msgspec.structs.replace(CAPTURE, progress_id=self.ID))
            await harness.pool.started.wait()
            progress = await other.call(messages.ProgressOperation(progress_id=self.ID))
            assert messages.unpack_reply(messages.ProgressReply, progress).step == "navigate"
            unknown = await other.call(messages.ProgressOperation(progress_id="b" * 32))
            assert messages.unpack_reply(messages.ProgressReply, unknown).step == ""
            reply = await other.call(messages.CancelOperation(progress_id=self.ID))
            assert messages.unpack_reply(messages.CancelReply, reply).cancelled
            assert codec.unpack_problem(await requester.receive()).code == "capture-cancelled"
            await harness.pool.cancelled.wait()


class TestConnections:
    @async_test
    async def test_cancel_the_capture_of_a_client_that_disconnects(self) -> None:
        async with Harness.running() as harness:
            client = await harness.connect()
            await client.send(CAPTURE)
            await harness.pool.started.wait()
            client.writer.close()
            await harness.pool.cancelled.wait()

    @async_test
    async def test_close_after_a_request_that_is_too_long(self) -> None:
        async with Harness.running() as harness:
            client = await harness.connect()
            client.writer.write((framing.MAX_REQUEST + 1).to_bytes(4, "big"))
            await client.wait_closed()

    @async_test
    async def test_stay_cancelled_when_they_are_cancelled(self) -> None:
        async with Harness.running() as harness:
            client = await harness.connect()
            await client.call(messages.ProbeOperation())
            (task,) = harness.tasks
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            await client.wait_closed()

    @async_test
    async def test_finish_the_server_after_the_idle_timeout(self) -> None:
        async with Harness.running() as harness:
            client = await harness.connect()
            await client.call(messages.ProbeOperation())
            harness.server._idle_timeout = 0.01  # only now, or it could end before the client has connected
            assert not harness.finished.is_set()
            client.writer.close()
            await harness.finished.wait()


class TestDrain:
    @async_test
    async def test_cancels_idle_clients_without_an_error_of_the_loop(self) -> None:
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        async with Harness.running() as harness:
            client = await harness.connect()
            await client.call(messages.ProbeOperation())
            await harness.server.drain(10.0)
            await client.wait_closed()
        await asyncio.sleep(0)
        assert errors == []

    @async_test
    async def test_disconnects_idle_clients_and_lets_busy_ones_finish(self) -> None:
        async with Harness.running() as harness:
            idle, busy = await harness.connect(), await harness.connect()
            await idle.call(messages.ProbeOperation())
            await busy.send(CAPTURE)
            await harness.pool.started.wait()
            draining = asyncio.create_task(harness.server.drain(10.0))
            await idle.wait_closed()
            harness.pool.outcome.set_result(RESULT)
            assert codec.unpack_capture(await busy.receive()) == RESULT
            await draining
            await busy.wait_closed()
