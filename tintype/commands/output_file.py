"""The file that ``tintype shot -o`` names: its format, its name in a folder, and standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from tintype.batch.filenames import FORMAT_BY_ENDING

STDOUT = "-"
_TEXT_FORMATS = ("json",)


@dataclass(frozen=True, slots=True)
class OutputFile:
    """Where a thumbnail is written. ``path`` is empty for the current folder."""

    path: str
    format: str
    """The format that the ending implies; empty if it implies none or ``--format`` is given."""

    @classmethod
    def parse(cls, path: str, format_flag: str | None) -> OutputFile:
        """Check ``-o`` against ``--format`` before the capture; raises UsageError or FileError."""
        explicit = "jpeg" if format_flag == "jpg" else format_flag
        if path == STDOUT:
            if sys.stdout.isatty() and explicit not in _TEXT_FORMATS:
                raise _usage("-o - would write binary data to the terminal; name a file, or redirect: -o - > FILE")
            return cls(path, "")
        if not path or _is_folder(path):
            return cls(path, "")
        if not Path(path).parent.is_dir():
            raise click.FileError(path, f"the folder {Path(path).parent} does not exist")
        return cls(path, _implied_format(path, explicit))

    def format_option(self) -> Iterator[tuple[str, str]]:
        """The option ``format`` if the ending implies it."""
        if self.format:
            yield "format", self.format

    def write(self, body: bytes, name: str, extension: str) -> str:
        """Write the file, in a folder under the name of the page; returns the path. Raises FileError."""
        if self.path == STDOUT:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
            return "stdout"
        file_name = f"{name}.{extension}"
        path = str(Path(self.path) / file_name) if not self.path or _is_folder(self.path) else self.path
        try:
            Path(path).write_bytes(body)
        except OSError as error:
            raise click.FileError(path, error.strerror) from error
        return path


def _is_folder(path: str) -> bool:
    """Whether a path is a folder; raises FileError for a folder that does not exist."""
    if path.endswith("/") and not Path(path).is_dir():
        raise click.FileError(path, "the folder does not exist")
    return Path(path).is_dir()


def _implied_format(path: str, explicit: str | None) -> str:
    ending = Path(path).suffix.lower()
    implied = FORMAT_BY_ENDING.get(ending, "")
    if not explicit and not implied:
        problem = f"the ending {ending} is no format" if ending else "has no ending"
        raise _usage(f"-o {path}: {problem}; use one of {', '.join(FORMAT_BY_ENDING)}, or pass --format")
    if explicit and implied and explicit != implied:
        raise _usage(f"-o {path}: the ending is that of {implied}, but --format is {explicit}; change one of them")
    return "" if explicit else implied


def _usage(message: str) -> click.UsageError:
    return click.UsageError(message, click.get_current_context(silent=True))
