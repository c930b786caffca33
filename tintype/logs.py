"""How the log is written: one JSON object a line, or readable lines on a terminal; always to stderr, never a secret."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

_SECRET_NAMES = re.compile(r"key$|token|secret|password|authorization|cookie", re.IGNORECASE)
_USER_INFO = re.compile(r"(\w://)[^/@\s]*@")
_MASK = "***"
FLUSH_INTERVAL = 0.05
"""Seconds a line of :func:`write` may wait to be written with others."""
_direct: logging.StreamHandler[TextIO] | None = None
"""Where a line of JSON may be written without asking anybody."""
_NOISY_LOGGERS = ("botocore", "boto3", "s3transfer", "urllib3", "httpx", "httpcore", "asyncio", "filelock", "pyvips")


def configure(level: str = "info", log_format: str = "auto") -> None:
    """Set up logging for this process. ``form`` is ``console``, ``json`` or ``auto``: console on a terminal.

    What libraries write through the standard library comes out in the same form.
    """
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # not cached: what a module logs follows the configuration even if it was made before
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=_final_processors(console), foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    global _direct  # noqa: PLW0603 - there is one log a process
    _direct = None if console else handler
    root.setLevel(level.upper())
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def write(render: Callable[..., str], *values: object) -> bool:
    """Write a line, to be made of values later: fields as JSON without secrets; whether that was possible.

    For what is logged at every hit: the way through structlog and logging (contexts, masks, two formatters) costs more
    than all the rest of it, and many lines made one after another cost half of what each would cost alone. It has to
    be gone where lines are for people, or where somebody else listens too.
    """
    handler = _direct
    if handler is None or logging.root.handlers != [handler]:
        return False
    _spool.add((time.time(), render, values), handler)
    return True


def flush() -> None:
    """Have what :func:`write` took written."""
    _spool.flush()


_Line = tuple[float, Callable[..., str], tuple[object, ...]]
"""When it was, how its fields are made, and of what."""


LOG_INTERVAL = 60.0
"""Seconds between two log lines about the same outage."""


class LogThrottle:
    """Allows one log line per ``interval`` seconds, for an outage that many requests notice. Thread-safe."""

    def __init__(self, interval: float = LOG_INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._next = float("-inf")

    def allows(self) -> bool:
        """Whether to log now; True starts the next interval."""
        with self._lock:
            if self._clock() < self._next:
                return False
            self._next = self._clock() + self._interval
            return True

    def reset(self) -> None:
        """Allow the next line immediately, for example after the outage ended."""
        self._next = float("-inf")


class BatchedWriter:
    """Lines on their way to the log, written together by a thread of its own, at most ``HELD`` seconds later.

    Each line by itself would be a system call, at which Python changes threads; that costs more than the line.
    """

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._handler: logging.StreamHandler[TextIO] | None = None
        self._wakeup = threading.Event()
        self._writer: threading.Thread | None = None

    def add(self, line: _Line, handler: logging.StreamHandler[TextIO]) -> None:
        """Take a line; the first one starts the thread."""
        self._lines.append(line)
        self._handler = handler
        if not self._wakeup.is_set():
            self._wakeup.set()
            if self._writer is None:
                self._writer = threading.Thread(target=self._run, name="tintype-log", daemon=True)
                self._writer.start()

    def flush(self) -> None:
        """Write what is there."""
        lines, self._lines = self._lines, []
        if lines and self._handler:
            with suppress(OSError, ValueError):  # a log that is gone must not cost anything else
                self._handler.stream.write("".join([_format_line(*line) for line in lines]))
                self._handler.stream.flush()

    def _run(self) -> None:
        while self._wakeup.wait():
            time.sleep(FLUSH_INTERVAL)
            self._wakeup.clear()
            self.flush()


_spool = BatchedWriter()
atexit.register(flush)
os.register_at_fork(before=flush, after_in_child=_spool.__init__)  # type: ignore[misc]


def _format_line(moment: float, render: Callable[..., str], values: tuple[object, ...]) -> str:
    """A line, its time as structlog's TimeStamper writes it; the part down to seconds is made once a second."""
    second = int(moment)
    return f'{{{render(*values)}, "timestamp": "{_format_second(second)}.{int((moment - second) * 1e6):06d}Z"}}\n'


@functools.lru_cache(1)
def _format_second(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def mask_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cover fields named like secrets, and user names and passwords inside URLs."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = _MASK
        elif isinstance(value, str) and "@" in value:
            event[name] = _USER_INFO.sub(rf"\1{_MASK}@", value)
    return event


def _final_processors(console: bool) -> list[Processor]:
    colours = sys.stderr.isatty()
    renderer: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if console:
        # plain tracebacks: the coloured ones print local variables, and those may be secrets
        renderer = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _mask_traceback,
        renderer,
    ]


def _mask_traceback(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A formatted traceback may quote a URL with a password."""
    if isinstance(trace := event.get("exception"), str):
        event["exception"] = _USER_INFO.sub(rf"\1{_MASK}@", trace)
    return event
