"""The Chromium process: DevTools pipe, last 4 KiB of standard error, exit.

Chromium's standard streams are the DevTools pipe. A shell moves them to descriptors 3 and 4, where Chromium expects the
pipe, sets resource limits and executes Chromium. So the shell becomes Chromium, and one process group can be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import structlog

from tintype.chromium.cdp.connection import Connection, TargetClosed
from tintype.chromium.process.launch_options import environment
from tintype.chromium.process.profiles import remove

log = structlog.get_logger("tintype.chromium")

_SHELL = (
    "ulimit -c 0; ulimit -n 1024 2>/dev/null; ulimit -f 1048576 2>/dev/null; "
    '{ echo 5 >/proc/self/autogroup; } 2>/dev/null; command -v nice >/dev/null && set -- nice -n 5 "$@"; '
    'exec "$@" 3<&0 4>&1 </dev/null >/dev/null'
)
"""Limits: no core files, 1024 descriptors, files up to 512 MB (in blocks of 512 bytes). Priority below the web workers,
so hits go before captures: nice 5, and autogroup 5 where the kernel schedules by session (sched(7)).

Shared memory counts as a file: with a limit of 64 MB Chromium crashes at a screenshot of 25 million pixels (100 MB).
"""
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, linux/fcntl.h
_PIPE_SIZE = 1 << 20
_STDERR, _STDERR_TAIL = 2, 4096
_EXIT_TIMEOUT = 5.0


class Process(asyncio.SubprocessProtocol):
    """A running Chromium process and the connection to it."""

    def __init__(self, profile: Path) -> None:
        self.connection = Connection(self._write)
        self.profile = profile
        self.listeners: list[socket.socket] = []
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stderr_tail = b""
        """The last 4096 bytes of its standard error."""
        self.stderr_closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when its standard error is closed."""
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def start(cls, command: Sequence[str], profile: Path, **options: Any) -> Self:
        """Start a command line; ``options`` go to the system call (user, inherited descriptors). Raises OSError."""
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: cls(profile),
            shutil.which("sh") or "/bin/sh",
            *("-c", _SHELL, "sh", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(profile),
            cwd=profile,
            start_new_session=True,
            **options,
        )
        return process

    @property
    def pid(self) -> int:
        """Process id, which is also the process group's."""
        pid = self._transport.get_pid() if self._transport else None
        return pid or 0

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs."""
        return self._transport.get_returncode() if self._transport else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and enlarge the pipe."""
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101 - what subprocess_exec gives
        self._transport = transport
        pipe = transport.get_pipe_transport(1)
        if pipe and sys.platform == "linux":
            with contextlib.suppress(OSError, ValueError):  # ValueError: it has exited already
                fcntl.fcntl(pipe.get_extra_info("pipe"), _SET_PIPE_SIZE, _PIPE_SIZE)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Process DevTools messages and standard error."""
        if fd == _STDERR:
            self.stderr_tail = (self.stderr_tail + data)[-_STDERR_TAIL:]
            return
        try:
            self.connection.feed(data)
        except (ValueError, RecursionError) as error:
            log.error("cdp_message_invalid", error=str(error)[:200])
            self.kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """End the connection when the DevTools pipe closes."""
        if fd == 1:
            self.connection.end(TargetClosed("the browser closed its pipe"))
        if fd == _STDERR and not self.stderr_closed.done():
            self.stderr_closed.set_result(None)

    def process_exited(self) -> None:
        """End the connection when the process exits."""
        self.connection.end(TargetClosed("the browser exited"))
        if not self.exited.done():
            self.exited.set_result(None)

    def kill(self) -> None:
        """Kill the whole process group. Idempotent."""
        self.connection.end(TargetClosed("the browser was killed"))
        if self.status is None and self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Kill it, wait for its exit, and remove its profile. Idempotent."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_TIMEOUT):
                await asyncio.shield(self.exited)
                await asyncio.shield(self.stderr_closed)
        if self._transport:
            self._transport.close()
        for listener in self.listeners:
            listener.close()
        remove(self.profile)

    def _write(self, data: bytes) -> None:
        pipe = self._transport.get_pipe_transport(0) if self._transport else None
        if isinstance(pipe, asyncio.WriteTransport) and not pipe.is_closing():
            pipe.write(data)
