"""Renders log events as lines for a terminal: time, level, event, then its fields in the order of the call."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

REQUEST_EVENT = "request_finished"
WIDTH = 100
"""Columns if stderr is not a terminal."""
_MIN_WIDTH = 60
_INDENT = " " * 15
"""The columns of time and level; further lines of an event begin below its name."""
_COLORS = {"debug": "2", "warning": "33", "error": "31", "critical": "1;31"}
_NAMES = {"warning": "warn", "critical": "error"}
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_HIDDEN = frozenset({"timestamp", "level", "event", "logger", "exception", "stack"})


class ConsoleLines:
    """Renders an event of structlog. An access log line is one line of text without names, wrapped to the terminal.

    The id of a request is shown for errors only, and of the steps of a capture only their sum; JSON has all fields.
    """

    def __init__(self, *, colors: bool, columns: Callable[[], int] | None = None) -> None:
        self._colors = colors
        self._columns = columns or _terminal_columns

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> str:
        """The lines of an event, without a line end at the end."""
        level = str(event.get("level", "info"))
        if event.get("event") == REQUEST_EVENT and "status" in event:
            level, text = _level_of_request(event, level), _request_text(event)
        else:
            text = " ".join([str(event.get("event", "")), *_fields(event, _HIDDEN)])
        lines = self._wrap(f"{_time(event)} {_NAMES.get(level, level):<5} {text}")
        lines += [str(event[name]) for name in ("exception", "stack") if event.get(name)]
        return "\n".join([self._colored(lines[0], level), *lines[1:]])

    def _wrap(self, text: str) -> list[str]:
        width = max(_MIN_WIDTH, self._columns())
        wrapper = textwrap.TextWrapper(width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)
        return wrapper.wrap(text.replace("\n", " ")) or [""]

    def _colored(self, line: str, level: str) -> str:
        code = _COLORS.get(level)
        return f"\x1b[{code}m{line}\x1b[0m" if self._colors and code else line


def _terminal_columns() -> int:
    """Columns of stderr; some terminals report 0."""
    reported = os.get_terminal_size(2).columns if os.isatty(2) else shutil.get_terminal_size((WIDTH, 24)).columns
    return reported or WIDTH


def _time(event: Mapping[str, Any]) -> str:
    """Local time of day, as of the clock beside the terminal."""
    try:
        moment = datetime.fromisoformat(str(event["timestamp"]))
    except (KeyError, ValueError):
        moment = datetime.now(UTC)
    return moment.astimezone().strftime("%H:%M:%S")


def _level_of_request(event: Mapping[str, Any], level: str) -> str:
    status = event["status"]
    return "error" if status >= _SERVER_ERROR else "warning" if status >= _CLIENT_ERROR else level


def _request_text(event: Mapping[str, Any]) -> str:
    """``GET /thumb 200 MISS 238 ms 29 kB example.com``, then the other fields."""
    shown = {"method", "route", "status", "cache", "ms", "bytes", "target", *_HIDDEN}
    failed = event["status"] >= _CLIENT_ERROR
    parts = [event.get("method", ""), event.get("route", ""), event["status"], event.get("error") or event.get("cache")]
    parts += [f"{event.get('ms', 0):.0f} ms", _size(event.get("bytes", 0)), event.get("target")]
    steps = {name for name in event if name.endswith("_ms") and name != "capture_ms"}
    hidden = {*shown, *steps, "error", *(() if failed else ("id",))}
    return " ".join([*(str(part) for part in parts if part), *_fields(event, hidden)])


def _fields(event: Mapping[str, Any], hidden: set[str] | frozenset[str]) -> list[str]:
    return [f"{name}={_value(value)}" for name, value in event.items() if name not in hidden]


def _value(value: Any) -> str:
    """A value as one word, or in quotes if it has spaces; control characters cannot reach the terminal."""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f'"{text}"' if " " in text or not text else text


def _size(count: float) -> str:
    return f"{count / 1000:.0f} kB" if count >= 1000 else f"{count:.0f} B"  # noqa: PLR2004 - SI
