"""Configuration of a capture daemon, its socket path and its command line; cheap to import."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from tintype import __version__

_MAX_SOCKET_PATH = 100
"""Bytes of a Unix socket's path. The kernel's limit is 104 on macOS, 108 on Linux."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonConfig:
    """Settings of a daemon. Durations in seconds, sizes in pixels."""

    binary: str = ""
    """Path of Chromium; empty: the first one found."""
    slots: int = 2
    overlap: bool = False
    """Whether more captures than ``slots`` run while a core is idle."""
    queue: int = 8
    timeout: float = 20.0
    recycle_after: int = 100
    recycle_age: float = 1800.0
    site_cache: int = 16
    """Browser contexts that each browser keeps for the next capture of their site."""
    max_page_height: int = 20_000
    idle_timeout: float = 10.0
    drain_timeout: float = 0.0
    """Time for captures in progress after SIGTERM."""
    browser_user: str = "tintype"
    allow_no_sandbox: bool = False
    webgl: bool = False
    allow_addresses: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    deny_hosts: tuple[str, ...] = ()
    block_hosts: tuple[str, ...] = ()
    """Hosts blocked besides the bundled list, where advertising is blocked."""
    filters: str = ""
    """Path of the compiled filter lists; empty: none."""
    hidden: tuple[str, ...] = ()
    """Folders hidden from the browser where the kernel allows it, besides the home folders."""
    log_level: str = "info"
    log_format: str = "json"
    """``auto`` is console on a terminal: a daemon that a service starts shares its stderr."""

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse the result of :meth:`to_json`; raises ValueError."""
        members = json.loads(text)
        known = {field.name for field in fields(cls)}
        if not isinstance(members, dict) or not set(members) <= known:
            raise ValueError("CONFIG is not the configuration of a capture daemon; use the same version on both sides")
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in members.items()}
        return cls(**values)


def address_for(config: DaemonConfig, run_dir: Path) -> str:
    """Return ``unix://`` and a socket path that is specific to settings, version and user."""
    folder = run_dir.resolve()
    identity = f"{__version__}\n{os.geteuid()}\n{folder}\n{config.to_json()}"
    name = f"capture-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.sock"
    if len(os.fsencode(folder / name)) >= _MAX_SOCKET_PATH:
        folder = _short_run_dir()
    return f"unix://{folder / name}"


def command_for(config: DaemonConfig, address: str) -> list[str]:
    """Return the command line that runs the daemon."""
    return [sys.executable, "-m", "tintype.chromium", address, config.to_json()]


def _short_run_dir() -> Path:
    """Return a private folder under the temp folder, for data folders whose paths are too long for a socket."""
    folder = Path(tempfile.gettempdir()) / f"tintype-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder} is accessible to other users; remove it, or shorten TINTYPE_DATA_DIR")
    return folder
