"""Progress of a job in the terminal: a bar, or a line for each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Report = dict[str, Any]
_ENDED = ("captured", "failed", "cancelled")


def summary(report: Report) -> str:
    """``job_1 running: 3 of 10 captured, 1 failed``."""
    progress = report["progress"]
    parts = [f"{progress['captured']:,} of {progress['total']:,} captured"]
    parts += [f"{progress[name]:,} {name}" for name in _ENDED[1:] if progress[name]]
    sitemap = report.get("sitemap")
    reading = sitemap and not sitemap["read"] and not report["ended_at"]
    text = "reading the sitemap" if reading else ", ".join(parts)
    return f"{report['id']} {report['status']}: {text}"


@contextmanager
def progress_of(job_id: str) -> Iterator[Callable[[Report], None]]:
    """A call that shows each report on stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda report: click.echo(summary(report), err=True)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task(job_id, total=None)

        def show(report: Report) -> None:
            counts = report["progress"]
            failed = f" [red]{counts['failed']} failed[/red]" if counts["failed"] else ""
            ended = sum(counts[name] for name in _ENDED)
            description = f"{report['status'].capitalize()}{failed}"
            progress.update(bar, description=description, completed=ended, total=counts["total"])

        yield show
