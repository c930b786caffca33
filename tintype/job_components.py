"""Builds the components of jobs from the settings: the runner of this process and the service of the routes."""

from __future__ import annotations

from collections.abc import Callable

from tintype.backends import StateBackends
from tintype.jobs.capture import PageCapturer
from tintype.jobs.model import ClaimLimits
from tintype.jobs.runner import JobRunner
from tintype.jobs.service import JobLimits, JobService
from tintype.jobs.submission import SubmissionParser
from tintype.request_parser import RequestParser
from tintype.service import ThumbnailService
from tintype.service.charging import CaptureCharge
from tintype.settings import Settings


def build_jobs(
    settings: Settings,
    state: StateBackends,
    service: ThumbnailService,
    parser: RequestParser,
    charge_to: Callable[[str], CaptureCharge | None],
) -> JobService:
    """Build the jobs of this process; ``charge_to`` returns what counts the captures of an API key by its name."""
    captures = max(1, int(settings.slot_count * settings.job_share))
    limits = ClaimLimits(
        total=captures,
        per_owner=settings.job_key_captures or captures,
        per_host=settings.job_host_captures,
        host_pause=settings.job_host_pause,
    )
    runner = JobRunner(state.jobs, PageCapturer(service, parser, charge_to), limits)
    job_limits = JobLimits(queued_per_owner=settings.job_queue, retention=settings.job_retention)
    return JobService(state.jobs, SubmissionParser(parser), runner, job_limits)
