"""Metrics and traces of a node: start recording, sum metrics up, expose them to Prometheus, export traces.

The only package that imports prometheus_client and opentelemetry, both when they are first needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from tintype import errors
from tintype.telemetry import recorder, timing
from tintype.telemetry.collectors import NodeCollector, NodeSources
from tintype.telemetry.figures import NodeFigures
from tintype.telemetry.recorder import add_gauge, count, observe, observe_request
from tintype.telemetry.samples import Samples
from tintype.telemetry.timing import wrap_wsgi

__all__ = [
    "NodeFigures",
    "NodeSources",
    "add_gauge",
    "count",
    "expose",
    "observe",
    "observe_request",
    "start",
    "start_tracing",
    "summarize",
    "wrap_wsgi",
]

log = structlog.get_logger("tintype.telemetry")

_ENGINE_ERRORS = (errors.CaptureTimeout, errors.BrowserCrashed, errors.EngineError, errors.BackendUnavailable)
_collector = NodeCollector(NodeSources())


def start(path: Path, sources: NodeSources) -> None:
    """Record into the file at a path, which all processes of the node share, and collect gauges from the sources."""
    global _collector  # noqa: PLW0603 - one node per process
    recorder.start(path)
    _collector = NodeCollector(sources)
    _declare_series(sources)


def _declare_series(sources: NodeSources) -> None:
    """Expose counters of rare events with 0, so that PromQL's ``increase`` sees the first event."""
    for error in errors.ALL:
        recorder.declare("tintype_problems_total", error.code)
    recorder.declare("tintype_cache_decode_errors_total")
    recorder.declare("tintype_rate_limit_evictions_total")
    for name in ("requests", "captures", "sent_bytes"):
        recorder.declare(f"tintype_key_{name}_total", "other")
    for backend in ("storage", "limits", "usage"):
        recorder.declare("tintype_backend_failures_total", backend)
    for reason in ("slow-body", "slow-reader", "no-response", "client-limit", "idle"):
        recorder.declare("tintype_connections_closed_total", reason)
    recorder.declare("tintype_schedule_delay_seconds")
    for result in ("failed", "changed", "unchanged"):
        recorder.declare("tintype_schedule_runs_total", result)
    for reason in ("operator", "retention", "schedule"):
        recorder.declare("tintype_stored_deleted_total", reason)
    for outcome in ("delivered", "error", "stopped", "lost"):
        recorder.declare("tintype_webhook_attempts_total", outcome)
    recorder.declare("tintype_webhook_failures_total")
    recorder.declare("tintype_webhook_delay_seconds")
    recorder.declare("tintype_job_pages_total", "ok")
    recorder.declare("tintype_job_page_retries_total")
    recorder.declare("tintype_job_pages_lost_total")
    for engine in sources.engines:
        for result in ("ok", "partial", *(failure.code for failure in _ENGINE_ERRORS)):
            recorder.declare("tintype_captures_total", engine, result)


def start_tracing(endpoint: str) -> Callable[[], None]:
    """Export traces to an OTLP endpoint if OpenTelemetry is installed; returns a function that stops it."""
    try:
        from tintype.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        log.warning("traces_disabled", reason=f"{error.name} is not installed", hint="pip install 'tintype[traces]'")
        return lambda: None
    tracer = OtlpTracer(endpoint)
    timing.set_tracer(tracer)

    def stop() -> None:
        timing.set_tracer(None)
        tracer.close()

    return stop


def summarize() -> NodeFigures:
    """Totals of all worker processes of this node, and current gauges."""
    return NodeFigures.of(Samples.local(_collector.process_samples()), time.time())


def expose(accept: str = "") -> tuple[bytes, str]:
    """All metrics for Prometheus, and the media type; ``accept`` is an Accept header."""
    from tintype.telemetry import exposition  # noqa: PLC0415 - imports prometheus_client

    return exposition.expose(_collector, accept)
