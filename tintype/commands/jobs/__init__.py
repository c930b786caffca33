"""``tintype jobs``: submits, lists, shows, follows, cancels and repeats jobs of a running service."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand, SuggestingGroup
from tintype.commands.jobs.client import JobClient
from tintype.commands.jobs.progress import summary
from tintype.commands.jobs.server import as_json_option, report_end, server_options, wait_for
from tintype.commands.jobs.submit import submit_command
from tintype.jobs.model import JobStatus, PageStatus

_EXIT_CODES = (ExitCode.FAILURE, ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR, ExitCode.INTERRUPTED)


@click.group("jobs", cls=SuggestingGroup)
def command() -> None:
    """Submit, follow, repeat and cancel jobs of a running service.

    The commands are clients of the service at --server, by default TINTYPE_SERVER, or HOST and PORT on this machine.
    With API keys, pass one with --api-key or TINTYPE_SERVER_KEY.
    """


command.add_command(submit_command)


@command.command(
    "list",
    cls=DocumentedCommand,
    examples=("tintype jobs list", "tintype jobs list --status running --json"),
    exit_codes=_EXIT_CODES,
)
@click.option("--status", type=click.Choice([each.value for each in JobStatus]), help="Only jobs with this status.")
@click.option("--name", default="", help="Only jobs with this name.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Stop after so many jobs.")
@as_json_option
@server_options
def list_command(*, status: str | None, name: str, limit: int, as_json: bool, client: JobClient) -> None:
    """List jobs, newest first: time, status, pages and name."""
    query = {key: value for key, value in (("status", status), ("name", name)) if value}
    for report in client.jobs(query, limit):
        text = f"{report['created_at']}  {summary(report)}{'  ' if report['name'] else ''}{report['name']}"
        click.echo(json.dumps(report, ensure_ascii=False) if as_json else text)


@command.command(
    "show",
    cls=DocumentedCommand,
    examples=(
        "tintype jobs show job_5f3a9c1e7b2d4860af19c3e5 --pages",
        "tintype jobs show job_5f3a9c1e7b2d4860af19c3e5 --failed --json",
    ),
    exit_codes=_EXIT_CODES,
)
@click.argument("job_id")
@click.option("--pages", "all_pages", is_flag=True, help="List all pages.")
@click.option("--failed", is_flag=True, help="List the failed pages.")
@as_json_option
@server_options
def show_command(*, job_id: str, all_pages: bool, failed: bool, as_json: bool, client: JobClient) -> None:
    """Print the state of a job, and its pages.

    With --json each page is a JSON object on a line of its own, after the job.
    """
    report = client.job(job_id)
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else _described(report))
    if all_pages or failed:
        for page in client.pages(job_id, "" if all_pages else PageStatus.FAILED.value):
            click.echo(json.dumps(page, ensure_ascii=False) if as_json else _page_line(page))


@command.command(
    "wait",
    cls=DocumentedCommand,
    examples=("tintype jobs wait job_5f3a9c1e7b2d4860af19c3e5",),
    exit_codes=_EXIT_CODES,
)
@click.argument("job_id")
@as_json_option
@server_options
def wait_command(*, job_id: str, as_json: bool, client: JobClient) -> None:
    """Wait for the end of a job, with its progress on stderr.

    Exits with 1 unless every page was captured. Ctrl-C ends the command, not the job.
    """
    report_end(wait_for(client, job_id), as_json=as_json)


@command.command(
    "retry",
    cls=DocumentedCommand,
    examples=("tintype jobs retry job_5f3a9c1e7b2d4860af19c3e5 --wait",),
    exit_codes=_EXIT_CODES,
)
@click.argument("job_id")
@click.option("--wait", is_flag=True, help="Wait for the end of the job.")
@as_json_option
@server_options
def retry_command(*, job_id: str, wait: bool, as_json: bool, client: JobClient) -> None:
    """Capture the failed and cancelled pages of a job again."""
    count = client.retry(job_id)
    click.echo(f"{job_id}: {_pages(count)} queued again.", err=True)
    if wait:
        report_end(wait_for(client, job_id), as_json=as_json)


@command.command(
    "cancel",
    cls=DocumentedCommand,
    examples=(
        "tintype jobs cancel job_5f3a9c1e7b2d4860af19c3e5",
        "tintype jobs cancel --forget job_5f3a9c1e7b2d4860af19c3e5",
    ),
    exit_codes=_EXIT_CODES,
)
@click.argument("job_id")
@click.option("--forget", is_flag=True, help="Remove a job that has ended from the list.")
@server_options
def cancel_command(*, job_id: str, forget: bool, client: JobClient) -> None:
    """Cancel the pages of a job that have not begun.

    Captures in progress end; stored thumbnails stay.
    """
    if client.job(job_id)["ended_at"]:
        if not forget:
            raise click.ClickException(f"{job_id} has ended; --forget removes it from the list")
        client.cancel(job_id)
        click.echo(f"{job_id}: forgotten; its stored thumbnails stay.", err=True)
        return
    click.echo(f"{job_id}: {_pages(client.cancel(job_id))} cancelled.", err=True)


@command.command(
    "archive",
    cls=DocumentedCommand,
    examples=("tintype jobs archive job_5f3a9c1e7b2d4860af19c3e5 -o thumbnails.zip",),
    exit_codes=_EXIT_CODES,
)
@click.argument("job_id")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Output file [JOB_ID.zip]."
)
@server_options
def archive_command(*, job_id: str, output: Path | None, client: JobClient) -> None:
    """Download the thumbnails of a job as a ZIP file with a contact sheet.

    The file appears when the download is complete.
    """
    path = output or Path(f"{Path(job_id).name}.zip")
    part = path.with_name(f".{path.name}.part")
    size = 0
    try:
        with part.open("wb") as file:
            for piece in client.archive(job_id):
                size += file.write(piece)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    click.echo(f"{path}: {size:,} bytes.", err=True)


def _described(report: dict[str, Any]) -> str:
    rows = {"Name": report["name"], "Created": report["created_at"], "Ended": report["ended_at"]}
    sitemap = report.get("sitemap")
    if sitemap:
        names = ("found", "duplicates", "excluded", "disallowed", "invalid")
        counts = ", ".join(f"{sitemap[name]:,} {name}" for name in names if sitemap[name])
        rows["Sitemap"] = f"{sitemap['url']}{f' ({counts})' if counts else ''}"
    lines = [summary(report), *(f"{name}: {value}" for name, value in rows.items() if value)]
    return "\n".join([*lines, *(sitemap or {}).get("left_out", ()), *(sitemap or {}).get("failures", ())])


def _page_line(page: dict[str, Any]) -> str:
    result = page["stored_url"] or (f"{page['error']}: {page['detail']}" if page["error"] else page["verdict"] or "")
    return f"{page['number']:>5}  {page['status']:<9}  {page['url']}  {result}".rstrip()


def _pages(count: int) -> str:
    return f"{count:,} {'page' if count == 1 else 'pages'}"
