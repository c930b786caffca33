"""Figures of a node for people (``/status.json``, ``tintype top``), each computed from samples in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tintype.model import CacheState
from tintype.telemetry.samples import Samples

_THUMBNAIL_ROUTES = ("/thumb", "/meta")
_POLLED_ROUTES = ("/metrics", "/status.json", "/progress/<progress_id>")
"""Routes that these figures are read from: an idle node must not report what it sends to its observers."""
_FROM_CACHE = (CacheState.HIT, CacheState.STALE)
_SERVED = (*_FROM_CACHE, CacheState.DERIVED, CacheState.COALESCED, CacheState.MISS)
_REJECTING_ERRORS = (
    *("rate-limited", "quota-exceeded", "overloaded", "target-denied", "host-not-allowed"),
    *("unauthorized", "bad-signature", "forbidden", "closed"),
)
NO_THUMBNAIL = "none"
"""In place of a cache state: responses without one, most of them errors."""
EGRESS_DENIED = "egress-denied"
"""Among rejections: connections of captured pages to non-public addresses."""

_QUEUE = {
    "waiting": "tintype_capture_queue_length",
    "limit": "tintype_capture_queue_limit",
    "busy": "tintype_slots_busy",
    "slots": "tintype_slots",
}
_JOBS = {"open": "tintype_jobs", "oldest_age": "tintype_job_queue_age_seconds"}
_JOB_STATES = ("queued", "running")
_WAITING_REQUESTS = {"count": "tintype_waiting_requests", "limit": "tintype_waiting_requests_limit"}
_BROWSER = {
    "up": "tintype_daemon_up",
    "restarts": "tintype_browser_restarts_total",
    "recycles": "tintype_browser_recycles_total",
}

Gauges = Mapping[str, float | None]
"""Values by name; None while the node does not expose the metric, as without a running capture daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFigures:
    """Totals over all worker processes of a node, including exited ones, and current gauges.

    Totals continue over restarts of workers and of the service, as long as the data folder is the same.
    """

    version: str
    uptime: float
    """Seconds since the start of the oldest worker."""
    workers: int
    thumbnails: Mapping[str, float]
    """Responses to requests for thumbnails by cache state (``X-Cache``), or ``none``."""
    captures: float
    """Captures that succeeded, background refreshes included."""
    failures: float
    """Captures that failed."""
    capture_seconds: float
    """Duration of all captures together, time in the queue included."""
    rejections: Mapping[str, float]
    """Rejected requests by error code, and denied connections of captured pages."""
    bytes_sent: float
    """Bytes of response bodies, except those of the routes that report figures."""
    queue: Gauges
    """``waiting`` of ``limit`` captures in the queue, ``busy`` of ``slots``."""
    jobs: Gauges
    """``open`` jobs, their ``queued`` and ``running`` pages, and the ``oldest_age`` of a job with queued pages."""
    job_pages: Mapping[str, float]
    """Ended pages of jobs by result: ``ok`` or an error code."""
    waiting_requests: Gauges
    """``count`` of ``limit`` requests that wait for a capture or still send their body."""
    browser: Gauges
    """``up`` (1 or 0), ``restarts`` and ``recycles`` since the start of the capture daemon."""
    memory_bytes: Mapping[str, float]
    """By kind of process."""

    @classmethod
    def of(cls, samples: Samples, now: float) -> NodeFigures:
        """The figures at the time of the samples; ``now`` is that time in seconds since the epoch."""
        states = samples.sum_by("tintype_requests_total", "cache", route=_THUMBNAIL_ROUTES)
        problems = samples.sum_by("tintype_problems_total", "error")
        results = samples.sum_by("tintype_captures_total", "result")
        succeeded = results["ok"] + results["partial"]
        sent = samples.sum_by("tintype_sent_bytes_total", "route")
        denied = samples.sum_by("tintype_egress_denied_total", "reason")["policy"]
        return cls(
            version=samples.label("tintype_build_info", "version"),
            uptime=max(0.0, now - (samples.value("tintype_start_time_seconds") or now)),
            workers=int(samples.value("tintype_workers") or 0),
            thumbnails={state: states[state] for state in (*map(str, CacheState), NO_THUMBNAIL)},
            captures=succeeded,
            failures=results.total() - succeeded,
            capture_seconds=samples.value("tintype_capture_duration_seconds_sum") or 0.0,
            rejections={**{error: problems[error] for error in _REJECTING_ERRORS}, EGRESS_DENIED: denied},
            bytes_sent=sum(count for route, count in sent.items() if route not in _POLLED_ROUTES),
            queue={name: samples.value(metric) for name, metric in _QUEUE.items()},
            jobs=_jobs(samples),
            job_pages=dict(samples.sum_by("tintype_job_pages_total", "result")),
            waiting_requests={name: samples.value(metric) for name, metric in _WAITING_REQUESTS.items()},
            browser={name: samples.value(metric) for name, metric in _BROWSER.items()},
            memory_bytes=dict(samples.sum_by("tintype_memory_bytes", "process")),
        )

    @property
    def hit_ratio(self) -> float | None:
        """Share of thumbnails returned without waiting for a capture; None before the first thumbnail."""
        return hit_ratio(self.thumbnails)


def _jobs(samples: Samples) -> Gauges:
    pages = samples.sum_by("tintype_job_pages", "state")
    figures = {name: samples.value(metric) for name, metric in _JOBS.items()}
    return figures | {state: None if figures["open"] is None else pages[state] for state in _JOB_STATES}


def hit_ratio(thumbnails: Mapping[str, float]) -> float | None:
    """HIT and STALE divided by all thumbnails; None without thumbnails."""
    served = sum(thumbnails.get(state, 0.0) for state in _SERVED)
    return sum(thumbnails.get(state, 0.0) for state in _FROM_CACHE) / served if served else None
