"""``tintype openapi``: what programs may ask of the service, for tools that make clients and tests of it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tintype import application
from tintype.settings import Settings
from tintype.web.api_docs import api_features
from tintype.web.openapi import document


@click.command("openapi")
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to; - is standard output.")
def command(output: str) -> None:
    """Print the API as OpenAPI 3.1, as GET /openapi.json would answer with these settings."""
    parts = application.build_application(Settings.load())
    try:
        told = document(api_features(parts))
    finally:
        parts.close()
    text = json.dumps(told, indent=2, ensure_ascii=False)
    if output == "-":
        click.echo(text)
        return
    try:
        Path(output).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error
