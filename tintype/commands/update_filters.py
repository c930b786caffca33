"""``tintype update-filters``: the filter lists of the settings, read anew and compiled."""

from __future__ import annotations

import click

from tintype import application, backends, logs
from tintype.filters.store import FilterListInfo
from tintype.network import outbound
from tintype.settings import Settings


@click.command("update-filters")
def command() -> None:
    """Read the lists of TINTYPE_FILTER_LISTS and compile them.

    A capture daemon that runs takes the new ones with its next capture. A list that cannot be read is compiled from its
    last copy, and the exit status is 1.
    """
    settings = Settings.load()
    logs.configure("warning", settings.log_format)
    if not settings.filter_lists:
        raise click.UsageError("There are no lists: set TINTYPE_FILTER_LISTS.")
    policy = application.egress_policy(settings)
    backends.data_folder(settings, "filters")
    try:
        lists = backends.filter_list_store(settings).update(
            settings.filter_lists, lambda source: outbound.fetch(source, policy)
        )
    except outbound.FetchError as failure:
        raise click.ClickException(str(failure)) from failure
    for entry in lists:
        click.echo(_line(entry))
    if any(entry.failure for entry in lists):
        click.get_current_context().exit(1)


def _line(entry: FilterListInfo) -> str:
    if entry.failure:
        kept = f"kept {entry.rules:,} rules of last time" if entry.file else "left out"
        return f"{entry.source}: {entry.failure}; {kept}"
    licence = f", {entry.licence}" if entry.licence else ""
    return f"{entry.title}: {entry.rules:,} rules{licence}"
