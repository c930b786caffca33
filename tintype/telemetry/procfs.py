"""Memory of processes from /proc, and free disk space; 0 or None where the kernel does not report them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def anonymous_bytes(pids: Iterable[int]) -> int:
    """Anonymous resident bytes (RssAnon) of processes together; excludes memory shared with other processes."""
    return sum(_rss_anon(pid) for pid in pids)


def free_disk_bytes(folder: Path) -> int | None:
    """Free bytes on the file system of a folder."""
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return None


def _rss_anon(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_bytes().split()
        return (int(pages[1]) - int(pages[2])) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
