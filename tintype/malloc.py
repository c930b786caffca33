"""How much memory do threads keep for themselves? glibc gives each an arena, which pictures leave full of holes."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
"""mallopt(3), glibc's malloc.h."""
_MAX_ARENAS = 2


def limit_malloc_arenas() -> None:
    """Let the threads of this process share arenas; call it before they start. Without glibc nothing happens.

    Sixteen threads that render in turn held 60 MB more with one each, and no longer grew with two for all.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _MAX_ARENAS)
