"""The commands of ``tintype``, one module each, and their exit codes."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from tintype import errors
from tintype.errors import TintypeError


class ExitCode(IntEnum):
    """Exit codes of all commands; ``meaning`` is the sentence of help pages and docs/commands.md."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """A member of this value and meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "success"
    FAILURE = 1, "a part of the work failed, or a file could not be written"
    USAGE_ERROR = 2, "wrong usage, invalid options or invalid settings"
    TARGET_ERROR = 3, "the target was denied or unreachable, or its page could not be captured as requested"
    SERVICE_ERROR = 4, "overloaded, timed out, or an engine, a cache, a storage or a node does not respond"
    INTERRUPTED = 130, "interrupted by Ctrl-C"


_CODES: dict[type[TintypeError], ExitCode] = {
    errors.InvalidRequest: ExitCode.USAGE_ERROR,
    errors.TargetDenied: ExitCode.TARGET_ERROR,
    errors.NotAPage: ExitCode.TARGET_ERROR,
    errors.SelectorNotFound: ExitCode.TARGET_ERROR,
    errors.UnusableCapture: ExitCode.TARGET_ERROR,
    errors.TargetUnreachable: ExitCode.TARGET_ERROR,
    errors.TargetError: ExitCode.TARGET_ERROR,
    errors.PageCrashed: ExitCode.TARGET_ERROR,
    errors.BrowserCrashed: ExitCode.SERVICE_ERROR,
    errors.EngineError: ExitCode.SERVICE_ERROR,
    errors.Overloaded: ExitCode.SERVICE_ERROR,
    errors.RateLimited: ExitCode.SERVICE_ERROR,
    errors.QuotaExceeded: ExitCode.SERVICE_ERROR,
    errors.BackendUnavailable: ExitCode.SERVICE_ERROR,
    errors.CaptureTimeout: ExitCode.SERVICE_ERROR,
    errors.StorageFull: ExitCode.SERVICE_ERROR,
}


def exit_code_of(error: TintypeError) -> ExitCode:
    """The exit code of a command that ends with this error; a subclass has the code of its base."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), ExitCode.FAILURE)
