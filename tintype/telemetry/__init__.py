"""What does the service tell those who watch it? Counts, levels and times of all processes of a node; traces.

The only home of prometheus_client and opentelemetry, both imported when first needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from tintype import errors
from tintype.telemetry import recorder, timing
from tintype.telemetry.collectors import NodeCollector, NodeSources
from tintype.telemetry.recorder import add_gauge, count, observe, observe_request
from tintype.telemetry.summary import Summary, of
from tintype.telemetry.timing import wrap_wsgi

__all__ = [
    "NodeSources",
    "Summary",
    "add_gauge",
    "count",
    "expose",
    "observe",
    "observe_request",
    "start",
    "start_tracing",
    "totals",
    "wrap_wsgi",
]

log = structlog.get_logger("tintype.telemetry")

_ENGINE_ERRORS = (errors.CaptureTimeout, errors.BrowserCrashed, errors.EngineError, errors.BackendUnavailable)
_collector = NodeCollector(NodeSources())


def start(path: Path, sources: NodeSources) -> None:
    """Count into the file at a path together with all processes of the node; ``node`` is what else there is to see."""
    global _collector  # noqa: PLW0603 - one node a process
    recorder.start(path)
    _collector = NodeCollector(sources)
    _declare_series(sources)


def _declare_series(node: NodeSources) -> None:
    """Expose counters of rare events with 0, so that PromQL's ``increase`` sees the first event."""
    for error in errors.ALL:
        recorder.declare("tintype_problems_total", error.code)
    recorder.declare("tintype_cache_decode_errors_total")
    for backend in ("storage", "limits"):
        recorder.declare("tintype_backend_failures_total", backend)
    for engine in node.engines:
        for result in ("ok", "partial", *(failure.code for failure in _ENGINE_ERRORS)):
            recorder.declare("tintype_captures_total", engine, result)


def start_tracing(endpoint: str) -> Callable[[], None]:
    """Send traces to an OTLP endpoint from now on, if OpenTelemetry is installed; gives what ends that."""
    try:
        from tintype.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - an extra, for those who have an endpoint
    except ImportError as error:
        log.warning("traces_disabled", reason=f"{error.name} is not installed", hint="pip install 'tintype[traces]'")
        return lambda: None
    traces = OtlpTracer(endpoint)
    timing.set_tracer(traces)

    def end() -> None:
        timing.set_tracer(None)
        traces.close()

    return end


def totals() -> Summary:
    """What all worker processes of this node have done so far, and how it stands now."""
    return of(_collector)


def expose(accept: str = "") -> tuple[bytes, str]:
    """Everything for Prometheus, and its media type; ``accept`` is an Accept header."""
    from tintype.telemetry import exposition  # noqa: PLC0415 - asked for by scrapes alone

    return exposition.expose(_collector, accept)
