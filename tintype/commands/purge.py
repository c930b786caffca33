"""``tintype purge``: removes thumbnails from the cache; those saved by ``/persist`` stay."""

from __future__ import annotations

import click

from tintype import application, logs
from tintype.settings import Settings


@click.command("purge")
@click.option("--url", "urls", multiple=True, help="Purge cached thumbnails of this URL (repeatable).")
@click.option("--all", "everything", is_flag=True, help="Purge all cached thumbnails.")
def command(*, urls: tuple[str, ...], everything: bool) -> None:
    """Remove thumbnails from the cache.

    The next request captures the page again. Persisted thumbnails are kept.
    """
    if bool(urls) == everything:
        raise click.UsageError("Choose what to purge: pass --url URL or --all.")
    settings = Settings.load()
    logs.configure("warning", settings.log_format)
    parts = application.build_application(settings)
    try:
        targets = [parts.request_parser.parse([("url", url)]).capture_request.shot.url for url in urls]
        count = parts.service.clear() if everything else sum(map(parts.service.purge, targets))
    finally:
        parts.close()
    click.echo(f"Purged {count} cache {'entry' if count == 1 else 'entries'}.")
