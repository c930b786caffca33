"""Table of settings for operators: each value as one would write it, and its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from rich.table import Table
from rich.text import Text

from tintype.settings import Settings
from tintype.settings.types import (
    AGE,
    CAPTURE_TIME,
    DURATION,
    DURATION_OR_OFF,
    NUMBER_OR_UNLIMITED,
    SIZE,
    SIZE_OR_UNLIMITED,
)

NOT_SET = "not set"
_UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60}
_UNIT_BYTES = {"g": 1 << 30, "m": 1 << 20, "k": 1 << 10}
_EFFECTIVE: dict[str, Callable[[Settings], Any]] = {
    "workers": lambda settings: settings.worker_count,
    "threads": lambda settings: settings.thread_count,
    "max_waiting": lambda settings: settings.waiting_limit,
    "slots": lambda settings: settings.slot_count,
    "queue": lambda settings: settings.queue_length,
    "engine": lambda settings: ",".join(settings.engines),
}
"""Settings whose value, such as 0, stands for another one."""


def settings_table(settings: Settings, *, everything: bool) -> Table:
    """The settings that are not from their defaults, or ``everything``."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    for name, field in Settings.model_fields.items():
        source = settings.source(str(field.validation_alias))
        if everything or source != "default":
            style = "dim" if source == "default" else ""
            table.add_row(str(field.validation_alias), Text(format_setting(settings, name)), source, style=style)
    return table


def format_setting(settings: Settings, name: str) -> str:
    """A value in the form of the settings; of a secret at most the scheme, host and path of its URL."""
    value = getattr(settings, name)
    if Settings.is_secret(name):
        return _mask_secret(value) if value else NOT_SET
    text = _format(name, value)
    effective = str(_EFFECTIVE[name](settings)) if name in _EFFECTIVE else text
    return f"{effective} ({text})" if effective != text else text


def _format(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or NOT_SET
    extra = Settings.model_fields[name].json_schema_extra
    formatter = _FORMATTERS.get(extra["accepts"] if isinstance(extra, dict) else "")
    return formatter(value) if formatter else str(value) or NOT_SET


def format_duration(seconds: float) -> str:
    """Seconds in the largest unit that divides them, for example ``90s`` or ``2h``."""
    unit = next((name for name, length in _UNIT_SECONDS.items() if seconds and seconds % length == 0), "s")
    return f"{seconds / _UNIT_SECONDS.get(unit, 1):g}{unit}"


def _format_size(size: int) -> str:
    """Bytes in the largest unit that divides them, for example ``1g``."""
    unit = next((name for name, length in _UNIT_BYTES.items() if size and size % length == 0), "")
    return f"{size // _UNIT_BYTES.get(unit, 1)}{unit}"


def _mask_secret(value: Any) -> str:
    if not isinstance(value, str) or "://" not in value:
        return "set, not shown"
    parts = urlsplit(value)
    login = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{login}{parts.netloc.rpartition('@')[2]}{parts.path}"


_FORMATTERS: dict[Any, Callable[[Any], str]] = {
    **dict.fromkeys((DURATION, CAPTURE_TIME, AGE), format_duration),
    DURATION_OR_OFF: lambda seconds: format_duration(seconds) if seconds else "off",
    SIZE: _format_size,
    SIZE_OR_UNLIMITED: lambda size: _format_size(size) if size else "unlimited",
    NUMBER_OR_UNLIMITED: lambda count: str(count) if count else "unlimited",
}
