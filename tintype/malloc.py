"""Settings of glibc's malloc for a process that renders images: what it frees goes back to the operating system.

MALLOC_ARENA_MAX=2 and its siblings do the same, but glibc reads them before Python starts: `tintype serve` without a
unit file or container would have to execute itself again.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""mallopt(3), glibc's malloc.h."""
_MAX_ARENAS = 2
_MMAP_BYTES = 4 << 20
"""Allocations from this size get a mapping of their own, which is unmapped when they are freed.

Without it glibc raises the threshold to the size of the largest mapping that was freed, up to 32 MB: from then on rows
of pixels come from the heap, where one small object behind them keeps all of them.
"""
_TRIM_BYTES = 16 << 20
"""Free bytes at the end of the heap from which they are returned."""


def limit_malloc_arenas() -> None:
    """Limit this process to two arenas and return large blocks; call it before threads start.

    Without glibc it does nothing. Measured with 16 rendering threads: 60 MB more with an arena each, and memory that
    kept growing.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, _MAX_ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)


def return_free_memory() -> None:
    """Return the free pages of all arenas to the operating system (malloc_trim(3)): some milliseconds per 100 MB."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
