"""``tintype doctor``: the settings in force, and whether everything they lead to works."""

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
from tintype.provision import doctor
from tintype.provision.doctor import CheckLevel, CheckResult
from tintype.settings import Settings
from tintype.settings.types import DURATION, SIZE

_MARKS = {
    CheckLevel.OK: Text("ok", "green"),
    CheckLevel.WARNING: Text("look", "yellow"),
    CheckLevel.ERROR: Text("WRONG", "bold red"),
}
_WIDTH = 120
"""Columns when nobody is there to have a terminal."""
_UNIT_SECONDS = {"d": 86_400, "h": 3600, "m": 60}


@click.command("doctor")
def command() -> None:
    """Check settings, browser, sandbox, fonts, cache and storage.

    Says what helps for everything that does not work, and leaves with 1 if something essential does not.
    """
    settings = Settings.load()
    logs.configure("warning", settings.log_format)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    console.print(f"Tintype {__version__}\n", _settings_table(settings), "")
    findings = []
    for finding in doctor.run_checks(settings):
        findings.append(finding)
        console.print(_line(finding))
    if any(finding.level is CheckLevel.ERROR for finding in findings):
        console.print("\nSomething essential does not work.", style="bold red")
        click.get_current_context().exit(1)
    console.print("\nReady to take pictures.", style="bold green")


def _settings_table(settings: Settings) -> Table:
    table = Table("setting", "value", "from", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias)
        source = settings.source(variable)
        style = "dim" if source == "default" else ""
        table.add_row(variable, _format_value(name, getattr(settings, name)), source, style=style)
    return table


def _format_value(name: str, value: Any) -> Text:
    """A value as an operator would read it; of a secret no more than where it leads."""
    if Settings.is_secret(name):
        return Text(_mask_secret(str(value)))
    if isinstance(value, tuple):
        return Text(", ".join(map(str, value)))
    unit = _FORMATTERS.get(_accepted_values(name))
    return Text(unit(value) if unit else str(value))


def _format_duration(seconds: float) -> str:
    """In the largest unit that comes out even, as settings are written."""
    unit = next((name for name, length in _UNIT_SECONDS.items() if seconds and seconds % length == 0), "s")
    return f"{seconds / _UNIT_SECONDS.get(unit, 1):g}{unit}"


def _mask_secret(secret: str) -> str:
    if "://" not in secret:
        return "set, not shown" if secret else ""
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
