"""``tintype batch``: pictures of all pages of a list into a folder, without a server."""

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
from tintype.commands.flags import given_options, option_flags
from tintype.model import ThumbnailResult, Verdict
from tintype.request_parser import ThumbnailRequest
from tintype.service.policy import raise_for_verdict
from tintype.settings import Settings

_EXCLUDED = ("url", "html", "on_error", "placeholder")
_SOME_FAILED, _OURS_FAILED, _INTERRUPTED = 1, 4, 130
_MAX_PARALLEL = 64
ProgressCallback = Callable[[Record], None]


def _batch(list_file: TextIO, output: Path, report_file: Path | None, **options: Any) -> None:
    """Photograph every page of a list: a text file with a URL a line, or - for standard input.

    Empty lines and lines that begin with # are passed over, and a page named twice is taken once. Pictures are named
    for their addresses; batch.jsonl beside them notes what became of each as soon as it is known. The same command
    again takes only what is missing, so a run may be interrupted at any time: Ctrl-C finishes the pages under way,
    twice leaves at once.

    Leaves with 0 if there is a picture of every page, with 1 if some failed, with 2 for wrong usage, options or
    settings, with 4 if no picture can be taken here at all, and with 130 if it was interrupted.
    """
    if report_file and report_file.suffix.lower() not in report.FORMATS:
        raise click.UsageError("--report must end in .csv or .json.")
    settings = Settings.load()
    logs.configure(settings.log_level if options["verbose"] else "critical", settings.log_format)
    parts = application.build_application(settings)
    try:
        listing = _parse_list(list_file, parts)
        with _locked_manifest(output) as ledger:
            batch = Batch(listing, ledger, force=options["again"], retry_failed=options["retry_failed"])
            interrupted = _run(batch, parts, options["parallel"] or settings.slot_count)
            if report_file:
                report.write(report_file, batch.records())
            counts = Counter(entry.state for entry in batch.records())
    except OSError as error:
        raise click.FileError(str(error.filename or output), error.strerror) from error
    finally:
        parts.close()
    click.echo(_summary(listing, counts, output), err=True)
    if batch.fatal_error:
        raise batch.fatal_error
    click.get_current_context().exit(
        _INTERRUPTED if interrupted else _SOME_FAILED if counts[RecordStatus.FAILED] else 0
    )


def _parse_list(list_file: TextIO, parts: Application) -> UrlList:
    """The list under the options that were said; raises InvalidRequest or UsageError."""
    options = list(given_options(_EXCLUDED))
    listing = parse_url_list(list_file, lambda url: parts.request_parser.parse([("url", url), *options]))
    if not listing.items and not listing.invalid:
        raise click.UsageError(f"{list_file.name} names no page.")
    for number, entry in listing.invalid.items():
        click.echo(f"line {number}: {_line(entry)}", err=True)
    return listing


@contextmanager
def _locked_manifest(folder: Path) -> Iterator[Manifest]:
    try:
        with Manifest(folder) as ledger:
            yield ledger
    except ManifestLocked:
        raise click.ClickException(f"{folder / MANIFEST_FILE} is in use: another batch writes there.") from None


def _run(batch: Batch, parts: Application, size: int) -> bool:
    """Take what there is to do and tell of each; whether somebody interrupted it."""

    def take(wanted: ThumbnailRequest) -> ThumbnailResult:
        # who makes files wants the picture of now rather than an older one with a new one later
        answer = parts.service.get(wanted.capture_request, replace(wanted.freshness, stale_for=0))
        raise_for_verdict(answer.thumbnail, wanted.fail_on)
        return answer

    with _progress(len(batch.pending)) as tell, _graceful_interrupt(batch) as interrupted:
        for entry in batch.run(take, size):
            tell(entry)
    return bool(interrupted)


@contextmanager
def _graceful_interrupt(batch: Batch) -> Iterator[list[int]]:
    """Let the first Ctrl-C, or SIGTERM, end it after the pages under way; the list then holds the signal."""
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)
        said = f"\rFinishing {batch.stop()} under way; Ctrl-C again leaves at once.\n"
        os.write(2, said.encode())  # not through a buffer, which may be in the middle of something

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(total: int) -> Iterator[ProgressCallback]:
    """A bar, with what failed above it, on a terminal; elsewhere a line for each page."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _line_progress(total)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("Photographing", total=total)

        def tell(entry: Record) -> None:
            progress.advance(bar)
            if entry.state is RecordStatus.FAILED:
                progress.console.print(f"[red]{escape(_line(entry))}")

        yield tell


def _line_progress(total: int) -> ProgressCallback:
    done = iter(range(1, total + 1))

    def tell(entry: Record) -> None:
        click.echo(f"{next(done)}/{total} {_line(entry)}", err=True)

    return tell


def _line(record: Record) -> str:
    if record.state is RecordStatus.FAILED:
        return f"{record.url}: {record.error}: {record.detail}"
    remarks = [record.cache, f"{record.seconds:.1f} s"]
    if record.verdict != Verdict.OK:
        remarks.append(f"verdict {record.verdict}")
    return f"{record.url}: {record.file} ({', '.join(remarks)})"


def _summary(url_list: UrlList, counts: Counter[RecordStatus], folder: Path) -> str:
    told = [f"{counts[RecordStatus.CAPTURED]} taken"]
    told += [f"{counts[state]} {words}" for state, words in _STATUS_LABELS.items() if counts[state]]
    told += [f"{url_list.duplicates} named twice"] if url_list.duplicates else []
    return f"{folder}: {', '.join(told)}."


_STATUS_LABELS = {
    RecordStatus.SKIPPED: "there already",
    RecordStatus.FAILED: "failed",
    RecordStatus.PENDING: "left for another run",
}

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
            help="Folder for the pictures; made if it is not there.",
        ),
        click.Option(
            ["--report", "report_file"],
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write what became of every page as .csv or .json.",
        ),
        click.Option(["--retry-failed"], is_flag=True, help="Try again what failed in an earlier run, too."),
        click.Option(["--again"], is_flag=True, help="Take what is there already, too; with --fresh, by new visits."),
        click.Option(
            ["--parallel"],
            type=click.IntRange(1, _MAX_PARALLEL),
            metavar="N",
            help="Pages at a time; as many as TINTYPE_SLOTS allows unless given.",
        ),
        *option_flags(_EXCLUDED),
        click.Option(["-v", "--verbose"], is_flag=True, help="Log what happens."),
    ],
    help=_batch.__doc__,
)
