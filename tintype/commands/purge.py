"""``tintype purge``: removes thumbnails from the cache; those saved by ``/persist`` stay."""

from __future__ import annotations

import click

from tintype import application, backends, logs
from tintype.commands import ExitCode
from tintype.commands.data_folders import require_service_data, without_new_folder
from tintype.commands.help_page import DocumentedCommand
from tintype.commands.targets import complete_target
from tintype.service.purge import Selector, SelectorKind
from tintype.service.thumbnail_cache import PurgeCount
from tintype.settings import Settings


@click.command(
    "purge",
    cls=DocumentedCommand,
    examples=(
        "tintype purge --url https://example.com/pricing",
        "tintype purge --host example.com --host www.example.com",
        "tintype purge --tag campaign-7",
        "tintype purge --all",
    ),
    exit_codes=(ExitCode.USAGE_ERROR, ExitCode.SERVICE_ERROR),
)
@click.option("--url", multiple=True, help="Purge this URL: every size, format and shot (repeatable).")
@click.option("--host", multiple=True, help="Purge all pages of this host (repeatable).")
@click.option("--prefix", multiple=True, help="Purge this URL and everything below its path (repeatable).")
@click.option("--tag", multiple=True, help="Purge thumbnails that were requested with this tag (repeatable).")
@click.option("--etag", multiple=True, help="Purge the page of the thumbnail with this ETag (repeatable).")
@click.option("--all", "everything", is_flag=True, help="Purge everything.")
def command(*, everything: bool, **texts: tuple[str, ...]) -> None:
    """Remove thumbnails from the cache.

    The next request captures the page again, and captures that run now are not kept. Denied hosts can be purged too.
    Persisted thumbnails are kept. Purges the cache of the service in this folder: Redis if REDIS_URL is set, else the
    one in TINTYPE_DATA_DIR.
    """
    if any(texts.values()) == everything:
        flags = ", ".join(f"--{name}" for name in texts)
        message = f"Choose what to purge: pass --all, or one of {flags}."
        raise click.UsageError(message, click.get_current_context())
    settings = Settings.load()
    if not settings.redis_url:
        require_service_data(settings, "cache")
    logs.configure("warning", settings.log_format)
    with without_new_folder(settings) as opened:
        parts = application.build_application(opened)
        try:
            policy = parts.request_parser.target_policy
            kinds = [(SelectorKind(name), _completed(name, text)) for name, given in texts.items() for text in given]
            selectors = [Selector.parse(kind, text, policy) for kind, text in kinds] or [Selector(SelectorKind.ALL)]
            place = backends.describe_state(settings)
            for selector in selectors:
                click.echo(_report(selector, parts.service.purge(selector), place))
        finally:
            parts.close()


def _completed(kind: str, text: str) -> str:
    return complete_target(text) if kind in {SelectorKind.URL, SelectorKind.PREFIX} else text


def _report(selector: Selector, count: PurgeCount, place: str) -> str:
    entries = "entry" if count.total == 1 else "entries"
    parts = f"{count.records} of thumbnails, {count.masters} of masters"
    return f"Purged {count.total} cache {entries} ({parts}) of {selector} from {place}."
