"""``tintype update-filters``: downloads and compiles the filter lists."""

from __future__ import annotations

import click

from tintype import application, backends, logs
from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.filters.store import FilterListInfo, read_source
from tintype.network.outbound import FetchError
from tintype.settings import Settings


@click.command(
    "update-filters",
    cls=DocumentedCommand,
    examples=("TINTYPE_FILTER_LISTS=https://easylist.to/easylist/easylist.txt tintype update-filters",),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR),
)
def command() -> None:
    """Download and compile the filter lists.

    TINTYPE_FILTER_LISTS names them. A running capture daemon uses the new lists from its next capture on. If a download
    fails, the last copy of that list is used and the exit status is 1.
    """
    settings = Settings.load()
    logs.configure("warning", settings.log_format)
    if not settings.filter_lists:
        raise click.UsageError("TINTYPE_FILTER_LISTS is not set; set it to one or more list URLs, separated by commas.")
    policy = application.egress_policy(settings)
    backends.data_folder(settings, "filters")
    try:
        lists = backends.filter_list_store(settings).update(
            settings.filter_lists, lambda source: read_source(source, policy)
        )
    except FetchError as failure:
        raise click.ClickException(str(failure)) from failure
    except OSError as error:
        folder = settings.data_dir / "filters"
        problem = f"cannot write into {folder}: {error.strerror or error}; the earlier lists stay in use"
        raise click.ClickException(f"{problem}. Free disk space, or make the folder writable.") from error
    for entry in lists:
        click.echo(_line(entry))
    click.echo(f"The lists are in {(settings.data_dir / 'filters').absolute()}.", err=True)
    if any(entry.failure for entry in lists):
        click.get_current_context().exit(ExitCode.FAILURE)


def _line(entry: FilterListInfo) -> str:
    if entry.failure:
        kept = f"using the last copy ({entry.rules:,} rules)" if entry.file else "not used: there is no earlier copy"
        return f"{entry.source}: {entry.failure}; {kept}"
    licence = f", {entry.licence}" if entry.licence else ""
    return f"{entry.title}: {entry.rules:,} rules{licence}"
