"""``tintype migrate``: translates URLs of other screenshot services."""

from __future__ import annotations

import sys

import click

from tintype.commands import ExitCode
from tintype.migrate import VENDORS, UnknownService, translate


@click.command("migrate")
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
    stdin if none is given; unsupported parameters are reported as comments on stderr. Exits with 1 if a URL is not
    recognised.
    """
    unknown = False
    for line in urls or (line.strip() for line in sys.stdin):
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
