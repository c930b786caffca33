"""Starts Chromium in Linux namespaces that contain only loopback and the egress proxies' listeners.

Run as a script in front of Chromium: ``python -m tintype.chromium.process.namespaces SPEC -- chromium FLAGS``. It
leaves the host's network, brings up loopback, opens the listeners inside and sends them out, hides folders under empty
file systems, drops root, and executes Chromium. Then even a wrong flag or a browser bug reaches no address but those
listeners, and no file of the service.

Without root it needs user namespaces; as root it needs CAP_SYS_ADMIN. If the kernel denies them, it exits with
:data:`UNSUPPORTED_EXIT` before Chromium starts, and the caller continues with the other isolation layers.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDERS_VISIBLE = "folders cannot be hidden"
"""Start of the line on standard error if the kernel denies mounts, as the AppArmor profile of Docker does."""
UNSUPPORTED_EXIT = 71
"""Exit status if the kernel does not permit namespaces (sysexits.h: EX_OSERR)."""

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000  # sched.h
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x4000, 0x40000  # sys/mount.h
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # linux/sockios.h, net/if.h
_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceSpec:
    """Listeners to open, folders to hide, and the user to change to."""

    listener_socket: int
    """Descriptor of the socket over which the listeners are sent out."""
    listeners: int = 0
    hidden: tuple[str, ...] = ()
    """Folders that appear empty; missing ones are skipped."""
    uid: int = -1
    """User to change to; -1: none."""
    gid: int = -1

    def to_argument(self) -> str:
        """Return one command line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, text: str) -> NamespaceSpec:
        """Parse the result of :meth:`to_argument`."""
        members = json.loads(text)
        return cls(**{**members, "hidden": tuple(members["hidden"])})


def command(spec: NamespaceSpec, chromium: Sequence[str]) -> list[str]:
    """Return the command line that starts Chromium in namespaces."""
    return [sys.executable, "-I", __file__, spec.to_argument(), "--", *chromium]


def receive_listeners(listener_socket: socket.socket, count: int) -> list[socket.socket]:
    """Receive the listeners opened inside; none if namespaces are unavailable and the other end is closed."""
    _, descriptors, _, _ = socket.recv_fds(listener_socket, 1, count)
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def _unshare(spec: NamespaceSpec) -> None:
    root = os.geteuid() == 0
    uid, gid = os.geteuid(), os.getegid()
    _libc_call("unshare", _CLONE_NEWNET | _CLONE_NEWNS | (0 if root else _CLONE_NEWUSER))
    if not root:
        # Mapped to itself and not to 0: as root Chromium refuses to use its sandbox.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _bring_up_loopback()
    try:
        _hide(spec.hidden)
    except OSError as error:
        # Docker's AppArmor profile denies mounts; the network namespace matters more
        sys.stderr.write(f"{FOLDERS_VISIBLE}: {error}\n")


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def _hide(folders: Sequence[str]) -> None:
    _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE)
    for folder in folders:
        if Path(folder).is_dir():
            _mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int) -> None:
    _libc_call("mount", source, target, kind, ctypes.c_ulong(flags), b"mode=555,size=4k" if kind else None)


def _libc_call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _send_listeners(spec: NamespaceSpec) -> None:
    opened = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(spec.listeners)]
    with socket.socket(fileno=spec.listener_socket) as passage:
        socket.send_fds(passage, [b"L"], [listener.fileno() for listener in opened])
    for listener in opened:
        listener.close()


def drop_root(uid: int, gid: int) -> None:
    """Change to another user permanently, without supplementary groups."""
    if uid < 0 or os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def main(arguments: Sequence[str]) -> None:
    """Enter the namespaces, send the listeners out, execute Chromium. Does not return."""
    spec = NamespaceSpec.from_argument(arguments[0])
    chromium = list(arguments[arguments.index("--") + 1 :])
    try:
        _unshare(spec)
        _send_listeners(spec)
    except OSError as error:
        sys.stderr.write(f"namespaces are unavailable: {error}\n")
        sys.exit(UNSUPPORTED_EXIT)
    drop_root(spec.uid, spec.gid)
    _libc_call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.execv(chromium[0], chromium)  # noqa: S606 - the browser of the command line


if __name__ == "__main__":
    main(sys.argv[1:])
