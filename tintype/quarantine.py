"""Quarantine of unusable files: they are renamed to ``<name>.broken``, with one log line, and a new file takes over.

For files that can be made anew: counters, caches, locks. What must not be lost is never quarantined.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from itertools import count
from pathlib import Path

import structlog

log = structlog.get_logger("tintype.files")


def obstacle(path: Path) -> str:
    """Why a path cannot be opened for reading and writing; empty if it can, or if nothing is there.

    Raises OSError if the folder cannot be searched.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ""
    if stat.S_ISDIR(mode):
        return "a folder is in its place"
    if not stat.S_ISREG(mode):
        return "it is not a regular file"
    if not mode & stat.S_IWUSR:  # root could write it, but filelock refuses such a file
        return "it is read-only"
    return "" if os.access(path, os.R_OK | os.W_OK, effective_ids=True) else "this user may not read and write it"


def clear_path(path: Path) -> None:
    """Quarantine what is at a path unless it can be used as a file; raises OSError."""
    if reason := obstacle(path):
        quarantine(path, reason)


def quarantine(path: Path, reason: object, companions: tuple[str, ...] = ()) -> None:
    """Rename a file or folder to ``<name>.broken``, and report it; raises OSError.

    Files with the suffixes ``companions`` go first. It overwrites the previous quarantined file, so at most one takes
    space; a folder is never overwritten.
    """
    kept = _kept_path(path)
    for suffix in (*companions, ""):
        with suppress(FileNotFoundError):
            _move(Path(f"{path}{suffix}"), Path(f"{kept}{suffix}"))
    log.warning(
        "damaged_file_replaced",
        path=str(path),
        reason=str(reason),
        kept=str(kept),
        remedy="delete the kept file; if its user or mode is wrong, run Tintype as the owner of the folder",
    )


def _kept_path(path: Path) -> Path:
    """The first path that is not taken by a folder."""
    names = (f"{path}.broken{f'-{number}' if number else ''}" for number in count())
    return next(kept for kept in map(Path, names) if not kept.is_dir())


def _move(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.unlink(missing_ok=True)
    source.replace(target)
