"""``tintype jobs submit``: submits URLs, a list or a sitemap as a job."""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

from tintype.batch import text_entries
from tintype.commands import ExitCode
from tintype.commands.flags import given_options, option_flags
from tintype.commands.help_page import DocumentedCommand, SectionedOption
from tintype.commands.jobs.client import JobClient
from tintype.commands.jobs.progress import summary
from tintype.commands.jobs.server import SERVER_OPTIONS, client_of, report_end, wait_for
from tintype.errors import InvalidRequest
from tintype.jobs.submission import NOT_ACCEPTED
from tintype.urls import with_scheme

EXCLUDED = ("url", *NOT_ACCEPTED, "on_error", "placeholder")
"""Options that jobs do not have."""
MAX_TEXT = 16 << 20
"""Characters of a list; the service accepts fewer."""
_JOB, _SITEMAP = "Job", "Sitemap"


def _submit(**given: Any) -> None:
    """Submit a job: URLS, a list in a file, or a sitemap.

    A list has one URL per line; empty lines and lines that begin with # are ignored. https:// may be left out. Prints
    the id of the job. With --wait the command shows the progress, and exits with 1 unless every page was captured.
    """
    client, members = client_of(given["server"], given["api_key"]), _members(given)
    report = _sent(client, members, given["idempotency_key"] or "")
    for each in report.get("skipped", ()):
        click.echo(f"left out: {_named(each['parameter'], members)}: {each['message']}", err=True)
    if given["wait"]:
        click.echo(summary(report), err=True)
        report_end(wait_for(client, report["id"]), as_json=given["as_json"])
        return
    click.echo(json.dumps(report, ensure_ascii=False) if given["as_json"] else report["id"])


def _members(given: dict[str, Any]) -> dict[str, Any]:
    urls = [*given["urls"], *_listed(given["list_file"])]
    sitemap = {name: given[name] for name in ("sitemap", "include", "exclude", "max_pages") if given[name]}
    if bool(urls) == bool(given["sitemap"]):
        message = "Pass URLs, --file or --sitemap." if not urls else "Pass URLs or --sitemap, not both."
        raise click.UsageError(message, click.get_current_context())
    if given["sitemap"]:
        sitemap["sitemap"] = with_scheme(given["sitemap"])
    others = {"name": given["name"], "webhook": given["webhook"], "partial_ok": given["partial_ok"]}
    return {
        **({"pages": [with_scheme(url) for url in urls]} if urls else {}),
        **sitemap,
        **{name: value for name, value in others.items() if value},
        "store": given["store"],
        "options": dict(given_options(EXCLUDED)),
    }


def _listed(file: TextIO | None) -> list[str]:
    if file is None:
        return []
    text = file.read(MAX_TEXT + 1)
    if len(text) > MAX_TEXT:
        raise click.UsageError(f"{file.name}: longer than {MAX_TEXT >> 20} MB; submit several jobs.")
    return [entry.url for entry in text_entries(text.splitlines())]


def _sent(client: JobClient, members: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
    """Submit the job; raises InvalidRequest whose text names URLs and flags in place of members."""
    try:
        return client.submit(members, idempotency_key)
    except InvalidRequest as error:
        parts = [part.partition(": ") for part in error.detail.split("; ")]
        lines = [f"{_named(name, members)}{colon}{text}" for name, colon, text in parts]
        raise InvalidRequest(detail="; ".join(lines)) from None


def _named(parameter: str, members: dict[str, Any]) -> str:
    """A URL of the list, or a flag, for a member of the request: every option is a flag for all pages."""
    where, _, name = parameter.rpartition(".")
    if where == "options" or (where.startswith("pages[") and name != "url"):
        return f"--{name.replace('_', '-')}"
    index = where.removeprefix("pages[").removesuffix("]")
    pages = members.get("pages", ())
    return str(pages[int(index)]) if index.isdecimal() and int(index) < len(pages) else parameter


submit_command = DocumentedCommand(
    "submit",
    callback=_submit,
    params=[
        click.Argument(["urls"], nargs=-1, metavar="[URLS]..."),
        click.Option(
            ["--file", "list_file"],
            metavar="FILE",
            type=click.File("r", encoding="utf-8-sig", errors="replace"),
            help="List of URLs; - for stdin.",
        ),
        *(click.Option(names, **attributes) for names, attributes in SERVER_OPTIONS),
        click.Option(["--wait"], is_flag=True, help="Wait for the end of the job."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the report as JSON."),
        SectionedOption(["--name"], metavar="TEXT", help="Name of the job.", section=_JOB),
        SectionedOption(
            ["--store/--no-store"],
            default=True,
            is_on=True,
            help="Store the thumbnails permanently, or keep them in the cache only.",
            section=_JOB,
        ),
        SectionedOption(
            ["--partial-ok"], is_flag=True, help="Leave invalid URLs out instead of failing.", section=_JOB
        ),
        SectionedOption(
            ["--webhook"], metavar="URL", help="URL that receives an event when the job ends.", section=_JOB
        ),
        SectionedOption(
            ["--idempotency-key"],
            metavar="TEXT",
            help="For a day, the same key with the same job returns the existing job.",
            section=_JOB,
        ),
        SectionedOption(
            ["--sitemap"],
            metavar="URL",
            help="Sitemap, sitemap index, or start page of a site; the service reads it.",
            section=_SITEMAP,
        ),
        SectionedOption(
            ["--include"], multiple=True, metavar="GLOB", help="Only these URLs, such as /blog/*.", section=_SITEMAP
        ),
        SectionedOption(
            ["--exclude"], multiple=True, metavar="GLOB", help="Without these URLs, such as *.pdf.", section=_SITEMAP
        ),
        SectionedOption(
            ["--max-pages"], type=click.IntRange(1), metavar="N", help="The first N pages.", section=_SITEMAP
        ),
        *option_flags(EXCLUDED),
    ],
    help=_submit.__doc__,
    examples=(
        "tintype jobs submit https://example.com https://example.org --wait",
        "tintype jobs submit --file urls.txt --thumb-width 640 --format webp --name directory",
        "tintype jobs submit --sitemap https://example.com --include '/blog/*' --max-pages 500",
        "grep -o 'https://[^<]*' page.html | tintype jobs submit --file - --partial-ok",
    ),
    exit_codes=(
        ExitCode.FAILURE,
        ExitCode.USAGE_ERROR,
        ExitCode.TARGET_ERROR,
        ExitCode.SERVICE_ERROR,
        ExitCode.INTERRUPTED,
    ),
)
