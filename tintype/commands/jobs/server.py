"""Options of the commands of jobs: the service, the API key, and the output; and the wait for a job."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

from tintype.commands import ExitCode
from tintype.commands.jobs.client import JobClient
from tintype.commands.jobs.progress import progress_of, summary
from tintype.jobs.model import JobStatus
from tintype.settings import Settings

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
SERVER_OPTIONS: tuple[tuple[list[str], dict[str, Any]], ...] = (
    (["--server"], {"metavar": "URL", "help": "URL of the service [TINTYPE_SERVER]."}),
    (["--api-key"], {"metavar": "KEY", "help": "API key; visible in the process list [TINTYPE_SERVER_KEY]."}),
)


def server_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add ``--server`` and ``--api-key``; the function receives the ``client``."""

    @functools.wraps(function)
    def with_client(*, server: str | None, api_key: str | None, **options: Any) -> None:
        function(client=client_of(server, api_key), **options)

    for names, attributes in reversed(SERVER_OPTIONS):
        with_client = click.option(*names, **attributes)(with_client)
    return with_client


def client_of(server: str | None, api_key: str | None) -> JobClient:
    """The client of a service; raises UsageError for an invalid URL."""
    settings = Settings.load()
    return JobClient(_url(server or settings.server, settings), api_key or settings.server_key)


def wait_for(client: JobClient, job_id: str) -> dict[str, Any]:
    """Wait for the end of a job and show its progress; returns the last report."""
    report: dict[str, Any] = {}
    with progress_of(job_id) as show:
        for report in client.changes(job_id):
            show(report)
    return report


def report_end(report: dict[str, Any], *, as_json: bool) -> None:
    """Print the last report, and exit with 1 unless every page was captured."""
    click.echo(json.dumps(report, ensure_ascii=False) if as_json else summary(report))
    if report["status"] != JobStatus.COMPLETED:
        click.get_current_context().exit(ExitCode.FAILURE)


def _url(url: str, settings: Settings) -> str:
    if not url:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - not to listen
        return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise click.UsageError(f"--server must be an http:// or https:// URL, not {url[:80]!r}.")
    return url
