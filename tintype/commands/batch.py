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
    parse_url_list,
    report,
)
from tintype.commands import ExitCode
from tintype.commands.flags import given_options, option_flags
from tintype.model import ThumbnailResult, Verdict
from tintype.request_parser import ThumbnailRequest
from tintype.settings import Settings

_EXCLUDED = ("url", "html", "on_error", "placeholder")
_MAX_PARALLEL = 64
_NOT_CAPTURED = (RecordStatus.SKIPPED, RecordStatus.FAILED, RecordStatus.PENDING)
_FAILED = (RecordStatus.FAILED, RecordStatus.PENDING)
ProgressCallback = Callable[[Record], None]


def _batch(list_file: TextIO, output: Path, report_file: Path | None, **options: Any) -> None:
    """Capture all URLs of a list into a folder.

    LIST is a text file with one URL per line, or - for stdin. Empty lines and lines that begin with # are ignored;
    duplicate pages are captured once. Files are named after their URLs. batch.jsonl in the same folder records each
    finished page, so running the same command again captures only missing pages. Ctrl-C finishes the captures in
    progress; a second Ctrl-C exits immediately.

    Exit status: 0 all pages captured; 1 some pages failed or are left for the next run; 2 invalid usage, options or
    settings; 4 the service cannot capture any page; 130 interrupted.
    """
    if report_file and report_file.suffix.lower() not in report.FORMATS:
        raise click.UsageError("--report: unknown format; use a file name that ends in .csv or .json.")
    settings = Settings.load()
    logs.configure(settings.log_level if options["verbose"] else "critical", settings.log_format)
    parts = application.build_application(settings)
    try:
        url_list = _parse_list(list_file, parts)
        with _locked_manifest(output) as manifest:
            batch = Batch(url_list, manifest, force=options["force"], retry_failed=options["retry_failed"])
            interrupted = _run(batch, parts, options["parallel"] or settings.slot_count)
            if report_file:
                report.write(report_file, batch.records())
            counts = Counter(record.state for record in batch.records())
    except OSError as error:
        raise click.FileError(str(error.filename or output), error.strerror) from error
    finally:
        parts.close()
    click.echo(_summary(url_list, counts, output), err=True)
    if batch.fatal_error:
        raise batch.fatal_error
    click.get_current_context().exit(
        ExitCode.INTERRUPTED if interrupted else ExitCode.FAILURE if any(counts[s] for s in _FAILED) else ExitCode.OK
    )


def _parse_list(list_file: TextIO, parts: Application) -> UrlList:
    """Parse the list with the options of the command line; raises InvalidRequest or UsageError."""
    options = list(given_options(_EXCLUDED))
    url_list = parse_url_list(list_file, lambda url: parts.request_parser.parse([("url", url), *options]))
    if not url_list.items and not url_list.invalid:
        raise click.UsageError(f"{list_file.name} contains no URL; write one per line.")
    for number, record in url_list.invalid.items():
        click.echo(f"line {number}: {_line(record)}", err=True)
    return url_list


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


command = click.Command(
    "batch",
    callback=_batch,
    params=[
        click.Argument(["list_file"], metavar="LIST", type=click.File("r", encoding="utf-8-sig", errors="replace")),
        click.Option(
            ["-o", "--output"],
            required=True,
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Output folder; created if missing.",
        ),
        click.Option(
            ["--report", "report_file"],
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write a report (.csv or .json).",
        ),
        click.Option(["--retry-failed"], is_flag=True, help="Retry pages that failed in an earlier run."),
        click.Option(
            ["--force"],
            is_flag=True,
            help="Re-capture pages that already have a file; add --fresh to bypass the cache.",
        ),
        click.Option(
            ["--parallel"],
            type=click.IntRange(1, _MAX_PARALLEL),
            metavar="N",
            help="Concurrent captures; the default is TINTYPE_SLOTS.",
        ),
        *option_flags(_EXCLUDED),
        click.Option(["-v", "--verbose"], is_flag=True, help="Write log lines to stderr."),
    ],
    help=_batch.__doc__,
)
