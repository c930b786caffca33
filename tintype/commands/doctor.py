"""``tintype doctor``: prints the effective settings and checks browser, sandbox, fonts, cache and storage."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tintype import __version__, logs
from tintype.commands import ExitCode
from tintype.provision import doctor
from tintype.provision.doctor import CheckLevel, CheckResult
from tintype.settings import Settings
from tintype.settings.types import DURATION, SIZE

_MARKS = {
    CheckLevel.OK: Text("ok", "green"),
    CheckLevel.WARNING: Text("WARN", "yellow"),
    CheckLevel.ERROR: Text("ERROR", "bold red"),
}
_WIDTH = 120
"""Columns if stdout is not a terminal."""
_UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60}


@click.command("doctor")
def command() -> None:
    """Check the settings and what they need.

    Checks browser, sandbox, fonts, cache and storage. Prints a remedy for each check that fails, and exits with 1 if an
    essential check fails.
    """
    settings = Settings.load()
    logs.configure("warning", settings.log_format)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    console.print(f"Tintype {__version__}\n", _settings_table(settings), "")
    results = []
    for result in doctor.run_checks(settings):
        results.append(result)
        console.print(_line(result))
    if any(result.level is CheckLevel.ERROR for result in results):
        console.print("\nAn essential check failed.", style="bold red")
        click.get_current_context().exit(ExitCode.FAILURE)
    console.print("\nReady to capture.", style="bold green")


def _settings_table(settings: Settings) -> Table:
    table = Table("setting", "value", "from", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias)
        source = settings.source(variable)
        style = "dim" if source == "default" else ""
        table.add_row(variable, _format_value(name, getattr(settings, name)), source, style=style)
    return table


def _format_value(name: str, value: Any) -> Text:
    """A value in the notation of the settings; of a secret at most the scheme, host and path of its URL."""
    if Settings.is_secret(name):
        return Text(_mask_secret(str(value)) if value else "")
    if isinstance(value, tuple):
        return Text(", ".join(map(str, value)))
    unit = _FORMATTERS.get(_accepted_values(name))
    return Text(unit(value) if unit else str(value))


def _format_duration(seconds: float) -> str:
    """Seconds in the largest unit that divides them, for example ``90s`` or ``2h``."""
    unit = next((name for name, length in _UNIT_SECONDS.items() if seconds and seconds % length == 0), "s")
    return f"{seconds / _UNIT_SECONDS.get(unit, 1):g}{unit}"


def _mask_secret(secret: str) -> str:
    if "://" not in secret:
        return "set, not shown"
    parts = urlsplit(secret)
    login = "***@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{login}{parts.netloc.rpartition('@')[2]}{parts.path}"


def _accepted_values(name: str) -> Any:
    extra = Settings.model_fields[name].json_schema_extra
    return extra["accepts"] if isinstance(extra, dict) else ""


def _line(check: CheckResult) -> Table:
    line = Table.grid(padding=(0, 2))
    line.add_column(width=6)
    line.add_column(width=13)
    line.add_row(_MARKS[check.level], check.name, Text(check.detail))
    if check.level is not CheckLevel.OK and check.remedy:
        line.add_row("", "", Text(f"→ {check.remedy}", "yellow"))
    return line


_FORMATTERS: dict[Any, Callable[[Any], str]] = {
    DURATION: _format_duration,
    SIZE: lambda size: f"{size >> 20:,} MB",
}
