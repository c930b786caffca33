"""Finds the Chromium binary on this machine.

Distributions start Chromium by a shell script. Tintype starts the binary itself, because a script closes file
descriptors, adds flags and survives a signal that ends the browser.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SHARED_BROWSERS = Path("/opt/tintype/browsers")
"""Download folder of ``install-browser`` when root runs it: the browser's user cannot read the home folder of root."""

_SHELLS = ("chromium-headless-shell", "chrome-headless-shell", "headless_shell")
_FULL = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_NAMES = frozenset((*_SHELLS, *_FULL, "Chromium", "Google Chrome"))
_LIBRARIES = tuple(
    Path(folder)
    for folder in (
        "/usr/lib/chromium",  # Debian, Arch, Alpine
        "/usr/lib64/chromium-browser",  # Fedora
        "/usr/lib/chromium-browser",
        "/opt/google/chrome",
    )
)
_APPLICATIONS = (
    "Chromium.app/Contents/MacOS/Chromium",
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
)
_DOWNLOADED_SHELLS = (
    "chromium_headless_shell-*/*/chrome-headless-shell",
    "chromium_headless_shell-*/*/headless_shell",
)
_DOWNLOADED_FULL = ("chromium-*/*/chrome", *(f"chromium-*/*/{application}" for application in _APPLICATIONS))
_MAGIC = (
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",  # Mach-O, 64 bit
    b"\xca\xfe\xba\xbe",  # Mach-O for several processors
)
_MENTIONED = re.compile(r"/[A-Za-z0-9._+/-]+")
_DIGITS = re.compile(r"[0-9]+")
_SCRIPT_BYTES = 64 << 10


def find_chromium(explicit: str = "") -> Path | None:
    """Find the binary to start, headless shells first; None if there is none.

    ``explicit``, a path or a command name, is the only candidate if it is set.
    """
    candidates = _named(explicit) if explicit else _candidates()
    return next((binary for candidate in candidates if (binary := resolve_wrapper(candidate))), None)


def resolve_wrapper(path: Path) -> Path | None:
    """The binary itself, or the one that a distribution's wrapper script starts; None for any other file."""
    real = path.expanduser().resolve()
    if _is_native(real):
        return real if real.name != "snap" else None
    return next((found for found in _wrapper_targets(real) if _is_native(found)), None)


def version_of(binary: Path) -> str:
    """The output of ``--version``, such as ``Chromium 156.0.8078.79``; raises OSError if the browser does not start."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError("no answer to --version within 30 s") from error
    if done.returncode != 0:
        raise OSError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0])
    return done.stdout.strip()


def is_world_executable(binary: Path) -> bool:
    """Whether every user may execute a binary: with root, the browser runs as a user that cannot enter /root."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (binary, *binary.parents))


def _named(explicit: str) -> Iterator[Path]:
    found = shutil.which(explicit)
    yield Path(found or explicit)


def _candidates() -> Iterator[Path]:
    caches = list(_caches())
    yield from _on_path(_SHELLS)
    yield from _downloaded(caches, _DOWNLOADED_SHELLS)
    yield from _on_path(_FULL)
    yield from _downloaded(caches, _DOWNLOADED_FULL)
    if sys.platform == "darwin":
        yield from (folder / name for folder in _application_folders() for name in _APPLICATIONS)


def _on_path(names: tuple[str, ...]) -> Iterator[Path]:
    yield from (Path(found) for name in names if (found := shutil.which(name)))
    yield from (library / name for name in names for library in _LIBRARIES)


def _caches() -> Iterator[Path]:
    """Download folders: those of Playwright in its own order, then the shared one."""
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    if named not in ("", "0"):
        yield Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    home = Path("~").expanduser()
    yield (Path(cache) if cache else home / ".cache") / "ms-playwright"
    yield home / "Library/Caches/ms-playwright"
    yield SHARED_BROWSERS


def _downloaded(caches: list[Path], patterns: tuple[str, ...]) -> Iterator[Path]:
    for cache in caches:
        found = [path for pattern in patterns for path in cache.glob(pattern)]
        yield from sorted(found, key=lambda path: _revision(path.relative_to(cache)), reverse=True)


def _revision(path: Path) -> int:
    """The number in ``chromium-1194``; the newest download is tried first."""
    found = _DIGITS.findall(path.parts[0])
    return int(found[-1]) if found else 0


def _application_folders() -> tuple[Path, ...]:
    return (Path("/Applications"), Path("~/Applications").expanduser())


def _is_native(path: Path) -> bool:
    if not path.is_file() or not os.access(path, os.X_OK):
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) in _MAGIC
    except OSError:
        return False


def _wrapper_targets(script: Path) -> Iterator[Path]:
    """Binaries that a wrapper can start: those it mentions, those beside it, those in the usual folders."""
    text = _script_text(script)
    if not text or "/snap/" in text:  # Ubuntu's package only points to a snap, which Tintype cannot control
        return
    mentioned = [Path(found) for found in _MENTIONED.findall(text)]
    yield from (path for path in mentioned if path.name in _NAMES)
    own_name_first = (script.name, *sorted(_NAMES - {script.name}))
    folders = (*mentioned, script.parent, *(_LIBRARIES if script.name in _NAMES else ()))
    yield from (folder / name for folder in folders for name in own_name_first)


def _script_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(_SCRIPT_BYTES)
    except OSError:
        return ""
    return head.decode(errors="replace") if head.startswith(b"#!") else ""
