"""Who starts the capture daemon? Whoever needs it first, under a lock that all processes of the data folder share."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TypeVar

import structlog
from filelock import FileLock, Timeout

log = structlog.get_logger("tintype.engines.daemon")

_PAUSE = 1.0
"""Seconds in which a start that failed is not tried again: a crowd of callers shares one failure."""
_LONGEST_LOG = 5 << 20

_Connection = TypeVar("_Connection")


class StartFailed(Exception):
    """The daemon did not come up; the text is for the operator."""


class Starter:
    """Starts a daemon from a command line, detached, and waits for its word that it is ready."""

    def __init__(
        self, command: Sequence[str], run_dir: Path, address: str, timeout: float, log_file: Path | None
    ) -> None:
        self._command = list(command)
        self._lock_file = run_dir / f"{Path(address).name}.start"
        self._timeout = timeout
        self._log_file = log_file
        self._turn = os.getpid(), threading.Lock()
        self._failure: tuple[float, StartFailed] | None = None

    def start(self, dial: Callable[[], _Connection]) -> _Connection:
        """Connect, starting the daemon if nobody else has meanwhile; raises StartFailed."""
        if self._turn[0] != os.getpid():  # after a fork the old lock may be held by a thread that is not here
            self._turn = os.getpid(), threading.Lock()
        with self._turn[1]:
            if self._failure and time.monotonic() - self._failure[0] < _PAUSE:
                raise self._failure[1]
            try:
                with FileLock(self._lock_file, timeout=self._timeout):
                    return self._start(dial)
            except Timeout:
                failure = StartFailed(f"another process has held {self._lock_file} for {self._timeout:.0f} s")
            except OSError as error:
                failure = StartFailed(str(error))
            except StartFailed as error:
                failure = error
            self._failure = time.monotonic(), failure
            raise failure

    def _start(self, dial: Callable[[], _Connection]) -> _Connection:
        with contextlib.suppress(OSError):
            return dial()
        with self._log() as log_file:
            daemon = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            )
        threading.Thread(target=daemon.wait, name="capture-daemon-wait", daemon=True).start()
        self._await_word(daemon)
        log.info("capture_daemon_started", pid=daemon.pid)
        return dial()

    def _await_word(self, daemon: subprocess.Popen[bytes]) -> None:
        """Its first line on standard output: ready, or why not."""
        assert daemon.stdout  # noqa: S101 - a pipe was asked for
        with daemon.stdout as pipe:
            line = _read_line(pipe.fileno(), time.monotonic() + self._timeout)
        if line is None:
            daemon.kill()
            raise StartFailed(f"the capture daemon was not ready after {self._timeout:.0f} s")
        try:
            word = json.loads(line)
        except ValueError:
            raise StartFailed(f"the capture daemon ended at once; see {self._log_file or 'standard error'}") from None
        if "error" in word:
            raise StartFailed(str(word["error"]))

    @contextlib.contextmanager
    def _log(self) -> Iterator[IO[bytes] | None]:
        """Where the daemon's log goes; None is our own standard error."""
        if self._log_file is None:
            yield None
            return
        if self._log_file.exists() and self._log_file.stat().st_size > _LONGEST_LOG:
            self._log_file.replace(self._log_file.with_suffix(".old"))
        with self._log_file.open("ab") as file:
            yield file


def _read_line(pipe: int, deadline: float) -> bytes | None:
    """One line or what came before the end; None when time is up."""
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not said.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return None
            piece = os.read(pipe, 65536)
            if not piece:
                return said
            said += piece
    return said
