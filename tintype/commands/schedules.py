"""``tintype schedules``: lists, shows, runs, pauses, resumes and deletes schedules of a running service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import click

from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand, SuggestingGroup
from tintype.commands.jobs.client import JobClient
from tintype.commands.jobs.server import as_json_option, server_options

_EXIT_CODES = (ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR)
_ID = "sch_5f3a9c1e7b2d4860af19c3e5"
_MOST = 100
"""Entries of one response."""
Report = dict[str, Any]


@click.group("schedules", cls=SuggestingGroup)
def command() -> None:
    """List, show, run, pause and delete schedules of a running service.

    The commands are clients of the service at --server, by default TINTYPE_SERVER, or HOST and PORT on this machine.
    With API keys, pass one with --api-key or TINTYPE_SERVER_KEY. POST /schedules creates a schedule.
    """


@command.command(
    "list",
    cls=DocumentedCommand,
    examples=("tintype schedules list", "tintype schedules list --json"),
    exit_codes=_EXIT_CODES,
)
@as_json_option
@server_options
def list_command(*, as_json: bool, client: JobClient) -> None:
    """List schedules, newest first: id, times, state, result of the last run, and name."""
    for report in _entries(client, "/schedules", "schedules", 10_000):
        click.echo(json.dumps(report, ensure_ascii=False) if as_json else _line(report))


@command.command(
    "show",
    cls=DocumentedCommand,
    examples=(f"tintype schedules show {_ID}", f"tintype schedules show {_ID} --runs 5 --json"),
    exit_codes=_EXIT_CODES,
)
@click.argument("schedule_id")
@click.option("--runs", type=click.IntRange(0, 1000), default=10, show_default=True, help="Show so many runs.")
@as_json_option
@server_options
def show_command(*, schedule_id: str, runs: int, as_json: bool, client: JobClient) -> None:
    """Print a schedule and its last runs, with the pages that changed or failed.

    With --json each run is a JSON object on a line of its own, after the schedule.
    """
    path = _path(schedule_id)
    report = client.request("GET", path)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _line(report))
    for run in _entries(client, f"{path}/runs", "runs", runs):
        click.echo(json.dumps(run, ensure_ascii=False) if as_json else "\n".join(_run_lines(run)))


@command.command("run", cls=DocumentedCommand, examples=(f"tintype schedules run {_ID}",), exit_codes=_EXIT_CODES)
@click.argument("schedule_id")
@as_json_option
@server_options
def run_command(*, schedule_id: str, as_json: bool, client: JobClient) -> None:
    """Run a schedule now, also a paused one.

    While a run is in progress, no other one begins.
    """
    report = client.request("POST", f"{_path(schedule_id)}/run")
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _line(report))


@command.command("pause", cls=DocumentedCommand, examples=(f"tintype schedules pause {_ID}",), exit_codes=_EXIT_CODES)
@click.argument("schedule_id")
@as_json_option
@server_options
def pause_command(*, schedule_id: str, as_json: bool, client: JobClient) -> None:
    """Pause a schedule: no run begins by itself until it is resumed."""
    _set_paused(client, schedule_id, paused=True, as_json=as_json)


@command.command("resume", cls=DocumentedCommand, examples=(f"tintype schedules resume {_ID}",), exit_codes=_EXIT_CODES)
@click.argument("schedule_id")
@as_json_option
@server_options
def resume_command(*, schedule_id: str, as_json: bool, client: JobClient) -> None:
    """Resume a paused schedule."""
    _set_paused(client, schedule_id, paused=False, as_json=as_json)


@command.command("delete", cls=DocumentedCommand, examples=(f"tintype schedules delete {_ID}",), exit_codes=_EXIT_CODES)
@click.argument("schedule_id")
@server_options
def delete_command(*, schedule_id: str, client: JobClient) -> None:
    """Delete a schedule with its runs, their thumbnails and difference pictures."""
    client.request("DELETE", _path(schedule_id))
    click.echo(f"{schedule_id}: deleted.", err=True)


def _set_paused(client: JobClient, schedule_id: str, *, paused: bool, as_json: bool) -> None:
    report = client.request("PATCH", _path(schedule_id), {"paused": paused})
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _line(report))


def _entries(client: JobClient, path: str, name: str, limit: int) -> Iterator[Report]:
    """Entries of a list, newest first."""
    before: str | None = ""
    while before is not None and limit > 0:
        words = {"limit": str(min(limit, _MOST)), **({"before": before} if before else {})}
        found = client.request("GET", f"{path}?{urlencode(words)}")
        yield from found[name]
        before, limit = found["next"], limit - len(found[name])


def _line(report: Report) -> str:
    """``sch_1  every 6h, next 2026-11-29T08:00:00Z  changed 0.84 %  name``."""
    times = f"every {report['every']}" if report["every"] else f"{report['cron']} {report['timezone']}"
    due = f"next {report['next_run_at']}" if report["next_run_at"] else "paused"
    last = report["last_run"]
    parts = [report["id"], f"{times}, {due}", _result(last) if last else "no run yet", report["name"]]
    return "  ".join(part for part in parts if part)


def _run_lines(run: Report) -> Iterator[str]:
    yield f"  {run['started_at']}  {_result(run)}"
    for page in run["pages"]:
        if page["error"]:
            yield f"    {page['url']}  {page['error']}: {page['detail']}"
        elif page["changed"]:
            yield f"    {page['url']}  {page['change']:.2f} %  {page['difference_url'] or page['stored_url']}"


def _result(run: Report) -> str:
    if run["status"] != "completed":
        return f"{run['status']}{', changed' if run['changed'] else ''}"
    if run["changed"]:
        return f"changed {run['change']:.2f} %"
    return "unchanged" if run["change"] is not None else "first"


def _path(schedule_id: str) -> str:
    return f"/schedules/{quote(schedule_id, safe='')}"
