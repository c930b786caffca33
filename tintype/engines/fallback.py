"""An engine that tries several engines in order of preference."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from tintype import urls
from tintype.deadline import time_left
from tintype.errors import BackendUnavailable, BrowserCrashed, EngineError, Overloaded, TintypeError, UnsupportedOption
from tintype.model import Capture
from tintype.options import Shot
from tintype.protocols import Engine

log = structlog.get_logger("tintype.engines")

MIN_CAPTURE_TIME = 2.0
"""Seconds that the deadline of a request must leave for another engine."""
CHECK_TIMEOUT = 1.9
"""Seconds for the checks of all engines; one that takes longer counts as broken, the others decide."""
_RETRY_ELSEWHERE = (Overloaded, BackendUnavailable, BrowserCrashed, EngineError, UnsupportedOption)
"""Failures of an engine. Errors of the client or the page would recur with any other."""


class FallbackEngine:
    """Tries the next engine if one is overloaded, broken or lacks an option.

    If all fail, the error of the most preferred engine that supports the options is raised.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        if not engines:
            raise ValueError("engines is empty; pass at least one engine")
        self._engines = tuple(engines)
        self._broken: tuple[str, ...] = ()

    def capture(self, shot: Shot, *, fresh: bool = False) -> Capture:
        """Capture a page; raises the TintypeError described above, or immediately one that no other engine avoids."""
        failures: list[TintypeError] = []
        for engine in self._engines:
            if failures and time_left(math.inf) < MIN_CAPTURE_TIME:
                break
            try:
                return engine.capture(shot, fresh=fresh)
            except _RETRY_ELSEWHERE as error:
                failures.append(error)
                log.warning(
                    "engine_fallback",
                    engine=type(engine).__name__,
                    target=urls.host_of(shot.url),
                    error=error.code,
                    reason=error.detail,
                    left=len(self._engines) - len(failures),
                )
        raise next((error for error in failures if not isinstance(error, UnsupportedOption)), failures[0])

    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of every engine, and those that did not work at the last check."""
        return (*self._broken, *(warning for engine in self._engines for warning in engine.warnings()))

    def check(self) -> None:
        """Pass if one engine works; raises the first engine's error otherwise. Checks all engines concurrently."""
        results: list[TintypeError | None] = [BackendUnavailable("the engine did not respond in time")] * len(
            self._engines
        )

        def check_one(number: int) -> None:
            try:
                self._engines[number].check()
                results[number] = None
            except TintypeError as error:
                results[number] = error

        threads = [
            threading.Thread(target=check_one, args=(number,), name="engine-check", daemon=True)
            for number in range(len(self._engines))
        ]
        for thread in threads:
            thread.start()
        until = time.monotonic() + CHECK_TIMEOUT
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        failures = {number: error for number, error in enumerate(results) if error}
        self._broken = tuple(f"engine {number + 1} does not work: {error.detail}" for number, error in failures.items())
        for number, error in failures.items():
            log.warning("engine_check_failed", engine=type(self._engines[number]).__name__, reason=error.detail)
        if len(failures) == len(self._engines):
            raise failures[0]

    def close(self) -> None:
        """Close every engine, even if one raises."""
        with ExitStack() as stack:
            for engine in self._engines:
                stack.callback(engine.close)
