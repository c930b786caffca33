"""Log configuration on stderr: JSON or console lines, masked secrets, throttled repetition."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from tintype.console_log import ConsoleLines

_SECRET_NAMES = re.compile(r"key$|token|secret|password|authorization|cookie", re.IGNORECASE)
_USER_INFO = re.compile(r"(\w://)[^/@\s]*@")
_MASK = "***"
_json_handler: logging.StreamHandler[TextIO] | None = None
"""The handler that :func:`configure` installed for JSON."""
_NOISY_LOGGERS = ("botocore", "boto3", "s3transfer", "urllib3", "httpx", "httpcore", "asyncio", "filelock", "pyvips")


def configure(level: str = "info", log_format: str = "auto") -> None:
    """Set up logging for this process.

    ``level`` is the name of a level of the standard library. ``log_format`` is ``console``, ``json`` or ``auto``
    (console on a terminal, else JSON). Logs of libraries have the same format.
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
        # not cached, so that loggers created before follow this configuration
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=_final_processors(console), foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    global _json_handler  # noqa: PLW0603 - one log per process
    _json_handler = None if console else handler
    root.setLevel(level.upper())
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def json_handler() -> logging.StreamHandler[TextIO] | None:
    """The handler to whose stream JSON lines may be written directly; None for console format or other handlers."""
    return _json_handler if logging.root.handlers == [_json_handler] else None


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


def mask_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask fields whose names are those of secrets, and user names and passwords in URLs."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = _MASK
        elif isinstance(value, str) and "@" in value:
            event[name] = _USER_INFO.sub(rf"\1{_MASK}@", value)
    return event


def _final_processors(console: bool) -> list[Processor]:
    as_json: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    renderer = ConsoleLines(colors=sys.stderr.isatty()) if console else as_json
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _mask_traceback,
        renderer,
    ]


def _mask_traceback(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask passwords in URLs that a formatted traceback contains."""
    if isinstance(trace := event.get("exception"), str):
        event["exception"] = _USER_INFO.sub(rf"\1{_MASK}@", trace)
    return event
