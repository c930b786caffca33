"""Tests of the limit of malloc arenas."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, threading
from tintype import malloc
{prepare}
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p
everyone = threading.Barrier(9)
def work():
    libc.malloc(10_000)
    everyone.wait()
for _ in range(8):
    threading.Thread(target=work).start()
everyone.wait()
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
def test_limits_arenas_to_two_for_all_threads() -> None:
    assert arenas("malloc.limit_malloc_arenas()") <= 2 < arenas("pass")


def arenas(prepare: str) -> int:
    command = [sys.executable, "-c", ARENAS.format(prepare=prepare)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap nr=")
