"""Access log of cache hits: JSON lines that a thread writes in batches, every 50 ms."""

from __future__ import annotations

import atexit
import functools
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from tintype import logs
from tintype.shared_memory import ForkAware, register_fork_hooks

FLUSH_INTERVAL = 0.05
"""Seconds a line may wait to be written together with others."""

_Line = tuple[Any, ...]
"""Time in seconds since the epoch, the function that renders the fields, its arguments: one tuple, because thousands of
lines wait at a time, and Python's garbage collector visits each object."""


class BatchedWriter(ForkAware):
    """Collects lines and writes them from a thread, at most ``FLUSH_INTERVAL`` seconds later. Thread-safe.

    Writing each line separately would be one system call per request, which also makes Python switch threads; that
    costs more than rendering the line.
    """

    _lock: threading.Lock
    _lines: list[_Line]
    _handler: logging.StreamHandler[TextIO] | None
    _thread: threading.Thread | None

    def __init__(self) -> None:
        self.after_fork()
        register_fork_hooks(self)

    def add(self, line: _Line, handler: logging.StreamHandler[TextIO]) -> None:
        """Accept a line for a handler's stream; the first line starts the thread."""
        with self._lock:
            self._lines.append(line)
            self._handler = handler
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tintype-access-log", daemon=True)
                self._thread.start()
        if not self._wakeup.is_set():
            self._wakeup.set()

    def flush(self) -> None:
        """Write the lines accepted so far. A closed stream or a full disk loses them without an error."""
        with self._lock:
            lines, self._lines = self._lines, []
            handler = self._handler
        if lines and handler:
            with suppress(OSError, ValueError):
                handler.stream.write("".join([_format_line(*line) for line in lines]))
                handler.stream.flush()

    def before_fork(self) -> None:
        """Write all lines, because the child would write copies of them."""
        self.flush()

    def after_fork(self) -> None:
        """Start empty in a child, where the thread does not exist."""
        self._lock = threading.Lock()
        self._lines = []
        self._handler = None
        self._wakeup = threading.Event()
        self._thread = None

    def _run(self) -> None:
        while self._wakeup.wait():
            time.sleep(FLUSH_INTERVAL)
            self._wakeup.clear()
            self.flush()


_writer = BatchedWriter()
atexit.register(_writer.flush)


def write(render: Callable[..., str], *values: object) -> bool:
    """Write a line whose fields ``render(*values)`` returns as JSON members; returns False if the log is not JSON.

    It bypasses structlog and logging, whose contexts, masks and formatters cost more than the rest of a cache hit, so
    the fields must contain no secrets. It returns False for the console format and where another handler is installed:
    the caller then logs through structlog.
    """
    handler = logs.json_handler()
    if handler is None:
        return False
    _writer.add((time.time(), render, *values), handler)
    return True


def flush() -> None:
    """Write the lines accepted so far."""
    _writer.flush()


def _format_line(timestamp: float, render: Callable[..., str], *values: object) -> str:
    """A line with the time in the format of structlog's TimeStamper; the part down to seconds is cached."""
    second = int(timestamp)
    microseconds = int((timestamp - second) * 1e6)
    return f'{{{render(*values)}, "timestamp": "{_format_second(second)}.{microseconds:06d}Z"}}\n'


@functools.lru_cache(1)
def _format_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
