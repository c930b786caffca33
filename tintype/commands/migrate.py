"""``tintype migrate``: addresses of other screenshot services, as they are asked here."""

from __future__ import annotations

import sys

import click

from tintype.migrate import VENDORS, UnknownService, translate


@click.command("migrate")
@click.argument("urls", metavar="URL...", nargs=-1)
@click.option("--to", "service", default="http://127.0.0.1:8000", metavar="URL", help="Where your Tintype is.")
@click.option(
    "--from", "vendor", type=click.Choice(list(VENDORS)), help="Whose addresses they are, if their host does not tell."
)
def command(*, urls: tuple[str, ...], service: str, vendor: str | None) -> None:
    """Translate addresses of SnapSharp, url-to-png, ScreenshotOne, Urlbox and thum.io.

    One line for each URL, or for each line of the standard input when there is none. What cannot be said here is told
    beside it. Leaves with 1 if something was nobody's address.
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
        click.get_current_context().exit(1)
