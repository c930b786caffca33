"""Runs a command under a seccomp profile in Docker's format, with no_new_privs, as a container does.

``python -m tests.security.confined PROFILE COMMAND …``. Conditions on arguments are treated as met: this tests
whether the profile permits enough.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS and so on
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # struct seccomp_data, linux/seccomp.h
_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64, linux/audit.h
_ALLOW, _NOT_PERMITTED, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2


UNPRIVILEGED = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def can_run_unprivileged() -> bool:
    """Whether a process can become a user without privileges that can still read the files of the tests."""
    if platform.machine() != "x86_64" or not HEADER.is_file() or not shutil.which("unshare"):
        return False
    return subprocess.run([*UNPRIVILEGED, "true"], capture_output=True, check=False).returncode == 0


def numbers() -> dict[str, int]:
    """Numbers of the system calls of this architecture, by name."""
    definitions = re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text())
    return {name: int(number) for name, number in definitions}


def allowed(profile: Path) -> set[str]:
    """Names of the system calls that a profile allows."""
    rules = json.loads(profile.read_text())["syscalls"]
    return {name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


def compile_filter(profile: Path) -> bytes:
    """Compile a profile into a BPF program."""
    known = numbers()
    calls = sorted(known[name] for name in allowed(profile) if name in known)
    program = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_JUMP_IF_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _KILL)]
    program.append((_LOAD, 0, 0, _NUMBER_AT))
    for call in calls:
        program += [(_JUMP_IF_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ALLOW)]
    program.append((_RETURN, 0, 0, _NOT_PERMITTED))
    return b"".join(struct.pack("HBBI", *step) for step in program)


def apply_profile(profile: Path) -> None:
    """Apply a profile to this process and its later children; raises OSError."""
    program = compile_filter(profile)
    steps = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (_PR_SET_SECCOMP, _FILTER, filter_, 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    apply_profile(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
