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
from tintype.telemetry.recorder import count, move, observe, request
from tintype.telemetry.summary import Summary, of
from tintype.telemetry.timing import traced

__all__ = [
    "NodeSources",
    "Summary",
    "begin",
    "count",
    "expose",
    "move",
    "observe",
    "request",
    "send_traces",
    "totals",
    "traced",
]

log = structlog.get_logger("tintype.telemetry")

_OF_ENGINES = (errors.CaptureTimeout, errors.BrowserCrashed, errors.EngineError, errors.BackendUnavailable)
_look = NodeCollector(NodeSources())


def begin(path: Path, node: NodeSources) -> None:
    """Count into the file at a path together with all processes of the node; ``node`` is what else there is to see."""
    global _look  # noqa: PLW0603 - one node a process
    recorder.begin(path)
    _look = NodeCollector(node)
    _announce(node)


def _announce(node: NodeSources) -> None:
    """Tell what has not happened yet, so that it is seen to rise when it does."""
    for error in errors.ALL:
        recorder.announce("tintype_problems_total", error.code)
    for backend in ("storage", "limits"):
        recorder.announce("tintype_backend_failures_total", backend)
    for engine in node.engines:
        for result in ("ok", "partial", *(failure.code for failure in _OF_ENGINES)):
            recorder.announce("tintype_captures_total", engine, result)


def send_traces(endpoint: str) -> Callable[[], None]:
    """Send traces to an OTLP endpoint from now on, if OpenTelemetry is installed; gives what ends that."""
    try:
        from tintype.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - an extra, for those who have an endpoint
    except ImportError as error:
        log.warning("traces_disabled", reason=f"{error.name} is not installed", hint="pip install 'tintype[traces]'")
        return lambda: None
    traces = OtlpTracer(endpoint)
    timing.trace_with(traces)

    def end() -> None:
        timing.trace_with(None)
        traces.close()

    return end


def totals() -> Summary:
    """What all worker processes of this node have done so far, and how it stands now."""
    return of(_look)


def expose(accept: str = "") -> tuple[bytes, str]:
    """Everything for Prometheus, and its media type; ``accept`` is an Accept header."""
    from tintype.telemetry import exposition  # noqa: PLC0415 - asked for by scrapes alone

    return exposition.expose(_look, accept)
