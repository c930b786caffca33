"""A terminal for tests of the command line."""

from __future__ import annotations

import pytest

from tintype import cli


class Terminal:
    """Runs commands in this process and keeps their output."""

    def __init__(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._captured = capfdbinary
        self.raw = b""
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        code = cli.run(arguments)
        self.raw, err = self._captured.readouterr()
        self.out, self.err = self.raw.decode(errors="replace"), err.decode()
        assert "Traceback" not in self.err
        return code
