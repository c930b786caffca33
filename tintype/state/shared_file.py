"""A file that several processes open and replace, guarded by a lock file; quarantine of damaged files."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from tintype.quarantine import clear_path, obstacle, quarantine

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
        """Exclude other processes that open or replace the file; entering raises OSError after ``LOCK_TIMEOUT``.

        Raises OSError also for a lock file that cannot be used or replaced.
        """
        clear_path(Path(f"{self.path}.lock"))
        return FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT)

    def inode(self) -> Inode | None:
        """Device and inode of the file at the path now; None if there is no file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def quarantine_unusable(self) -> None:
        """Quarantine what cannot be opened: a folder, or a file of another user; raises OSError.

        Call it under :meth:`exclusive`.
        """
        paths = (Path(f"{self.path}{suffix}") for suffix in ("", *self._companions))
        if reason := next(filter(None, map(obstacle, paths)), ""):
            quarantine(self.path, reason, self._companions)

    def quarantine(self, inode: Inode | None, reason: object) -> None:
        """Quarantine a damaged file, companions first, unless another process already has. Raises OSError.

        Call it under :meth:`exclusive`.
        """
        if inode is not None and inode == self.inode():
            quarantine(self.path, reason, self._companions)
