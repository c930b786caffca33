"""``tintype doctor``: checks browser, sandbox, fonts, cache and storage; prints what is wrong, and what is in force."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tintype import __version__, backends, errors, logs
from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.commands.settings_table import settings_table
from tintype.commands.spinner import spinner
from tintype.job_components import describe_broker
from tintype.provision import doctor
from tintype.provision.doctor import CheckLevel, CheckResult
from tintype.settings import Settings

_MARKS = {
    CheckLevel.OK: Text("ok", "green"),
    CheckLevel.WARNING: Text("WARN", "yellow"),
    CheckLevel.ERROR: Text("ERROR", "bold red"),
}
_SEVERITY = (CheckLevel.ERROR, CheckLevel.WARNING, CheckLevel.OK)
_WIDTH = 100
"""Columns if stdout is not a terminal."""
_NAME_COLUMNS = 13


@click.command(
    "doctor",
    cls=DocumentedCommand,
    examples=("tintype doctor", "tintype doctor --all"),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR),
)
@click.option("--all", "everything", is_flag=True, help="Print all settings, also those with their default values.")
def command(*, everything: bool) -> None:
    """Check the settings and what they need.

    Checks browser, sandbox, fonts, cache and storage, and makes one capture. Prints first what is wrong, with a remedy,
    then what is in force, then the settings that differ from their defaults. Exits with 1 if an essential check fails.
    """
    settings = Settings.load()
    logs.configure("critical", settings.log_format)  # the reasons are in the results
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    console.print(f"Tintype {__version__}")
    with spinner("Checking; this makes one capture …"):
        results = sorted(doctor.run_checks(settings), key=lambda result: _SEVERITY.index(result.level))
    failed = [result for result in results if result.level is CheckLevel.ERROR]
    _print_results(console, results, failed)
    _print_heading(console, "In force")
    console.print(_in_force(settings))
    _print_heading(console, "All settings" if everything else "Settings that differ from their defaults (--all: all)")
    table = settings_table(settings, everything=everything)
    console.print(table if table.row_count else "none")
    if failed:
        click.get_current_context().exit(ExitCode.FAILURE)


def _print_results(console: Console, results: Sequence[CheckResult], failed: Sequence[CheckResult]) -> None:
    warnings = [result for result in results if result.level is CheckLevel.WARNING]
    if failed:
        count = "An essential check" if len(failed) == 1 else f"{len(failed)} essential checks"
        console.print(f"\n{count} failed.", style="bold red")
    else:
        besides = f" {len(warnings)} of {len(results)} checks warn." if warnings else ""
        console.print(f"\nReady to capture.{besides}", style="bold green")
    for result in results:
        console.print(_line(result))


def _print_heading(console: Console, text: str) -> None:
    console.print(f"\n{text}", style="bold")


def _line(check: CheckResult) -> Table:
    line = Table.grid(padding=(0, 2))
    line.add_column(width=6)
    line.add_column(width=_NAME_COLUMNS)
    line.add_row(_MARKS[check.level], check.name, Text(check.detail))
    if check.level is not CheckLevel.OK and check.remedy:
        line.add_row("", "", Text(f"→ {check.remedy}", "yellow"))
    return line


def _in_force(settings: Settings) -> Table:
    """Engine, cache, storage, clients and targets that the settings select."""
    rows = {
        "engine": ", then ".join(settings.engines),
        "cache": _description_of_cache(settings),
        "storage": backends.describe_storage(settings),
        **({"broker": describe_broker(settings)} if settings.broker_url else {}),
        "clients": _clients(settings),
        "targets": _targets(settings),
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=_NAME_COLUMNS)
    for name, text in rows.items():
        table.add_row(name, Text(text))
    return table


def _description_of_cache(settings: Settings) -> str:
    try:
        return backends.describe_state(settings)
    except errors.ConfigurationError as error:
        return str(error)


def _clients(settings: Settings) -> str:
    kinds = {"API": settings.api_keys, "signing": settings.signing_keys, "admin": settings.admin_keys}
    parts = [f"{len(keys)} {kind} {'key' if len(keys) == 1 else 'keys'}" for kind, keys in kinds.items() if keys]
    if settings.api_keys or settings.signing_keys:
        return ", ".join(parts)
    return ", ".join(["every client that reaches it (no TINTYPE_API_KEYS, no TINTYPE_SIGNING_KEYS)", *parts])


def _targets(settings: Settings) -> str:
    hosts = f"only {', '.join(settings.allow_hosts)}" if settings.allow_hosts else "public addresses"
    denied = f", except {', '.join(settings.deny_hosts)}" if settings.deny_hosts else ""
    allowed = ", ".join(settings.allow_addresses)
    private = f"; private: {allowed}" if allowed else "; private ones need TINTYPE_ALLOW_ADDRESSES"
    return f"{hosts}{denied}{private}"
