"""Charges captures to the client whose request causes them, also those that run in the background.

The client of a request is in a context variable, because captures start deep inside the pipeline, or not at all: hits,
derived thumbnails and coalesced requests charge nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Protocol

from tintype.errors import BackendUnavailable, Overloaded
from tintype.model import Capture
from tintype.options import Shot
from tintype.protocols import Engine


class CaptureCharge(Protocol):
    """Counts the capture of one request; further captures of the same request are free."""

    def apply(self) -> None:
        """Count a capture; raises QuotaExceeded."""
        ...

    def refund(self) -> None:
        """Take back the last charge."""
        ...


_charge: ContextVar[CaptureCharge | None] = ContextVar("capture_charge", default=None)


@contextmanager
def charged_to(charge: CaptureCharge | None) -> Iterator[None]:
    """Charge captures inside the block to a client."""
    token = _charge.set(charge)
    try:
        yield
    finally:
        _charge.reset(token)


def keep_charge(task: Callable[[], None]) -> Callable[[], None]:
    """The task with the charge of this thread, for another thread."""
    return partial(_run_charged, _charge.get(), task)


def _run_charged(charge: CaptureCharge | None, task: Callable[[], None]) -> None:
    with charged_to(charge):
        task()


class ChargedEngine:
    """An engine whose captures are charged before they start. A capture that is rejected unstarted costs nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        """Capture; raises QuotaExceeded and what the engine raises."""
        charge = _charge.get()
        if charge is None:
            return self._engine.capture(shot, fresh=fresh)
        charge.apply()
        try:
            return self._engine.capture(shot, fresh=fresh)
        except (Overloaded, BackendUnavailable):
            charge.refund()
            raise

    def check(self) -> None:
        """Raise BackendUnavailable unless the engine can capture."""
        self._engine.check()

    def warnings(self) -> tuple[str, ...]:
        """Warnings of the engine."""
        return self._engine.warnings()

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()
