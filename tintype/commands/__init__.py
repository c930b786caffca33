"""The commands of ``tintype``, one module each, and their exit codes."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    FAILURE = 1
    """A part of the work failed, or an output file could not be written."""
    USAGE_ERROR = 2
    """Wrong usage, invalid options or invalid settings."""
    TARGET_ERROR = 3
    """The target was denied, unreachable, or its page could not be captured."""
    SERVICE_ERROR = 4
    """The service is overloaded, timed out, or one of its backends is unavailable."""
    INTERRUPTED = 130
    """Ended by Ctrl-C (128 + SIGINT)."""
