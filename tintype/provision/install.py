"""How a machine gets what captures need: a browser, fonts, and a user to run the browser as.

Takes what is there first. As root on Debian and Ubuntu it asks apt; elsewhere, and where apt has no browser (Ubuntu's
package is a pointer to a snap, which cannot be driven), Playwright's downloader; else it says what to do.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tintype.provision import find_browser, fonts

_BROWSERS = ("chromium-headless-shell", "chromium")
_DOWNLOAD = ("install", "chromium-headless-shell")
_TIMEOUT = 1800.0
"""Seconds a package manager may take: a slow mirror and 300 MB."""

_NO_BROWSER_HELP = """\
No Chromium was found, and none could be installed from here.
Install one: as root on Debian or Ubuntu run `tintype install-browser`; elsewhere `npx playwright install \
chromium-headless-shell`, or your system's package of Chromium or Chrome.
Then try again, or point TINTYPE_CHROMIUM at its binary."""

Report = Callable[[str], None]


class InstallFailed(Exception):
    """There is no browser that starts; the text says what the operator can do."""


def install_browser(explicit: str, user: str, report: Report, packages: Sequence[str] = fonts.PACKAGES) -> Path:
    """A browser that starts, with fonts and its user; raises InstallFailed.

    ``explicit`` is TINTYPE_CHROMIUM, ``packages`` are Debian's of fonts. Needs root for packages and ``user``; without
    root it uses what there is.
    """
    if explicit and not find_browser.find_chromium(explicit):
        raise InstallFailed(f"TINTYPE_CHROMIUM: there is no browser at {explicit}")
    if os.geteuid() == 0:
        _ensure_user(user, report)
        _install_packages(_usable_browser(explicit), packages, report)
    binary = _usable_browser(explicit) or _download(report)
    if binary is None:
        raise InstallFailed(_NO_BROWSER_HELP)
    _check_start(binary)
    _check_fonts(report)
    return binary


def _usable_browser(explicit: str) -> Path | None:
    """The browser there is, unless it lies where the browser's user cannot reach it."""
    binary = find_browser.find_chromium(explicit)
    if binary and os.geteuid() == 0 and not explicit and not find_browser.is_world_executable(binary):
        return None
    return binary


def _ensure_user(user: str, report: Report) -> None:
    """Chromium refuses its sandbox to root, so started by root it becomes this user."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam(user)
        return
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    if _run([*command, user]):
        report(f"Created the system user {user}, which Chromium runs as.")
    else:
        report(f"Could not create the system user {user}: name an existing one in TINTYPE_BROWSER_USER.")


def _install_packages(binary: Path | None, packages: Sequence[str], report: Report) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-query"):
        return
    wanted = [name for name in packages if not _is_installed(name)]
    if binary and not wanted:
        return
    if not _run(["apt-get", "update", "-qq"]):
        report("apt-get update failed; going on with the package lists there are.")
    if not binary and (browser := next(filter(_is_available, _BROWSERS), None)):
        _apt_install([browser], report)
    if wanted:
        _apt_install(wanted, report)


def _apt_install(packages: Sequence[str], report: Report) -> None:
    report(f"Installing {' '.join(packages)} ...")
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages]
    if not _run(command, {"DEBIAN_FRONTEND": "noninteractive"}):
        report(f"apt-get could not install {' '.join(packages)}.")


def _is_installed(package: str) -> bool:
    return "ok installed" in _output(["dpkg-query", "-W", "-f", "${Status}", package])


def _is_available(package: str) -> bool:
    """Whether apt has a real package: Ubuntu's has ``snap`` in its version and holds no browser."""
    candidate = next(
        (line for line in _output(["apt-cache", "policy", package]).splitlines() if "Candidate:" in line), ""
    )
    return bool(candidate) and "(none)" not in candidate and "snap" not in candidate


def _download(report: Report) -> Path | None:
    downloader = _downloader()
    if downloader is None:
        return None
    root = os.geteuid() == 0
    report("Downloading Chromium with Playwright ...")
    shared = {"PLAYWRIGHT_BROWSERS_PATH": str(find_browser.SHARED_BROWSERS)} if root else {}
    if not _run([*downloader, *_DOWNLOAD, *(["--with-deps"] if root else [])], shared):
        report("Playwright could not download it.")
    return find_browser.find_chromium()


def _downloader() -> list[str] | None:
    if importlib.util.find_spec("playwright"):
        return [sys.executable, "-m", "playwright"]
    return [npx, "--yes", "playwright"] if (npx := shutil.which("npx")) else None


def _check_start(binary: Path) -> None:
    try:
        find_browser.version_of(binary)
    except OSError as error:
        raise InstallFailed(f"{binary} does not start: {error}") from error


def _check_fonts(report: Report) -> None:
    """Which letters will be boxes. Without fontconfig nobody knows, which ``tintype doctor`` says."""
    with contextlib.suppress(fonts.FontconfigUnavailable):
        for line in fonts.advice(fonts.missing_scripts(), fonts.missing_substitutes()):
            report(f"Fonts: {line}.")


def _run(command: Sequence[str], more: Mapping[str, str] | None = None) -> bool:
    """Whether a command succeeded; what it reports as an error goes to the operator."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
