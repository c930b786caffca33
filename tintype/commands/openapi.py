"""``tintype openapi``: prints the OpenAPI description of the HTTP API."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from tintype import application
from tintype.commands import ExitCode
from tintype.commands.data_folders import without_new_folder
from tintype.commands.help_page import DocumentedCommand
from tintype.settings import Settings
from tintype.web.api_docs import api_features
from tintype.web.openapi import document


@click.command(
    "openapi",
    cls=DocumentedCommand,
    examples=("tintype openapi -o openapi.json",),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR),
)
@click.option("-o", "--output", default="-", metavar="FILE", help="Output file; - for stdout.")
def command(output: str) -> None:
    """Print the OpenAPI 3.1 document.

    It is what GET /openapi.json returns with the same settings.
    """
    with without_new_folder(Settings.load()) as settings:
        parts = application.build_application(settings)
        try:
            # only a server builds the components of jobs
            schedules = settings.jobs and settings.schedules > 0
            features = replace(api_features(parts), jobs=settings.jobs, schedules=schedules, webhooks=settings.jobs)
            content = document(features)
        finally:
            parts.close()
    text = json.dumps(content, indent=2, ensure_ascii=False)
    if output == "-":
        click.echo(text)
        return
    try:
        Path(output).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise click.FileError(output, error.strerror) from error
