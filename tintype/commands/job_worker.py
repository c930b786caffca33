"""``tintype worker``: captures pages of jobs from the broker, and serves no HTTP."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog

from tintype import __version__, backends, logs, malloc
from tintype.commands import ExitCode
from tintype.commands.help_page import DocumentedCommand
from tintype.commands.serve import capture_daemon
from tintype.settings import Settings

if TYPE_CHECKING:  # the browser starts before the rest is imported
    from tintype.jobs.job_worker import JobWorker

log = structlog.get_logger("tintype.jobs")

REPORT_INTERVAL = 5.0
"""Seconds between two changes of the file that shows that the worker runs."""
MAX_AGE = 60.0
"""Seconds without a change after which ``--check`` reports that no worker runs."""


@click.command(
    "worker",
    cls=DocumentedCommand,
    examples=(
        "REDIS_URL=redis://10.0.0.5:6379/0 tintype worker",
        "REDIS_URL=redis://10.0.0.5:6379/0 TINTYPE_BROKER_URL=amqp://user:password@10.0.0.6/ tintype worker",
        "tintype worker --check",
    ),
    exit_codes=(ExitCode.FAILURE, ExitCode.USAGE_ERROR),
)
@click.option(
    "--captures", type=click.IntRange(1, 256), help="Pages to capture at the same time. [TINTYPE_JOB_WORKERS]"
)
@click.option("--check", is_flag=True, help="Report whether a worker of this data folder runs; 1 if not.")
def command(*, captures: int | None, check: bool) -> None:
    """Capture pages of jobs until SIGTERM or Ctrl-C.

    For machines that only capture: each runs this command with the settings of the service, above all
    REDIS_URL, S3_BUCKET and TINTYPE_BROKER_URL. On SIGTERM the worker finishes its pages, for at most TINTYPE_TIMEOUT +
    15 s, and returns the others; a second signal ends it at once. By default it captures as many pages at a time as it
    has slots.
    """
    settings = Settings.load()
    logs.configure(settings.log_level, settings.log_format)
    report = backends.data_folder(settings, "run") / "job-worker"
    if check:
        _check(report)
        return
    if captures:
        settings = settings.model_copy(update={"job_workers": captures})
    malloc.limit_malloc_arenas()
    with ExitStack() as exit_stack:
        exit_stack.enter_context(capture_daemon(settings))
        # imported while the browser starts
        from tintype.application import build_job_worker  # noqa: PLC0415

        run(build_job_worker(settings, exit_stack), report, settings.timeout + 15)


def run(worker: JobWorker, report: Path, drain_timeout: float) -> None:
    """Run a worker until a signal; change ``report`` while its threads run."""
    with _stop_signals() as stopped:
        worker.start()
        report.touch()
        log.info("job_worker_started", version=__version__)
        try:
            while not stopped.wait(REPORT_INTERVAL):
                if worker.is_alive():
                    report.touch()
            log.info("job_worker_stopping", effect=f"running pages have {drain_timeout:.0f} s")
        finally:
            all_ended = worker.stop(drain_timeout)
            with suppress(OSError):
                report.unlink(missing_ok=True)
        log.info("job_worker_stopped", finished=all_ended)


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the second signal ends the process."""
    stopped = threading.Event()

    def stop(signum: int, _: object) -> None:
        if stopped.is_set():
            os._exit(128 + signum)
        stopped.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _check(report: Path) -> None:
    try:
        age = time.time() - report.stat().st_mtime
    except OSError:
        age = float("inf")
    is_running = age < MAX_AGE
    click.echo("a worker runs" if is_running else f"no worker of {report.parent.parent} runs")
    if not is_running:
        click.get_current_context().exit(ExitCode.FAILURE)
