"""Free space of the file system that holds a cache: how much is kept free, and a reserve file for a full disk.

SQLite needs space also to delete: changed pages are appended to the write-ahead log before they replace old ones. The
reserve file provides that space on a disk that another program has filled.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

KEEP_FREE = 64 << 20
"""Bytes of the file system below which a cache stops growing; at most a quarter of the file system."""
MAX_RESERVE = 16 << 20
"""Bytes of the reserve file; at most 1/32 of the file system. Two write-ahead logs at their automatic checkpoint."""


def has_room(folder: Path) -> bool:
    """Whether a cache in this folder may grow; True if the file system does not report its space."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize >= min(KEEP_FREE, disk.f_blocks * disk.f_frsize // 4)


def share_of_disk(folder: Path, limit: int) -> int:
    """``limit`` bytes, or 1/32 of a small file system."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return limit
    return min(limit, disk.f_blocks * disk.f_frsize // 32)


def create_reserve(path: Path) -> None:
    """Allocate the reserve file if it is missing and the file system has room; failures are ignored."""
    with suppress(OSError):
        if path.exists() or not has_room(path.parent):
            return
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, max(1, share_of_disk(path.parent, MAX_RESERVE)))
        except OSError:
            path.unlink()
        finally:
            os.close(descriptor)


def release_reserve(path: Path) -> None:
    """Delete the reserve file, so that its space can be used; failures are ignored."""
    with suppress(OSError):
        path.unlink()
