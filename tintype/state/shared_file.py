"""A file that several processes open and replace, guarded by a lock file; quarantine of broken files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import structlog
from filelock import FileLock

log = structlog.get_logger("tintype.state")

LOCK_TIMEOUT = 10.0
"""Seconds to wait for another process that opens or replaces the file."""

Inode = tuple[int, int]


class SharedFile:
    """A path whose file is opened and replaced by one process at a time.

    ``companions`` are suffixes of further files that belong to it.
    """

    def __init__(self, path: Path, companions: tuple[str, ...] = ()) -> None:
        self.path = path
        self._companions = companions

    def prepare(self) -> None:
        """Create the folder; raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def exclusive(self) -> FileLock:
        """Exclude other processes that open or replace the file; entering raises OSError after ``LOCK_TIMEOUT``."""
        return FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT)

    def inode(self) -> Inode | None:
        """Device and inode of the file at the path now; None if there is no file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def quarantine(self, inode: Inode | None, reason: object) -> None:
        """Rename a broken file to ``<name>.broken``, companions first, unless another process already has.

        Call it under :meth:`exclusive`. It overwrites the previous one, so at most one broken file takes space.
        """
        if inode is None or inode != self.inode():
            return
        for suffix in (*self._companions, ""):
            with suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").replace(f"{self.path}.broken{suffix}")
        log.warning("state_file_replaced", path=str(self.path), reason=str(reason), kept=f"{self.path}.broken")
