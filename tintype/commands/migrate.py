"""``tintype migrate``: translates URLs of other screenshot services."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.migrate import VENDORS, UnknownService, translate


@click.command(
    "migrate",
    cls=DocumentedCommand,
    examples=(
        "tintype migrate 'https://api.snapsharp.dev/v1/screenshot?url=https://example.com&width=640'",
        "tintype migrate --to https://thumbs.example.org < urls.txt",
    ),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR),
)
@click.argument("urls", metavar="URL...", nargs=-1)
@click.option(
    "--to",
    "service",
    default="http://127.0.0.1:8000",
    metavar="URL",
    show_default=True,
    help="Base URL of the service.",
)
@click.option(
    "--from",
    "vendor",
    type=click.Choice(list(VENDORS)),
    help="Service the URLs belong to, if it cannot be detected from the host.",
)
def command(*, urls: tuple[str, ...], service: str, vendor: str | None) -> None:
    """Translate URLs of other screenshot services.

    Supports SnapSharp, url-to-png, ScreenshotOne, Urlbox and thum.io. Prints one line for each URL, or for each line of
    stdin if none is given; empty lines and lines that begin with # are ignored. Unsupported parameters are reported as
    comments on stderr. Exits with 1 if a URL is not recognised.
    """
    if not urls and sys.stdin.isatty():
        raise click.UsageError("Pass URLs, or a list of them on stdin: < urls.txt", click.get_current_context())
    unknown = False
    for line in urls or _lines_of_stdin():
        try:
            translation = translate(line, VENDORS[vendor] if vendor else None)
        except UnknownService as error:
            click.echo(f"# {line}: {error}", err=True)
            unknown = True
            continue
        click.echo(f"{service.rstrip('/')}/thumb?{translation.query()}")
        for note in translation.notes:
            click.echo(f"# {note}", err=True)
    if unknown:
        click.get_current_context().exit(ExitCode.FAILURE)


def _lines_of_stdin() -> Iterator[str]:
    for line in map(str.strip, sys.stdin):
        if line and not line.startswith("#"):
            yield line
