"""Profile directories of a daemon's browsers: one folder per daemon under the temp folder, removed when stale.

The owner keeps a file lock; a free lock proves that the owner has exited.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Self

import structlog

log = structlog.get_logger("tintype.chromium")

_PREFIX = "tintype-browser-"
_ATTEMPTS, _PAUSE = 10, 0.1
"""Attempts to remove the folder of a daemon, and seconds between two: browsers that exit may still write."""
_CREATED_WITHIN = 60.0
"""Seconds after which a folder without a lock is not being created any more."""


class ProfileRoot:
    """The folder of one daemon, with a profile folder for each browser."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def create(cls) -> Self:
        """Remove stale folders, then create one. Raises OSError."""
        remove_stale()
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        # The browser may run as another user, which may enter this folder but not list it.
        folder.chmod(0o711)
        unlocked = folder / "lock.new"
        lock = os.open(unlocked, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        unlocked.rename(folder / "lock")
        return cls(folder, lock)

    def new_profile(self, uid: int = -1, gid: int = -1) -> Path:
        """Create an empty folder that only the browser's user may access."""
        profile = Path(tempfile.mkdtemp(prefix="profile-", dir=self.folder))
        if uid >= 0:
            os.chown(profile, uid, gid)
        return profile

    def remove(self) -> None:
        """Remove the folder, release the lock, and try the stale folders again. Idempotent."""
        _remove_root(self.folder)
        with contextlib.suppress(OSError):
            os.close(self._lock)
        self._lock = -1
        remove_stale()


def remove(folder: Path) -> None:
    """Remove a folder and its content, in up to 5 attempts: an exiting browser may still write."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def _remove_root(folder: Path) -> None:
    """Remove the folder of a daemon, the lock last: without it, what remains would never count as stale."""
    for attempt in range(_ATTEMPTS):
        for entry in _entries(folder):
            if entry.name != "lock":
                shutil.rmtree(entry, ignore_errors=True)
        if [entry.name for entry in _entries(folder)] in ([], ["lock"]):
            shutil.rmtree(folder, ignore_errors=True)
            return
        if attempt + 1 < _ATTEMPTS:
            time.sleep(_PAUSE)


def _entries(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return list(folder.iterdir())
    return []


def remove_stale() -> None:
    """Remove the folders of this user's daemons that have exited.

    A daemon that was killed before it had its lock leaves an empty folder, which is stale after a minute.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
                _remove_if_stale(folder)


def _remove_if_stale(folder: Path) -> None:
    if not (folder / "lock").exists() and time.time() - folder.stat().st_mtime > _CREATED_WITHIN:
        _remove_root(folder)
        return
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its owner runs
        _remove_root(folder)
        log.info("stale_profile_removed", folder=str(folder))
    finally:
        os.close(lock)
