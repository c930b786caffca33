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
from tintype.batch import LEDGER, Batch, Manifest, ManifestLocked, Record, RecordStatus, UrlList, read, report
from tintype.commands.flags import flags, said
from tintype.model import ThumbnailResult, Verdict
from tintype.service.policy import insist
from tintype.settings import Settings
from tintype.web.params import ThumbnailRequest

_NOT_FLAGS = ("url", "html", "on_error", "placeholder")
_SOME_FAILED, _OURS_FAILED, _INTERRUPTED = 1, 4, 130
_MOST = 64
Tell = Callable[[Record], None]


def _batch(listed: TextIO, output: Path, report_file: Path | None, **how: Any) -> None:
    """Photograph every page of a list: a text file with a URL a line, or - for standard input.

    Empty lines and lines that begin with # are passed over, and a page named twice is taken once. Pictures are named
    for their addresses; batch.jsonl beside them notes what became of each as soon as it is known. The same command
    again takes only what is missing, so a run may be interrupted at any time: Ctrl-C finishes the pages under way,
    twice leaves at once.

    Leaves with 0 if there is a picture of every page, with 1 if some failed, with 2 for wrong usage, options or
    settings, with 4 if no picture can be taken here at all, and with 130 if it was interrupted.
    """
    if report_file and report_file.suffix.lower() not in report.KINDS:
        raise click.UsageError("--report must end in .csv or .json.")
    settings = Settings.load()
    logs.configure(settings.log_level if how["verbose"] else "critical", settings.log_format)
    parts = application.assemble(settings)
    try:
        listing = _read(listed, parts)
        with _ledger(output) as ledger:
            batch = Batch(listing, ledger, again=how["again"], retry_failed=how["retry_failed"])
            interrupted = _run(batch, parts, how["parallel"] or settings.slot_count)
            if report_file:
                report.write(report_file, batch.entries())
            counts = Counter(entry.state for entry in batch.entries())
    except OSError as error:
        raise click.FileError(str(error.filename or output), error.strerror) from error
    finally:
        parts.close()
    click.echo(_summary(listing, counts, output), err=True)
    if batch.stopped_by:
        raise batch.stopped_by
    click.get_current_context().exit(
        _INTERRUPTED if interrupted else _SOME_FAILED if counts[RecordStatus.FAILED] else 0
    )


def _read(listed: TextIO, parts: Application) -> UrlList:
    """The list under the options that were said; raises InvalidRequest or UsageError."""
    options = list(said(_NOT_FLAGS))
    listing = read(listed, lambda url: parts.reader.read([("url", url), *options]))
    if not listing.tasks and not listing.wrong:
        raise click.UsageError(f"{listed.name} names no page.")
    for number, entry in listing.wrong.items():
        click.echo(f"line {number}: {_line(entry)}", err=True)
    return listing


@contextmanager
def _ledger(folder: Path) -> Iterator[Manifest]:
    try:
        with Manifest(folder) as ledger:
            yield ledger
    except ManifestLocked:
        raise click.ClickException(f"{folder / LEDGER} is in use: another batch writes there.") from None


def _run(batch: Batch, parts: Application, size: int) -> bool:
    """Take what there is to do and tell of each; whether somebody interrupted it."""

    def take(wanted: ThumbnailRequest) -> ThumbnailResult:
        # who makes files wants the picture of now rather than an older one with a new one later
        answer = parts.service.thumbnail(wanted.request, replace(wanted.freshness, stale_for=0))
        insist(answer.thumbnail, wanted.fail_on)
        return answer

    with _progress(len(batch.todo)) as tell, _interruptible(batch) as interrupted:
        for entry in batch.run(take, size):
            tell(entry)
    return bool(interrupted)


@contextmanager
def _interruptible(batch: Batch) -> Iterator[list[int]]:
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
def _progress(total: int) -> Iterator[Tell]:
    """A bar, with what failed above it, on a terminal; elsewhere a line for each page."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _lines(total)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("Photographing", total=total)

        def tell(entry: Record) -> None:
            progress.advance(bar)
            if entry.state is RecordStatus.FAILED:
                progress.console.print(f"[red]{escape(_line(entry))}")

        yield tell


def _lines(total: int) -> Tell:
    done = iter(range(1, total + 1))

    def tell(entry: Record) -> None:
        click.echo(f"{next(done)}/{total} {_line(entry)}", err=True)

    return tell


def _line(entry: Record) -> str:
    if entry.state is RecordStatus.FAILED:
        return f"{entry.url}: {entry.error}: {entry.detail}"
    remarks = [entry.cache, f"{entry.seconds:.1f} s"]
    if entry.verdict != Verdict.OK:
        remarks.append(f"verdict {entry.verdict}")
    return f"{entry.url}: {entry.file} ({', '.join(remarks)})"


def _summary(listing: UrlList, counts: Counter[RecordStatus], folder: Path) -> str:
    told = [f"{counts[RecordStatus.TAKEN]} taken"]
    told += [f"{counts[state]} {words}" for state, words in _REST.items() if counts[state]]
    told += [f"{listing.duplicates} named twice"] if listing.duplicates else []
    return f"{folder}: {', '.join(told)}."


_REST = {RecordStatus.KEPT: "there already", RecordStatus.FAILED: "failed", RecordStatus.LEFT: "left for another run"}

command = click.Command(
    "batch",
    callback=_batch,
    params=[
        click.Argument(["listed"], metavar="LIST", type=click.File("r", encoding="utf-8-sig", errors="replace")),
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
            type=click.IntRange(1, _MOST),
            metavar="N",
            help="Pages at a time; as many as TINTYPE_SLOTS allows unless given.",
        ),
        *flags(_NOT_FLAGS),
        click.Option(["-v", "--verbose"], is_flag=True, help="Log what happens."),
    ],
    help=_batch.__doc__,
)
