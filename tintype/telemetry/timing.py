"""Times the steps of a request for Server-Timing, the histogram of capture phases, and traces."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol
from wsgiref.types import WSGIApplication

from tintype.telemetry.recorder import observe

_PHASE_OF = {"lookup": "lookup", "render": "encode"}
"""Steps of the service that are phases of a capture; the engine reports the other phases."""


class Tracer(Protocol):
    """Receives steps while tracing is active."""

    def span(self, name: str) -> AbstractContextManager[None]:
        """A span for a step, which may contain other steps."""
        ...

    def phases(self, phases: Mapping[str, float]) -> None:
        """Consecutive steps in seconds, of which the last has just ended."""
        ...

    def wrap_wsgi(self, application: WSGIApplication) -> WSGIApplication:
        """The application with a span for each request."""
        ...

    def close(self) -> None:
        """Export the remaining spans and stop."""
        ...


_tracer: Tracer | None = None
_steps: ContextVar[dict[str, float] | None] = ContextVar("tintype_steps", default=None)


def set_tracer(tracer: Tracer | None) -> None:
    """Report every further step to a tracer; None stops."""
    global _tracer  # noqa: PLW0603 - one tracer per process
    _tracer = tracer


def wrap_wsgi(application: WSGIApplication) -> WSGIApplication:
    """The application, with a span for each request if tracing is active."""
    return _tracer.wrap_wsgi(application) if _tracer else application


def start_recording() -> None:
    """Record the steps of the current request from now on."""
    _steps.set({})


def recorded_steps() -> Mapping[str, float]:
    """Milliseconds of each step recorded so far, including failed ones."""
    return _steps.get() or {}


@contextmanager
def timed_step(name: str) -> Iterator[None]:
    """Time the block as a step, also if it raises."""
    begin = time.perf_counter()
    with _tracer.span(name) if _tracer else nullcontext():
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            _record({name: spent})
            if name in _PHASE_OF:
                observe("tintype_capture_phase_seconds", _PHASE_OF[name], seconds=spent)


def record_phases(phases: Mapping[str, float]) -> None:
    """Record the phases of the capture that has just ended, in seconds, as the engine reports them."""
    _record(phases)
    if _tracer:
        _tracer.phases(phases)


def _record(spent: Mapping[str, float]) -> None:
    recorded = _steps.get()
    if recorded is not None:
        for name, seconds in spent.items():
            recorded[name] = recorded.get(name, 0.0) + seconds * 1000
