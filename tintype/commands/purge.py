"""``tintype purge``: forget remembered pictures; what was persisted stays."""

from __future__ import annotations

import click

from tintype import application, logs
from tintype.settings import Settings


@click.command("purge")
@click.option("--url", "urls", multiple=True, help="Forget every picture of this page; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Forget every picture.")
def command(*, urls: tuple[str, ...], everything: bool) -> None:
    """Forget remembered pictures, so that the next request takes new ones.

    Persisted pictures are kept.
    """
    if bool(urls) == everything:
        raise click.UsageError("Say what to forget: --url URL, or --all.")
    settings = Settings.load()
    logs.configure("warning", settings.log_format)
    parts = application.build_application(settings)
    try:
        pages = [parts.request_parser.parse([("url", url)]).capture_request.shot.url for url in urls]
        count = parts.service.clear() if everything else sum(map(parts.service.purge, pages))
    finally:
        parts.close()
    click.echo(f"Forgot {count} remembered value{'' if count == 1 else 's'}.")
