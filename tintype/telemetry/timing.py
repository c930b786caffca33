"""How long does each step of a request take? Told to Server-Timing, to the histogram of phases, and to traces."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol
from wsgiref.types import WSGIApplication

from tintype.telemetry.recorder import observe

_PHASE_OF = {"lookup": "lookup", "render": "encode"}
"""Steps of ours that are phases of a capture; the others are told by the engine."""


class Tracer(Protocol):
    """Whoever is told of steps while traces are on."""

    def span(self, name: str) -> AbstractContextManager[None]:
        """The time of a step, in whose block others may begin."""
        ...

    def phases(self, phases: Mapping[str, float]) -> None:
        """Steps one after another that are over just now; seconds."""
        ...

    def wrap_wsgi(self, application: WSGIApplication) -> WSGIApplication:
        """The application with a span for each request."""
        ...

    def close(self) -> None:
        """Send what is there, and end."""
        ...


_tracer: Tracer | None = None
_steps: ContextVar[dict[str, float] | None] = ContextVar("tintype_steps", default=None)


def set_tracer(tracer: Tracer | None) -> None:
    """Have a tracer told of every step from now on."""
    global _tracer  # noqa: PLW0603 - one a process
    _tracer = tracer


def wrap_wsgi(application: WSGIApplication) -> WSGIApplication:
    """The application as it is, or with a span for each request while traces are on."""
    return _tracer.wrap_wsgi(application) if _tracer else application


def start_recording() -> None:
    """Note the steps of a request from here on."""
    _steps.set({})


def recorded_steps() -> Mapping[str, float]:
    """Milliseconds of each step since then, failed ones included."""
    return _steps.get() or {}


@contextmanager
def timed_step(name: str) -> Iterator[None]:
    """The time of one step, however it ends."""
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
    """What an engine says of the capture that has just ended; seconds."""
    _record(phases)
    if _tracer:
        _tracer.phases(phases)


def _record(spent: Mapping[str, float]) -> None:
    noted = _steps.get()
    if noted is not None:
        for name, seconds in spent.items():
            noted[name] = noted.get(name, 0.0) + seconds * 1000
