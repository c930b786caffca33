"""Which engine takes the picture when the first one cannot: engines made of engines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from tintype import urls
from tintype.errors import BackendUnavailable, BrowserCrashed, EngineError, Overloaded, TintypeError, UnsupportedOption
from tintype.model import Capture
from tintype.options import Shot
from tintype.protocols import Engine

log = structlog.get_logger("tintype.engines")

_RETRY_ELSEWHERE = (Overloaded, BackendUnavailable, BrowserCrashed, EngineError, UnsupportedOption)
"""Failures of an engine; those of the caller or the page would come again from any other."""


class FallbackEngine:
    """Tries engines in order of preference; falls to the next when one is overloaded, broken or lacks an option.

    When none has the picture, the failure of the most preferred engine that knows the options is raised.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        if not engines:
            raise ValueError("at least one engine is needed")
        self._engines = tuple(engines)

    def capture(self, shot: Shot) -> Capture:
        """Photograph a page; raises the TintypeError described above, or at once what no engine can help."""
        failures: list[TintypeError] = []
        for engine in self._engines:
            try:
                return engine.capture(shot)
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
        """Those of every engine."""
        return tuple(warning for engine in self._engines for warning in engine.warnings())

    def check(self) -> None:
        """Pass when any engine could work; raises the first one's BackendUnavailable otherwise."""
        failures: list[TintypeError] = []
        for engine in self._engines:
            try:
                return engine.check()
            except TintypeError as error:
                failures.append(error)
                log.warning("engine_check_failed", engine=type(engine).__name__, reason=error.detail)
        raise failures[0]

    def close(self) -> None:
        """Close every engine, whatever one of them raises."""
        with ExitStack() as stack:
            for engine in self._engines:
                stack.callback(engine.close)
