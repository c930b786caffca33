"""``tintype batch``: captures every URL of a list into a folder, without a server."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tintype import application, logs
from tintype.application import Application
from tintype.batch import (
    MANIFEST_FILE,
    Batch,
    Manifest,
    ManifestLocked,
    Record,
    RecordStatus,
    UrlList,
    contact_sheet,
    report,
)
from tintype.commands import ExitCode
from tintype.commands.batch_list import EXCLUDED, ListReader
from tintype.commands.data_folders import with_user_cache
from tintype.commands.flags import given_options, option_flags
from tintype.commands.help_page import DocumentedCommand, SectionedOption
from tintype.commands.spinner import spinner
from tintype.model import ThumbnailResult, Verdict
from tintype.request_parser import ThumbnailRequest
from tintype.settings import Settings

_MAX_PARALLEL = 64
_NOT_CAPTURED = (RecordStatus.SKIPPED, RecordStatus.FAILED, RecordStatus.PENDING)
_FAILED = (RecordStatus.FAILED, RecordStatus.PENDING)
ProgressCallback = Callable[[Record], None]


def _batch(list_file: TextIO | None, **options: Any) -> None:
    """Capture all URLs of a list or a sitemap into a folder.

    LIST is a text file with one URL per line, or - for stdin; empty lines and lines that begin with # are ignored.
    A list in YAML (.yaml, .yml, .json, or --yaml) is a list of mappings: url, output (a file name) and any option, with
    _ for -; they replace the options of the command line. https:// may be left out.

    Duplicate pages are captured once. Files are named after their URLs. batch.jsonl in the same folder records each
    finished page, so running the same command again captures only missing pages. Ctrl-C finishes the captures in
    progress; a second Ctrl-C exits immediately.
    """
    if not list_file and not options["sitemaps"]:
        raise _usage("Pass a LIST of URLs, or --sitemap.")
    _check_endings(options)
    output: Path = options["output"]
    settings = with_user_cache(Settings.load())
    logs.configure(settings.log_level if options["verbose"] else "critical", settings.log_format)
    parts = application.build_application(settings)
    try:
        reader = ListReader(settings, parts.request_parser, list(given_options(EXCLUDED)))
        url_list = _read_list(reader, list_file, options)
        with _locked_manifest(output) as manifest:
            batch = Batch(url_list, manifest, force=options["force"], retry_failed=options["retry_failed"])
            interrupted = _run(batch, parts, options["parallel"] or settings.slot_count)
            _write_reports(batch, output, options)
            counts = Counter(record.state for record in batch.records())
    except OSError as error:
        raise click.FileError(str(error.filename or output), error.strerror) from error
    finally:
        parts.close()
    click.echo(_summary(url_list, counts, output), err=True)
    if batch.fatal_error:
        raise batch.fatal_error
    incomplete = reader.failures or any(counts[state] for state in _FAILED)
    click.get_current_context().exit(
        ExitCode.INTERRUPTED if interrupted else ExitCode.FAILURE if incomplete else ExitCode.OK
    )


def _usage(message: str) -> click.UsageError:
    return click.UsageError(message, click.get_current_context())


def _check_endings(options: dict[str, Any]) -> None:
    report_file, sheet = options["report_file"], options["contact_sheet"]
    if report_file and report_file.suffix.lower() not in report.FORMATS:
        raise _usage("--report: unknown format; use a file name that ends in .csv or .json.")
    if sheet and sheet.suffix.lower() not in contact_sheet.ENDINGS:
        raise _usage("--contact-sheet: unknown format; use a file name that ends in .html.")
    for path in filter(None, (report_file, sheet)):
        if not path.parent.is_dir() and path.parent != options["output"]:
            raise click.FileError(str(path), f"the folder {path.parent} does not exist")


def _read_list(reader: ListReader, list_file: TextIO | None, options: dict[str, Any]) -> UrlList:
    """Read the list and report invalid entries; raises InvalidRequest or UsageError."""
    with spinner("Reading the list …"):
        url_list = reader.read(list_file, options["sitemaps"], as_yaml=options["as_yaml"])
    if not url_list.items and not url_list.invalid:
        raise _usage(f"{list_file.name if list_file else 'The sitemap'} contains no URL.")
    for number, record in url_list.invalid.items():
        click.echo(f"line {number}: {_line(record)}", err=True)
    for failure in reader.failures:
        click.echo(f"sitemap {failure}", err=True)
    if reader.completed:
        count = "1 URL" if reader.completed == 1 else f"{reader.completed} URLs"
        click.echo(f"Note: {count} without a scheme: https:// was added, http:// before local hosts.", err=True)
    return url_list


def _write_reports(batch: Batch, output: Path, options: dict[str, Any]) -> None:
    if options["report_file"]:
        report.write(options["report_file"], batch.records())
    if options["contact_sheet"]:
        contact_sheet.write(options["contact_sheet"], output, batch.records())


@contextmanager
def _locked_manifest(folder: Path) -> Iterator[Manifest]:
    try:
        with Manifest(folder) as manifest:
            yield manifest
    except ManifestLocked:
        raise click.ClickException(
            f"{folder / MANIFEST_FILE} is locked by another batch run; wait for it or choose another folder."
        ) from None


def _run(batch: Batch, parts: Application, size: int) -> bool:
    """Capture the pending pages and report progress; returns whether a signal interrupted the run."""

    def capture(wanted: ThumbnailRequest) -> ThumbnailResult:
        # a file is written once: capture now instead of returning a stale thumbnail and refreshing it afterwards
        freshness = replace(wanted.freshness, stale_for=0)
        return parts.service.get(wanted.capture_request, freshness, fail_on=wanted.fail_on)

    with _progress(len(batch.pending)) as report_progress, _graceful_interrupt(batch) as interrupted:
        for record in batch.run(capture, size):
            report_progress(record)
    return bool(interrupted)


@contextmanager
def _graceful_interrupt(batch: Batch) -> Iterator[list[int]]:
    """On the first SIGINT or SIGTERM stop after the captures in progress; the list then contains the signal number."""
    received: list[int] = []

    def on_signal(number: int, _: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        notice = f"\rFinishing {batch.stop()} captures in progress; press Ctrl-C again to exit immediately.\n"
        os.write(2, notice.encode())  # unbuffered: the signal may interrupt a write to sys.stderr

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(total: int) -> Iterator[ProgressCallback]:
    """A progress bar with failures above it on a terminal; otherwise one line per page."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _line_progress(total)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("Capturing", total=total)

        def report_progress(record: Record) -> None:
            progress.advance(bar)
            if record.state in _FAILED:
                progress.console.print(f"[red]{escape(_line(record))}")

        yield report_progress


def _line_progress(total: int) -> ProgressCallback:
    done = iter(range(1, total + 1))

    def report_progress(record: Record) -> None:
        click.echo(f"{next(done)}/{total} {_line(record)}", err=True)

    return report_progress


def _line(record: Record) -> str:
    if record.state in _FAILED:
        later = "; the next run captures it" if record.state is RecordStatus.PENDING else ""
        return f"{record.url}: {record.error}: {record.detail}{later}"
    remarks = [record.cache, f"{record.seconds:.1f} s"]
    if record.verdict != Verdict.OK:
        remarks.append(f"verdict {record.verdict}")
    return f"{record.url}: {record.file} ({', '.join(remarks)})"


def _summary(url_list: UrlList, counts: Counter[RecordStatus], folder: Path) -> str:
    parts = [f"{counts[RecordStatus.CAPTURED]} captured"]
    parts += [f"{counts[state]} {state}" for state in _NOT_CAPTURED if counts[state]]
    parts += [f"{url_list.duplicates} duplicates"] if url_list.duplicates else []
    return f"{folder}: {', '.join(parts)}."


_RUN, _REPORTS = "Run", "Reports"

command = DocumentedCommand(
    "batch",
    callback=_batch,
    params=[
        click.Argument(
            ["list_file"],
            metavar="[LIST]",
            required=False,
            type=click.File("r", encoding="utf-8-sig", errors="replace"),
        ),
        click.Option(
            ["-o", "--output"],
            required=True,
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Output folder; created if missing.",
        ),
        click.Option(
            ["--sitemap", "sitemaps"],
            multiple=True,
            metavar="URL|FILE",
            help="Capture the URLs of a sitemap or of a sitemap index, gzipped or not (repeatable). The URL of a start"
            " page stands for its /sitemap.xml.",
        ),
        click.Option(["--yaml", "as_yaml"], is_flag=True, help="LIST is YAML, whatever its ending."),
        SectionedOption(
            ["--retry-failed"], is_flag=True, help="Retry pages that failed in an earlier run.", section=_RUN
        ),
        SectionedOption(
            ["--force"],
            is_flag=True,
            help="Re-capture pages that already have a file; add --fresh to bypass the cache.",
            section=_RUN,
        ),
        SectionedOption(
            ["--parallel"],
            type=click.IntRange(1, _MAX_PARALLEL),
            metavar="N",
            help="Concurrent captures; the default is TINTYPE_SLOTS.",
            section=_RUN,
        ),
        SectionedOption(["-v", "--verbose"], is_flag=True, help="Write log lines to stderr.", section=_RUN),
        SectionedOption(
            ["--report", "report_file"],
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write a report (.csv or .json).",
            section=_REPORTS,
        ),
        SectionedOption(
            ["--contact-sheet"],
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write an HTML page with all thumbnails, verdicts and links (.html).",
            section=_REPORTS,
        ),
        *option_flags(EXCLUDED),
    ],
    help=_batch.__doc__,
    examples=(
        "tintype batch urls.txt -o thumbnails --thumb-width 640 --format webp",
        "tintype batch shots.yaml -o thumbnails",
        "tintype batch --sitemap https://example.com -o thumbnails --contact-sheet thumbnails/index.html",
        "tintype batch urls.txt -o thumbnails --report report.csv --fail-on error,login",
        "grep -o 'https://[^<]*' page.html | tintype batch - -o thumbnails",
    ),
    exit_codes=(
        ExitCode.FAILURE,
        ExitCode.USAGE_ERROR,
        ExitCode.TARGET_ERROR,
        ExitCode.SERVICE_ERROR,
        ExitCode.INTERRUPTED,
    ),
)
